"""The audit: every merge of an honest run comes out the same, and whatever differs is named."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from authority.audit.history import history_of
from authority.audit.replay import replay, say
from node.blobs import DiskBlobs
from node.digest import digest
from node.ledger import Attest, Attested, Enter
from node.receipt import Receipt
from node.state import Chronicle, apply_all
from tests.swarm import RUN, Swarm, on_virtual_time, played, quick_disk

__all__ = ["quick_disk"]
pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("quick_disk")]


@pytest.fixture
def swarm(tmp_path, quick_disk):
    """A swarm whose two rounds are over; node 1's disk is the auditor's only source."""
    return played(tmp_path)


def audit(swarm, *members):
    """The findings of an audit with these members' blobs, by default the first's."""
    folders = [swarm[member].blobs for member in members or (1,)]
    done = replay(swarm.record, swarm.run, folders)
    return [(found.round, found.member, found.what) for one in done for found in one.findings]


def update_of(swarm, member, round_=0):
    """The digest of a member's update."""
    return swarm.run.rounds[round_].revealed[member].digest


def test_an_honest_run_is_identical(swarm):
    """All rounds are redone, from any node's blobs alone."""
    for member in (1, 2, 3, 4):
        done = replay(swarm.record, swarm.run, [swarm[member].blobs])
        assert [(one.round, one.inputs, one.attested, one.good) for one in done] == [
            (0, 4, 4, True),
            (1, 4, 4, True),
        ]


@pytest.mark.parametrize("merge", ["mean", "trimmed-mean:f=1"])
def test_every_rule_is_redone(tmp_path, merge, quick_disk):
    """Whatever the manifest's rule, and with a node that is absent and updates left out."""

    @on_virtual_time
    async def test():
        swarm = Swarm(tmp_path, rounds=4, merge=merge, hostile=0)
        swarm[4].line.crash_after = Enter
        await swarm.play()
        assert audit(swarm) == []
        assert len(replay(swarm.record, swarm.run, [swarm[1].blobs])) == 4

    test()


def test_the_audits_page_shows_how_to_ask_from_python(swarm):
    """Its example, on an honest run."""
    page = Path(__file__).parents[1] / "docs" / "audit.md"
    (example,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    names = {}
    exec(example, names)  # noqa: S102  # the page is ours
    found = names["ask"](swarm.record, [swarm[1].blobs])
    assert [row.outcome for row in found["rounds"]] == ["finalized", "finalized"]
    assert (found["record"], [one.good for one in found["merges"]]) == ((), [True, True])
    assert len(found["influence"].reached) == 2


def test_rounds_are_told_as_they_are_done(swarm):
    """The caller hears of each round at once."""
    heard = []
    done = replay(swarm.record, swarm.run, [swarm[1].blobs], heard.append)
    assert list(done) == heard


def test_a_damaged_update_is_named(swarm):
    """With the member whose it is, and the file."""
    path = swarm[1].blob(update_of(swarm, 3))
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    short = update_of(swarm, 3).short
    assert [(0, 3, f"update {short}: damaged in {path}")] == audit(swarm)


def test_a_damaged_copy_does_no_harm(swarm):
    """A whole copy elsewhere is as good."""
    swarm[1].blob(update_of(swarm, 3)).write_bytes(b"damaged")
    assert audit(swarm, 1, 2) == []


def test_a_missing_update_is_named(swarm):
    """With the member whose it is."""
    name = update_of(swarm, 2, round_=1)
    swarm[1].blob(name).unlink()
    assert [(1, 2, f"update {name.short}: no copy was found")] == audit(swarm)


def test_a_missing_base_is_named(swarm):
    """Without the base nothing can be redone."""
    base = swarm.run.rounds[0].base
    swarm[1].blob(base).unlink()
    assert (0, None, f"base {base.short}: no copy was found") in audit(swarm)


@pytest.mark.parametrize("kind", ["receipt", "merged"])
def test_an_altered_output_is_named(swarm, kind):
    """A receipt or model that somebody altered on disk is found, though the merge comes out right."""
    name = getattr(swarm.run.rounds[1].finalized, kind)
    path = swarm[1].blob(name)
    path.write_bytes(path.read_bytes().replace(b"0", b"1"))
    said = {"receipt": "receipt", "merged": "model"}[kind]
    assert [(1, None, f"{said} {name.short}: damaged in {path}")] == audit(swarm)


def test_a_missing_receipt_is_no_finding(swarm):
    """It follows from the merge."""
    swarm[1].blob(swarm.run.rounds[0].finalized.receipt).unlink()
    assert audit(swarm) == []


def forged(tmp_path, forge):
    """A run in which every node attests what `forge` makes of its attestation."""
    played = []

    @on_virtual_time
    async def play():
        swarm = Swarm(tmp_path, rounds=1)
        for node in swarm.nodes.values():
            node.line.forge = lambda call, node=node: (
                forge(DiskBlobs(node.blobs), call) if isinstance(call, Attest) else call
            )
        await swarm.play()
        played.append(swarm)

    play()
    return played[0]


def test_a_receipt_that_says_otherwise_is_named(tmp_path):
    """A quorum may attest a receipt with another field: the field is named."""

    def forge(blobs, call):
        receipt = Receipt.from_bytes(bytes(blobs.view(call.receipt)))
        inputs = (replace(receipt.inputs[0], used=False), *receipt.inputs[1:])
        lie = blobs.put(replace(receipt, inputs=inputs, left_out=(9,)).to_bytes())
        return replace(call, receipt=lie)

    swarm = forged(tmp_path, forge)
    short = swarm.run.rounds[0].finalized.receipt.short
    what = f"receipt {short} says otherwise than the merge: inputs[0].used, left_out"
    assert [(0, None, what)] == audit(swarm)


def test_a_majority_of_liars_is_named(tmp_path):
    """A model that the inputs don't give was attested: the audit says which one they give."""
    lie = digest(b"another model")
    swarm = forged(tmp_path, lambda blobs, call: replace(call, merged=lie))
    [(round_, member, what)] = audit(swarm)
    assert (round_, member) == (0, None)
    assert what.endswith(f"attested was {lie.short}")


def test_a_disputed_attestation_is_named(swarm):
    """An attestation that differs is on record with its member; the merge is confirmed all the same."""
    lie = digest(b"another model")
    logged = tuple(
        replace(one, event=replace(one.event, merged=lie)) if _is_attested(one.event, 1, 4) else one
        for one in swarm.logged
    )
    chronicle = apply_all(Chronicle(), (one.event for one in logged))
    record = replace(swarm.record, logged=logged, chronicle=chronicle)
    done = replay(record, chronicle.runs[RUN], [swarm[1].blobs])
    assert [one.good for one in done] == [True, True]
    assert [
        "round 1: 4 inputs merged again: identical",
        f"  clinic 4: attested {lie.short}, unlike the quorum",
    ] == say(done[1], lambda member: f"clinic {member}")


def _is_attested(event, round_, member):
    return isinstance(event, Attested) and (event.round, event.member) == (round_, member)


def test_the_history_names_who_was_missing(tmp_path, quick_disk):
    """A line for each round: outcome, inputs, and who was waited for in vain."""

    @on_virtual_time
    async def test():
        swarm = Swarm(tmp_path, rounds=3)
        swarm[4].line.crash_after = Enter
        await swarm.play()
        rows = history_of(swarm.record, swarm.run)
        assert [(row.outcome, row.inputs, row.missing) for row in rows] == [
            ("finalized", (1, 2, 3), (4,)),
            ("finalized", (1, 2, 3), (4,)),
            ("finalized", (1, 2, 3), ()),
        ]

    test()
