"""The audit of a gossip run: every member's merge is redone, and whatever differs is named."""

from dataclasses import replace

import pytest

from authority.audit.history import history_of
from authority.audit.replay import replay, say
from node.digest import digest
from node.gossip.merging import neighbours_of
from node.ledger import AttestOwn
from tests.swarm import played, quick_disk

__all__ = ["quick_disk"]
pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("quick_disk")]

K = 2


def gossiped(folder, prepare=lambda swarm: None, rounds=2):
    """A gossip run of six, of which each hears two."""
    return played(folder, prepare, nodes=6, rounds=rounds, merge="nna", hostile=1, neighbours=K)


def audit(swarm, *without):
    """The findings of an audit with the blobs of all but some."""
    folders = [node.blobs for member, node in swarm.nodes.items() if member not in without]
    done = replay(swarm.record, swarm.run, folders)
    return [(one.round, one.member, found.member, found.what) for one in done for found in one.findings]


def forging(member, forge):
    """Lets a member attest something else than its node found."""

    def prepare(swarm):
        line = swarm[member].line
        line.forge = lambda call: forge(swarm, call) if isinstance(call, AttestOwn) else call

    return prepare


def test_an_honest_run_is_identical(tmp_path):
    """A member's merges of all rounds follow from the updates; own models in between are made again."""
    swarm = gossiped(tmp_path)
    done = replay(swarm.record, swarm.run, [node.blobs for node in swarm.nodes.values()])
    assert [(one.round, one.member, one.inputs, one.good) for one in done] == [
        (r, m, K + 1, True) for r in range(2) for m in range(1, 7)
    ]
    assert say(done[0], lambda member: f"clinic-{member}") == [
        "round 0: clinic-1: 3 inputs merged again: identical"
    ]
    assert (done[0].plain()["member"], done[0].plain()["good"]) == (1, True)


def test_models_need_not_be_kept(tmp_path):
    """The updates are enough: each base is the merge before."""
    swarm = gossiped(tmp_path)
    models = {one.merged for round_ in swarm.run.rounds for one in round_.attested.values()}
    for node in swarm.nodes.values():
        for model in models:
            node.blob(model).unlink(missing_ok=True)
    assert audit(swarm) == []


def test_a_false_model_is_named(tmp_path):
    """Whose it is, and what it should be; the honest members' merges stand."""

    def lie(swarm, call):
        return (
            replace(call, merged=digest(b"better"), receipt=digest(b"better"))
            if not call.round
            else call
        )

    swarm = gossiped(tmp_path, forging(3, lie), rounds=1)
    ((round_, whose, member, what),) = audit(swarm)
    assert (round_, whose, member) == (0, 3, 3)
    assert what.startswith("the merge gives ")
    assert what.endswith(f", attested was {digest(b'better').short}")


def test_a_false_receipt_is_named(tmp_path):
    """Though the model is right."""
    swarm = gossiped(
        tmp_path, forging(3, lambda swarm, call: replace(call, receipt=digest(b"r"))), rounds=1
    )
    ((round_, whose, member, what),) = audit(swarm)
    assert (round_, whose, member) == (0, 3, 3)
    assert "differs from ours" in what


def test_an_input_that_was_no_neighbour_is_named(tmp_path):
    """The chain takes it; who hears whom is not its business, but the auditor's."""
    strangers = []

    def lie(swarm, call):
        run = swarm.run
        near = {3, *neighbours_of(run, run.rounds[0], K, 3)}
        strangers.append(next(m for m in run.seats if m not in near))
        return replace(call, inputs=call.inputs | run.bit(strangers[0]))

    swarm = gossiped(tmp_path, forging(3, lie), rounds=1)
    assert audit(swarm) == [(0, 3, strangers[0], "merged, and no neighbour")]


def test_a_merge_of_fewer_than_it_says_is_named(tmp_path):
    """A member that says it stayed alone, and merged."""
    swarm = gossiped(
        tmp_path, forging(3, lambda swarm, call: replace(call, inputs=swarm.run.bit(3))), rounds=1
    )
    ((_, whose, member, what),) = audit(swarm)
    assert (whose, member) == (3, 3)
    assert "the merge gives" in what


def test_an_altered_update_is_named(tmp_path):
    """In every merge that took it, unless another copy is whole."""
    swarm = gossiped(tmp_path, rounds=1)
    name = swarm.run.rounds[0].revealed[3].digest
    holders = swarm.holders(name)
    for member in holders:
        path = swarm[member].blob(name)
        path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    found = audit(swarm)
    assert {(whose, member) for _, whose, member, _ in found} == {(m, 3) for m in holders}
    assert all("damaged in" in what for *_, what in found)


def test_a_missing_update_is_named(tmp_path):
    """The audit needs its author's or a neighbour's disk."""
    swarm = gossiped(tmp_path, rounds=1)
    name = swarm.run.rounds[0].revealed[3].digest
    found = audit(swarm, *swarm.holders(name))
    assert (0, 3, 3, f"update {name.short}: no copy was found") in found


def test_the_history_of_a_gossip_run(tmp_path):
    """Rounds end; who was waited for and attested nothing is named."""

    def silent(swarm):
        swarm[4].line.crash_before = AttestOwn

    swarm = gossiped(tmp_path, silent)
    first, second = history_of(swarm.record, swarm.run)
    assert (first.outcome, first.model, first.missing) == ("ended", None, (4,))
    assert (first.inputs, first.attested) == ((1, 2, 3, 4, 5, 6), (1, 2, 3, 5, 6))
    assert (second.outcome, second.missing, second.disputed) == ("ended", (4,), ())
