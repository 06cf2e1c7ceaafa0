"""The record, told once more by the contracts' rules: whatever was hidden, added or altered shows."""

from dataclasses import fields, replace

import pytest

from authority.audit.coherence import contradictions
from authority.audit.finding import Kind
from authority.audit.record import told_by
from node.contracts.chain import MemoryChain, memory_address
from node.digest import Digest, digest
from node.exchange import PeerKey
from node.ledger import (
    AdmitAuditor,
    Attested,
    AuditorRevoked,
    Committed,
    Held,
    InputsFixed,
    RevokeAuditor,
    RunOpened,
    Terms,
)
from tests.swarm import RUN, Swarm, on_virtual_time, quick_disk

__all__ = ["quick_disk"]
pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("quick_disk")]


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """What is on the chain after two rounds of four, the second without the fourth's hold."""
    played = []

    @on_virtual_time
    async def play():
        swarm = Swarm(tmp_path_factory.mktemp("swarm"), rounds=2)
        await swarm.play()
        played.append(swarm.record)

    play()
    return played[0]


def found(record, logged):
    """What is wrong with a record of these logs."""
    return contradictions(replace(record, logged=tuple(logged)))


def test_an_honest_record_follows_from_itself(record):
    """Members, a run, all rounds."""
    assert contradictions(record) == ()


def _changes_something(logged):
    """Whether anything after a log depends on it: late attestations and the record's end don't."""
    kept, last_late = set(), False
    for at, one in enumerate(logged):
        later = [other.event for other in logged[at + 1 :]]
        if isinstance(one.event, Attested):
            last_late = not any(
                type(e).__name__ == "RoundFinalized" and e.round == one.event.round for e in later
            )
            if last_late:
                continue
        if later:
            kept.add(at)
    return sorted(kept)


def test_a_hidden_log_is_found(record):
    """Any one of them, but a late attestation, which counts for nothing."""
    logged = record.logged
    missed = [
        logged[at].event
        for at in _changes_something(logged)
        if not found(record, [*logged[:at], *logged[at + 1 :]])
    ]
    assert missed == []


def test_an_added_log_is_found(record):
    """Every log, told twice."""
    logged = record.logged
    missed = [
        logged[at].event
        for at in range(len(logged))
        if not found(record, [*logged[: at + 1], *logged[at:]])
    ]
    assert missed == []


def _altered(event):
    """The event with each of its fields changed, one at a time."""
    for field in fields(event):
        value = getattr(event, field.name)
        match value:
            case bool() | Terms():
                continue
            case int():
                yield (
                    field.name,
                    replace(
                        event,
                        **{
                            field.name: type(value)(
                                (value + 1) % 3 if field.name in {"reason", "phase"} else value + 1
                            )
                        },
                    ),
                )
            case bytes():
                yield field.name, replace(event, **{field.name: bytes([value[0] ^ 1]) + value[1:]})
            case Digest():
                yield field.name, replace(event, **{field.name: digest(b"another")})


FREE = {
    ("Attested", "merged"), ("Attested", "receipt"), ("Attested", "member"),
    ("MemberAdmitted", "organization"), ("MemberAdmitted", "peer_key"),
    ("Committed", "commitment"), ("Held", "bits"), ("RunOpened", "manifest"),
}  # fmt: skip
"""What a call may say as it likes; only what follows from it can contradict it."""


def test_an_altered_log_is_found(record):
    """Every field of every log that isn't its caller's to choose, and most that are."""
    logged, missed = record.logged, set()
    for at, one in enumerate(logged):
        for name, event in _altered(one.event):
            if not found(record, [*logged[:at], replace(one, event=event), *logged[at + 1 :]]):
                missed.add((type(event).__name__, name))
    assert missed <= FREE


def test_logs_out_of_order_are_found(record):
    """Two neighbours of different kinds, changed about; a late attestation may be anywhere."""
    logged, missed = record.logged, []
    for at in range(len(logged) - 1):
        one, other = logged[at : at + 2]
        if {type(one.event), type(other.event)} == {Attested, Committed}:
            continue
        if type(one.event) is not type(other.event) and not found(
            record, [*logged[:at], other, one, *logged[at + 2 :]]
        ):
            missed.append((one.event, other.event))
    assert missed == []


def test_what_is_wrong_is_named(record):
    """Kind, run, round and field."""
    at, fixed = next((i, o) for i, o in enumerate(record.logged) if isinstance(o.event, InputsFixed))
    lie = replace(fixed, event=replace(fixed.event, inputs=0b0111))
    [finding] = found(record, [*record.logged[:at], lie, *record.logged[at + 1 :]])
    assert (finding.kind, finding.run, finding.round, finding.field) == (Kind.RECORD, RUN, 0, "inputs")
    where = f"log {fixed.index} of block {fixed.block}, InputsFixed of run 1, round 0"
    assert f"{where}: inputs can't be what the record says, after all before it" == finding.what


def test_a_record_cut_off_in_a_call_is_found(record):
    """A call's events come together."""
    at = next(i for i, o in enumerate(record.logged) if isinstance(o.event, InputsFixed))
    [finding] = found(record, record.logged[:at])
    assert finding.what.startswith("the record ends before InputsFixed of run 1, round 0, which log")


def test_the_other_runs_are_followed_still(record):
    """A run that broke hides no other's contradiction."""
    opened = next(o for o in record.logged if isinstance(o.event, RunOpened))
    second = replace(opened, event=replace(opened.event, run=2, manifest_digest=bytes(32)))
    hidden = [o for o in record.logged if not isinstance(o.event, Committed)]
    assert sorted(f.run for f in found(record, [*hidden, second])) == [1, 2]


def test_a_seat_that_is_no_ones_is_found(record):
    """A hold of a member that was never admitted."""
    at, held = next((i, o) for i, o in enumerate(record.logged) if isinstance(o.event, Held))
    strange = replace(held, event=replace(held.event, member=9))
    assert found(record, [*record.logged[:at], strange, *record.logged[at:]])


def test_auditors_are_followed_too():
    """An admission that was hidden, told twice or given another key shows by the revocation."""
    key, other = PeerKey(b"\x07" * 32), PeerKey(b"\x08" * 32)
    authority = memory_address("authority")
    chain = MemoryChain(authority, clock=lambda: 1.0)
    for call in (AdmitAuditor(key, bytes(32)), RevokeAuditor(key), AdmitAuditor(other, bytes(32))):
        chain.call(authority, call)
    whole = told_by(chain)
    logged, chronicle = whole.logged, whole.chronicle
    assert (contradictions(whole), chronicle.auditors) == ((), (other,))
    [hidden] = found(whole, logged[1:])
    assert hidden.what.startswith("log 0 of block 2, AuditorRevoked, can't be here: ")
    assert len(found(whole, [logged[0], *logged])) == 1
    altered = replace(logged[1], event=AuditorRevoked(other))
    assert len(found(whole, [logged[0], altered, logged[2]])) == 1
