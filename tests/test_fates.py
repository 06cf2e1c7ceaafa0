"""What became of attackers, found from the chain and the blobs of whole swarms."""

import pytest

from sim.adversary.grammar import conduct_of
from sim.adversary.stage import Stage
from sim.fates import fates_of
from sim.hostile import Role
from sim.verdicts import Seen, evidence, verdict
from tests.swarm import Swarm, now, on_virtual_time, quick_disk

__all__ = ["quick_disk"]
pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("quick_disk")]

FATES = {
    "nan": (
        "refused",
        "update fails verification: values: 'w' has one that is not finite or too large",
    ),
    "wrong-shape": ("refused", "update fails verification: tensors: 'seen' I64 [1] where the base has"),
    "withhold": ("timed out", "no quorum got its update in time (2 of 2 rounds)"),
    "no-reveal": ("timed out", "promised an update and revealed none (2 of 2 rounds)"),
    "absent": ("timed out", "promised nothing (2 of 2 rounds)"),
    "false-attest": ("outvoted", "attested another model, on record as disputed (2 of 2 rounds)"),
    "copied-bytes": ("refused", "update fails verification: mark: it is of "),
}


@pytest.mark.parametrize("text", FATES)
def test_the_fate_of_an_attacker(tmp_path, text):
    """One of four, by what is on the chain and in the blobs."""

    @on_virtual_time
    async def test():
        swarm = Swarm(tmp_path, rounds=2)
        swarm[4].conduct = lambda: conduct_of(text, Stage(4, now, 3))
        run = await swarm.play()
        folders = [node.blobs for node in swarm.nodes.values()]
        (fate,) = fates_of(run, folders, {"clinic-4": Role(text, 4, (4,), 3)})
        word, shown = FATES[text]
        assert (fate.clinic, fate.attack, fate.verdict) == ("clinic-4", text, word)
        assert any(line.startswith(shown) for line in fate.evidence), fate.evidence

    test()


def test_the_receipts_say_how_a_rule_took_it(tmp_path):
    """Scores of the step before the rule, and what the merge would be without it."""

    @on_virtual_time
    async def test():
        swarm = Swarm(tmp_path, nodes=7, rounds=3, merge="nnm+trimmed-mean")
        for member in (6, 7):
            swarm[member].conduct = lambda m=member: conduct_of("gaussian", Stage(m, now, 3, (6, 7)))
        run = await swarm.play()
        folders = [node.blobs for node in swarm.nodes.values()]
        roles = {f"clinic-{m}": Role("gaussian", m, (6, 7), 3) for m in (6, 7)}
        fates = fates_of(run, folders, roles)
        assert [fate.verdict for fate in fates] == ["outweighed"] * 2
        assert any(line.startswith("the receipts score it 1") for line in fates[0].evidence)
        assert any("moved merges by" in line for line in fates[0].evidence)

    test()


def test_a_rule_that_leaves_it_out_says_so(tmp_path):
    """Krum picks one; the attacker, far away, is never that."""

    @on_virtual_time
    async def test():
        swarm = Swarm(tmp_path, nodes=7, rounds=2, merge="krum", hostile=1)
        swarm[7].conduct = lambda: conduct_of("gaussian:sigma=100", Stage(7, now, 3))
        run = await swarm.play()
        folders = [node.blobs for node in swarm.nodes.values()]
        (fate,) = fates_of(run, folders, {"clinic-7": Role("gaussian:sigma=100", 7, (7,), 3)})
        assert fate.verdict == "left out by the rule"
        assert "the rule left its update out (2 of 2 rounds)" in fate.evidence

    test()


def test_a_model_that_is_worse_says_succeeded():
    """Of an attacker whose update was merged; not of one that never was an input."""
    assert verdict(Seen(rounds=2, inputs=2, pulls=[0.1], fair=[0.2]), harmed=True) == "succeeded"
    assert verdict(Seen(rounds=2, refused=2), harmed=True) == "refused"


@pytest.mark.parametrize(("pull", "word"), [(0.39, "outweighed"), (0.41, "taken in")])
def test_outweighed_is_moving_a_merge_no_further_than_honest_clinics(pull, word):
    """Twice at most."""
    assert verdict(Seen(rounds=1, inputs=1, pulls=[pull], fair=[0.2]), harmed=False) == word


def test_an_attacker_without_a_seat_took_no_part():
    """There is nothing to show."""
    assert (verdict(Seen(), harmed=False), list(evidence(Seen()))) == ("took no part", [])
