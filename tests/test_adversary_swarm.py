"""Whole drivers with hostile ones among them: rounds finalize, and what became of each lie."""

import numpy as np
import pytest

from node.blobs import DiskBlobs
from node.entropy import SeededEntropy
from node.ledger import Advance, Commit, Enter
from node.weights import arrays
from sim.adversary.grammar import conduct_of, known
from sim.adversary.promises import next_seed
from sim.adversary.stage import Stage
from tests.swarm import RUN, Swarm, now, on_virtual_time, quick_disk

__all__ = ["quick_disk"]
pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("quick_disk")]

REFUSED = {"nan", "infinity", "huge", "wrong-shape", "wrong-dtype", "truncated", "malformed-header",
           "wrong-mark"}  # fmt: skip
NOT_FETCHED = {"oversize", "withhold", "wrong-bytes"}
OLD = {"stale-bytes", "copied-bytes"}
SILENT = {"absent", "come-and-go", "no-reveal"}
UNSURE = {"equivocate", "withhold-some", "steer-seed"}
"""Depends on the lots."""


def swarm_with(folder, text, *members, **given):
    """A swarm in which these members conspire."""
    swarm = Swarm(folder, **given)
    for member in members:
        swarm[member].conduct = lambda m=member: conduct_of(text, Stage(m, now, 3, members))
    return swarm


def inputs_of(run):
    """Whose updates were merged, by round."""
    return [run.members_in(r.inputs or 0) for r in run.rounds]


def expected_inputs(text):
    """What the others merge in two rounds when member 4 does this."""
    with_it, without = (1, 2, 3, 4), (1, 2, 3)
    if text in REFUSED | NOT_FETCHED | SILENT:
        return [without, without]
    return [with_it, without if text in OLD else with_it]


@pytest.mark.parametrize("text", known())
def test_one_attacker_costs_a_round_at_most(tmp_path, text):
    """Every round is finalized, honest nodes agree and hold the model; bad bytes are no input."""

    @on_virtual_time
    async def test():
        swarm = swarm_with(tmp_path, text, 4, rounds=2)
        run = await swarm.play()
        assert swarm.finalized == [0, 1]
        assert {1, 2, 3} <= set(swarm.holders(run.model))
        assert [swarm[honest].ended for honest in (1, 2, 3)] == [None] * 3
        assert [set(r.disputed) - {4} for r in run.rounds] == [set(), set()]
        assert text in UNSURE or inputs_of(run) == expected_inputs(text)

    test()


def rows(swarm, round_, *members):
    """Members' updates of a round, less its base."""
    blobs = DiskBlobs(swarm[1].blobs)
    base = arrays(blobs.view(round_.base))["w"]
    return [arrays(blobs.view(round_.revealed[m].digest))["w"] - base for m in members]


@on_virtual_time
async def test_a_sign_flip_turns_what_it_saw_last_round(tmp_path):
    """Commit and reveal leave an attacker the round before: that one's honest mean, backwards."""
    run = await (swarm := swarm_with(tmp_path, "sign-flip:scale=10", 4, rounds=2)).play()
    first, second = run.rounds
    honest = np.mean(np.float64(rows(swarm, first, 1, 2, 3)), axis=0)
    np.testing.assert_allclose(rows(swarm, second, 4)[0], -10 * honest, rtol=1e-3, atol=1e-5)


@on_virtual_time
async def test_conspirators_send_the_same(tmp_path):
    """An operator's names lie alike, in a round in which they know the same of the others."""
    run = await (swarm := swarm_with(tmp_path, "alie", 6, 7, nodes=7, rounds=2)).play()
    one, two = rows(swarm, run.rounds[1], 6, 7)
    np.testing.assert_array_equal(one, two)
    assert run.rounds[1].revealed[6].digest != run.rounds[1].revealed[7].digest


@on_virtual_time
async def test_a_sybil_trains_once(tmp_path):
    """Its names send one update, a little different each."""
    run = await (swarm := swarm_with(tmp_path, "sybil", 6, 7, nodes=7, rounds=1)).play()
    one, two = rows(swarm, run.rounds[0], 6, 7)
    np.testing.assert_allclose(one, two, atol=0.02)
    assert not np.array_equal(one, two)


@on_virtual_time
async def test_label_flip_turns_a_trainer_without_data(tmp_path):
    """Where there are no labels to mirror the step is turned round."""
    for name in ("flipped", "honest"):
        (tmp_path / name).mkdir()
    flipped = swarm_with(tmp_path / "flipped", "label-flip", 4, rounds=1)
    honest = Swarm(tmp_path / "honest", rounds=1)
    turned = rows(flipped, (await flipped.play()).rounds[0], 4)
    straight = rows(honest, (await honest.play()).rounds[0], 4)
    np.testing.assert_allclose(turned, np.negative(straight), rtol=1e-5)


@on_virtual_time
async def test_false_attesters_are_disputed(tmp_path):
    """Two of seven can't finalize their lie: the others do, and both are on record."""
    run = await swarm_with(tmp_path, "false-attest", 6, 7, nodes=7, rounds=2).play()
    assert [r.disputed for r in run.rounds] == [(6, 7), (6, 7)]


@on_virtual_time
async def test_more_liars_than_f_stop_the_rounds(tmp_path):
    """With two of four attesting a lie neither side has a quorum: the rounds are skipped, on record."""
    swarm = swarm_with(tmp_path, "false-attest", 3, 4, rounds=2)
    run = await swarm.play()
    assert (swarm.finalized, run.closed is not None) == ([], True)


