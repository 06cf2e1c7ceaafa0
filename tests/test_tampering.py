"""Tampering, each found and named right: bytes, missing, merge, receipt, or the chain's own record.

Exports have their own, tests/test_passport*.py; logs that endpoints hide, tests/test_reading.py; any
log hidden, added, altered or moved, tests/test_coherence.py.
"""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from authority.audit.checked import check
from authority.audit.coherence import contradictions
from authority.audit.finding import Kind
from authority.audit.place import Place
from authority.audit.record import folded
from authority.audit.replay import replay, say
from authority.audit.subject import Subject
from node.blobs import DiskBlobs
from node.digest import Digest
from node.erasure import LONGEST, erase, erasure
from node.ledger import (
    Attest,
    Evicted,
    Held,
    InputsFixed,
    MemberRevoked,
    Revealed,
    RunOpened,
)
from node.receipt import Receipt
from tests.swarm import RUN, played, quick_disk

__all__ = ["quick_disk"]
pytestmark = [pytest.mark.timeout(90), pytest.mark.usefixtures("quick_disk")]
TODAY = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture
def swarm(tmp_path):
    """Two rounds of four."""
    return played(tmp_path)


def found(swarm, *members):
    """What a replay finds with these members' blobs: kind, round, member and field."""
    done = replay(swarm.record, swarm.run, [swarm[m].blobs for m in members or (1,)])
    return [(f.kind, f.round, f.member, f.field) for one in done for f in one.findings]


def update_file(swarm, member, round_=0):
    """Where node 1 has a member's update."""
    return swarm[1].blob(swarm.run.rounds[round_].revealed[member].digest)


def flip(path, at=-1):
    """Change one bit of one byte."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("at", [0, 9, 100, -1])
def test_a_byte_flipped_in_an_update(swarm, at):
    """Anywhere: length, header, mark, values."""
    flip(update_file(swarm, 3), at)
    assert found(swarm) == [(Kind.BYTES, 0, 3, None)]


@pytest.mark.parametrize("what", ["merged", "receipt"])
def test_a_byte_flipped_in_a_model_or_a_receipt(swarm, what):
    """Though it can be made again, whoever trusts that copy is warned."""
    flip(swarm[1].blob(getattr(swarm.run.rounds[1].finalized, what)))
    assert found(swarm) == [(Kind.BYTES, 1, None, None)]


def test_two_inputs_swapped_on_disk(swarm):
    """Each has the other's digest."""
    one, other = update_file(swarm, 2), update_file(swarm, 3)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    assert found(swarm) == [(Kind.BYTES, 0, 2, None), (Kind.BYTES, 0, 3, None)]


def test_an_update_replaced_by_another_valid_one(swarm):
    """The same member's of the next round."""
    update_file(swarm, 2).write_bytes(update_file(swarm, 2, round_=1).read_bytes())
    assert found(swarm) == [(Kind.BYTES, 0, 2, None)]


def test_a_missing_update_says_who_had_it(swarm):
    """All who said on the chain that they hold it."""
    update_file(swarm, 2).unlink()
    (one, _) = replay(swarm.record, swarm.run, [swarm[1].blobs])
    assert (one.findings[0].kind, one.findings[0].holders) == (Kind.MISSING, (1, 2, 3, 4))
    assert say(one, "clinic {}".format)[1].endswith(
        "no copy was found; clinic 1, clinic 2, clinic 3, clinic 4 said to have it"
    )


def test_a_blob_erased_on_purpose(swarm):
    """Reads erased, with when and why; the merge is neither confirmed nor suspicious."""
    digest = swarm.run.rounds[0].revealed[2].digest
    assert erase(swarm[1].blobs, digest, "consent withdrawn", TODAY)
    done = replay(swarm.record, swarm.run, [swarm[1].blobs])
    assert [(one.good, one.erased) for one in done] == [(False, True), (True, False)]
    assert say(done[0], "clinic {}".format)[0] == "round 0: 4 inputs can't be merged again: erased"
    assert "erased on 2026-07-01, because: consent withdrawn" in done[0].findings[0].what


def test_what_was_erased_here_may_be_elsewhere(swarm):
    """A whole copy confirms the merge all the same."""
    erase(swarm[1].blobs, swarm.run.rounds[0].revealed[2].digest, "", TODAY)
    assert found(swarm, 1, 2) == []


def test_an_erasure_note_can_say_nothing_wild(tmp_path):
    """It is cut, and has no control characters; a note that makes no sense is none."""
    digest = Digest(bytes(32))
    assert not erase(tmp_path, digest, "\x1b[31m" + "x" * 1000, TODAY)
    said = erasure(tmp_path, digest)
    assert said.isprintable()
    assert len(said) <= 2 * LONGEST
    (tmp_path / f".erased-{digest.hex}").write_text("[]")
    assert erasure(tmp_path, digest) == ""


def forging(change):
    """Lets all nodes attest a receipt that `change` made of the honest one."""

    def prepare(swarm):
        for node in swarm.nodes.values():
            node.line.forge = lambda call, node=node: _forged(DiskBlobs(node.blobs), call, change)

    return prepare


def _forged(blobs, call, change):
    if not isinstance(call, Attest):
        return call
    receipt = Receipt.from_bytes(bytes(blobs.view(call.receipt)))
    return replace(call, receipt=blobs.put(change(receipt).to_bytes()))


@pytest.mark.parametrize(
    ("field", "value"), [("seed", b"\7" * 32), ("rule", "mean"), ("f", 2), ("left_out", (4,))]
)
def test_a_merge_said_to_be_under_another_seed_or_rule(tmp_path, field, value):
    """A whole swarm lies in its receipts: the field is named."""
    swarm = played(tmp_path, forging(lambda receipt: replace(receipt, **{field: value})), rounds=1)
    assert found(swarm) == [(Kind.RECEIPT, 0, None, field)]


def with_log(record, change):
    """The record with each log as `change` makes it."""
    return replace(record, logged=tuple(replace(o, event=change(o.event)) for o in record.logged))


def contradiction(record):
    """The one contradiction of a record: kind, run, round and field."""
    (finding,) = contradictions(record)
    return finding.kind, finding.run, finding.round, finding.field


def test_a_manifest_altered_afterwards(swarm):
    """Its digest was on the chain, too."""

    def change(event):
        return replace(event, manifest=event.manifest + b" ") if isinstance(event, RunOpened) else event

    assert contradiction(with_log(swarm.record, change)) == (Kind.RECORD, RUN, None, "manifest_digest")


def test_two_inputs_swapped_on_the_chain(swarm):
    """An update that isn't the committed one."""
    first = swarm.run.rounds[0].revealed
    swap = {2: first[3].digest, 3: first[2].digest}

    def change(event):
        if isinstance(event, Revealed) and event.round == 0 and event.member in swap:
            return replace(event, digest=swap[event.member])
        return event

    (finding,) = contradictions(with_log(swarm.record, change))
    assert (finding.kind, finding.round) == (Kind.RECORD, 0)
    assert finding.member in swap
    assert "RevealMismatch" in finding.what


def test_another_seed_on_the_chain(swarm):
    """It follows from the salts."""

    def change(event):
        return replace(event, seed=b"\7" * 32) if isinstance(event, InputsFixed) else event

    assert contradiction(with_log(swarm.record, change)) == (Kind.RECORD, RUN, 0, "seed")


def test_a_revoked_members_update_included(swarm):
    """The contract takes it out; who holds it all the same makes the record contradict itself."""
    logged = swarm.record.logged
    at = next(i for i, o in enumerate(logged) if isinstance(o.event, Held))
    told = [MemberRevoked(3, 1, 1), Evicted(RUN, 3, swarm.run.seats[3])]
    revoked = [replace(logged[at], event=event) for event in told]
    kind, run, round_, _ = contradiction(
        replace(swarm.record, logged=(*logged[:at], *revoked, *logged[at:]))
    )
    assert (kind, run, round_) == (Kind.RECORD, RUN, 0)


def test_rounds_before_a_contradiction_are_redone_all_the_same(swarm):
    """A record is good up to where it contradicts itself; from there on it is no ground to stand on."""

    def change(event):
        wild = isinstance(event, InputsFixed) and event.round == 1
        return replace(event, inputs=0xFFFF) if wild else event

    record = with_log(swarm.record, change)
    record = replace(record, chronicle=folded(record.logged))
    place = Place((), record.network, (swarm[1].blobs,))
    found = check(Subject(record, record.run(RUN), place))
    assert [(one.round, one.good) for one in found.replayed] == [(0, True)]
    assert (found.until, found.good) == (1, False)
    assert found.problems == ("the chain's record contradicts itself",)


def test_a_file_of_terabytes_is_not_hashed(swarm):
    """A sparse file under a digest's name costs nothing, and is no copy."""
    path = update_file(swarm, 2)
    with path.open("wb") as file:
        file.truncate(1 << 40)
    assert found(swarm) == [(Kind.BYTES, 0, 2, None)]