@on_virtual_time
async def test_an_attester_that_copies_merges_nothing(tmp_path):
    """It has no model of its own, and nobody can tell from the chain."""
    swarm = swarm_with(tmp_path, "copy-attest", 4, rounds=1)
    run = await swarm.play()
    round_ = run.rounds[0]
    assert round_.attested[4] == round_.finalized
    assert not swarm[4].blob(round_.finalized.receipt).exists()


def left_out(seed):
    """Whom of the first three members a partial server doesn't serve, with these lots."""
    may = conduct_of("withhold-some", Stage(4, now, seed)).may_serve(lambda name, peer: True)
    return [m for m in (1, 2, 3) if not may(None, bytes([m]) * 32)]


@on_virtual_time
async def test_those_served_serve_the_others(tmp_path):
    """An update that its author serves to a quorum is an input, and who wasn't served gets it there."""
    seed = next(seed for seed in range(99) if left_out(seed) == [1])
    swarm = Swarm(tmp_path, rounds=1)
    swarm[4].conduct = lambda: conduct_of("withhold-some", Stage(4, now, seed))
    run = await swarm.play()
    assert inputs_of(run) == [(1, 2, 3, 4)]
    assert run.rounds[0].attested.keys() == {1, 2, 3, 4}


@on_virtual_time
async def test_a_late_server_is_waited_for(tmp_path):
    """What comes before time gets short is an input; what comes after is not."""
    run = await swarm_with(tmp_path, "late:share=0.5", 4, rounds=1).play()
    assert inputs_of(run) == [(1, 2, 3, 4)]


@on_virtual_time
async def test_a_very_late_server_is_not(tmp_path):
    """The others call without it before the deadline."""
    run = await swarm_with(tmp_path, "late:share=0.95", 4, rounds=1).play()
    assert inputs_of(run) == [(1, 2, 3)]


@on_virtual_time
async def test_a_second_commitment_is_refused(tmp_path):
    """It is sent while others still train, and the first one stays."""
    swarm = swarm_with(tmp_path, "second-commit", 4, rounds=1)
    swarm[1].trainer.seconds = 10
    run = await swarm.play()
    one, two = (call.commitment for call in swarm[4].line.of(Commit))
    assert one != two
    assert inputs_of(run) == [(1, 2, 3, 4)]


@on_virtual_time
async def test_hurrying_changes_nothing(tmp_path):
    """The contract refuses it; nobody is left out."""
    swarm = swarm_with(tmp_path, "hurry", 4, rounds=2)
    run = await swarm.play()
    assert swarm[4].line.of(Advance)
    assert inputs_of(run) == [(1, 2, 3, 4)] * 2


@on_virtual_time
async def test_who_comes_and_goes_is_waited_for_less_and_less(tmp_path):
    """Each comeback counts from a round further ahead, so that the run gets on."""
    swarm = swarm_with(tmp_path, "come-and-go", 4, rounds=12)
    for node in swarm.nodes.values():
        node.trainer.seconds = 1.0  # else all rounds fit in between two looks at the chain
    run = await swarm.play()
    waited = [r.number for r in run.rounds if r.expected & run.bit(4)]
    assert swarm.finalized == list(range(12))
    assert len(swarm[4].line.of(Enter)) > 2
    assert len(waited) < 8


@on_virtual_time
async def test_a_steerer_chooses_between_two_seeds(tmp_path):
    """It reveals only where the seed is then the smaller one; rounds go on either way."""
    swarm = swarm_with(tmp_path, "steer-seed", 4, rounds=6)
    run = await swarm.play()
    assert swarm.finalized == list(range(6))
    before, chosen = bytes(32), {}
    for round_ in run.rounds:
        others = [(m, r.salt) for m, r in round_.revealed.items() if m != 4]
        salt = SeededEntropy(0).salt(None, RUN, round_.number, round_.base, 4)
        seeds = [next_seed(before, r, RUN, round_.number) for r in (others, [*others, (4, salt)])]
        if round_.expected & run.bit(4):
            chosen[round_.number] = (round_.seed == min(seeds), round_.seed == max(seeds))
        before = round_.seed
    assert len(chosen) > 1
    assert set(chosen.values()) == {(True, False)}


@on_virtual_time
async def test_many_kinds_at_once(tmp_path):
    """Three different attackers among ten: every round is finalized by the honest seven."""
    swarm = Swarm(tmp_path, nodes=10, rounds=3)
    for member, text in ((8, "sign-flip:scale=10"), (9, "equivocate"), (10, "false-attest")):
        swarm[member].conduct = lambda m=member, t=text: conduct_of(t, Stage(m, now, 3))
    run = await swarm.play()
    assert swarm.finalized == [0, 1, 2]
    assert set(range(1, 8)) <= set(swarm.holders(run.model))
    assert [set(r.disputed) for r in run.rounds] == [{10}] * 3


@on_virtual_time
async def test_an_attacker_that_crashes_goes_on_attacking(tmp_path):
    """Its next life gets a new conduct; what it promised before stays promised."""
    swarm = swarm_with(tmp_path, "nan", 4, rounds=2)
    swarm[4].line.crash_after = Commit

    async def comes_back():
        await swarm.dead(4)
        swarm[4].line.crash_after = None
        swarm.start(4)

    run = await swarm.play(story=comes_back)
    assert (swarm.finalized, inputs_of(run)) == ([0, 1], [(1, 2, 3)] * 2)
