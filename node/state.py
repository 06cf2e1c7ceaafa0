"""What the chain's events add up to: members, and the state of each run and round.

A pure fold: `apply(chronicle, event) -> chronicle`. Nodes, auditors and status pages all know the
chain through it. The contract has already judged each call, so nothing is judged again here; the
fold only remembers. Frozen values throughout: whoever holds a chronicle holds a moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

from node.digest import Digest
from node.exchange import PeerKey
from node.ledger import (
    AccountProposed,
    AccountRotated,
    Address,
    Attested,
    AttestedOwn,
    AuditorAdmitted,
    AuditorRevoked,
    Close,
    Committed,
    Entered,
    Event,
    Evicted,
    Held,
    InputsFixed,
    MemberAdmitted,
    MemberRevoked,
    NeighboursDrawn,
    PeerKeyRotated,
    Phase,
    PhaseAdvanced,
    Revealed,
    RoundBegan,
    RoundEnded,
    RoundFinalized,
    RoundOpened,
    RoundSkipped,
    RunClosed,
    RunEvent,
    RunOpened,
    SeatsBenched,
    Skip,
    Terms,
    is_gossip,
)


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the registry has it now."""

    number: int
    account: Address
    peer_key: PeerKey
    active: bool = True


@dataclass(frozen=True, slots=True)
class Attestation:
    """What a seat says it got by merging. inputs: of which seats' updates, in gossip runs only."""

    merged: Digest
    receipt: Digest
    inputs: int = 0


@dataclass(frozen=True, slots=True)
class Round:
    """One round. Bitmaps are by seat, mappings by member number."""

    number: int
    base: Digest
    roster: int
    expected: int
    f: int
    quorum: int
    phase: Phase
    deadline: int
    committed: int = 0
    revealed: Mapping[int, Revealed] = field(default_factory=dict)
    held: Mapping[int, int] = field(default_factory=dict)
    inputs: int | None = None
    seed: bytes = b""
    attested: Mapping[int, Attestation] = field(default_factory=dict)
    finalized: Attestation | None = None
    skipped: Skip | None = None
    benched: int = 0

    @property
    def ended(self) -> bool:
        """Whether the round is over."""
        return self.finalized is not None or self.skipped is not None

    @property
    def reveals_closed(self) -> bool:
        """Whether nobody can reveal any more and updates are exchanged, so that they may be served.

        Never of a round that was skipped before: the next one starts from the same base, and its
        updates would be shaped after these.
        """
        return self.phase >= Phase.HOLD

    @property
    def disputed(self) -> tuple[int, ...]:
        """Members whose attestation differs from what a quorum attested."""
        if self.finalized is None:
            return ()
        return tuple(sorted(m for m, a in self.attested.items() if a != self.finalized))

    def lived_by(self, member: int) -> Round:
        """The round as a member knows it: for all the same, unless each has a model of its own."""
        return self


@dataclass(frozen=True, slots=True)
class Run:
    """One run: who has which seat, the present round, and every round before it."""

    number: int
    manifest_digest: bytes
    manifest: bytes
    terms: Terms
    seats: Mapping[int, int] = field(default_factory=dict)
    evicted: frozenset[int] = frozenset()
    benched: int = 0
    entering_until: int = 0
    round: Round | None = None
    past: tuple[Round, ...] = ()
    closed: Close | None = None

    @property
    def phase(self) -> Phase:
        """The run's phase."""
        if self.closed is not None:
            return Phase.CLOSED
        return self.round.phase if self.round else Phase.ENTERING

    @property
    def deadline(self) -> int:
        """When the present phase may be advanced, Unix seconds."""
        return self.round.deadline if self.round else self.entering_until

    @property
    def rounds(self) -> tuple[Round, ...]:
        """All rounds, the present one last."""
        return (*self.past, self.round) if self.round else self.past

    @property
    def model(self) -> Digest:
        """The model finalized last, or the base of round 0."""
        done = [r.finalized.merged for r in reversed(self.past) if r.finalized]
        return done[0] if done else self.terms.base

    def lived_by(self, member: int) -> Run:
        """The run as a member knows it: for all the same, unless each has a model of its own."""
        return self

    def members_in(self, bits: int) -> tuple[int, ...]:
        """The members behind a bitmap of seats, ascending: the ledger order of every merge."""
        return tuple(sorted(m for m, seat in self.seats.items() if bits >> seat & 1))

    def bit(self, member: int) -> int:
        """The member's bit in bitmaps; 0 without a seat."""
        seat = self.seats.get(member)
        return 0 if seat is None else 1 << seat


@dataclass(frozen=True, slots=True)
class GossipRound(Round):
    """One round of a gossip run. bases: the model of each member that had attested one by then.

    inputs: all updates revealed, among which neighbours are drawn. over: it ended, and wasn't skipped.
    """

    bases: Mapping[int, Digest] = field(default_factory=dict)
    over: bool = False

    @property
    def ended(self) -> bool:
        """Whether the round is over."""
        # Not super(): slots make another class of this one.
        return self.over or self.skipped is not None

    def lived_by(self, member: int) -> GossipRound:
        """The round as a member lives it."""
        own = self.bases.get(member, self.base)
        return replace(self, base=own, finalized=self.attested.get(member))


@dataclass(frozen=True, slots=True)
class GossipRun(Run):
    """One gossip run. models: what each member attested last; without, it has the base of the terms."""

    models: Mapping[int, Digest] = field(default_factory=dict)

    def lived_by(self, member: int) -> Run:
        """The run as a member lives it.

        A round's base is the member's own model; what the member attested is final, for it.
        """
        past = tuple(round_.lived_by(member) for round_ in self.past)
        return replace(self, past=past, round=self.round.lived_by(member) if self.round else None)


def most_hostile(seats: int) -> int:
    """f: how many hostile seats a round with so many in its roster withstands."""
    return (seats - 1) // 3


@dataclass(frozen=True, slots=True)
class Chronicle:
    """All that the contracts have said so far. Runs are in the order in which they were opened.

    auditors: peer keys of those admitted and not revoked, in the order of their admission.
    """

    members: Mapping[int, Member] = field(default_factory=dict)
    runs: Mapping[int, Run] = field(default_factory=dict)
    auditors: tuple[PeerKey, ...] = ()

    def member_of(self, account: Address) -> Member | None:
        """The active member that an account acts for."""
        return next((m for m in self.active() if m.account == account), None)

    def active(self) -> Iterator[Member]:
        """Members admitted and not revoked."""
        return (member for member in self.members.values() if member.active)

    def who(self, peer: PeerKey) -> str:
        """Whose a peer key is now, in words."""
        found = next((m for m in self.members.values() if m.peer_key == peer), None)
        return f"member {found.number}" if found else f"auditor {peer.hex()[:8]}"


def apply_all(chronicle: Chronicle, events: Iterable[Event]) -> Chronicle:
    """Fold events in chain order."""
    return reduce(apply, events, chronicle)


def apply(chronicle: Chronicle, event: Event) -> Chronicle:
    """What is known after one more event."""
    match event:
        case MemberAdmitted(member, account, peer_key):
            return _with_member(chronicle, Member(member, account, peer_key))
        case MemberRevoked(member):
            return _with_member(chronicle, replace(chronicle.members[member], active=False))
        case AccountRotated(member, account):
            return _with_member(chronicle, replace(chronicle.members[member], account=account))
        case PeerKeyRotated(member, peer_key):
            return _with_member(chronicle, replace(chronicle.members[member], peer_key=peer_key))
        case RunOpened(number, manifest_digest, terms, manifest):
            kind = GossipRun if is_gossip(number) else Run
            return _with_run(chronicle, kind(number, manifest_digest, manifest, terms))
        case AuditorAdmitted(peer_key):
            return replace(chronicle, auditors=(*chronicle.auditors, peer_key))
        case AuditorRevoked(peer_key):
            return _without_auditor(chronicle, peer_key)
        case AccountProposed():
            return chronicle  # takes effect when the account accepts
    return _with_run(chronicle, _apply_to_run(chronicle.runs[event.run], event))


def _with_member(chronicle: Chronicle, member: Member) -> Chronicle:
    return replace(chronicle, members={**chronicle.members, member.number: member})


def _without_auditor(chronicle: Chronicle, peer_key: PeerKey) -> Chronicle:
    if peer_key not in chronicle.auditors:
        raise LookupError(f"no auditor {peer_key.hex()} was admitted")
    return replace(chronicle, auditors=tuple(key for key in chronicle.auditors if key != peer_key))


def _with_run(chronicle: Chronicle, run: Run) -> Chronicle:
    return replace(chronicle, runs={**chronicle.runs, run.number: run})


def _apply_to_run(run: Run, event: RunEvent) -> Run:
    match event:
        case Entered(_, member, seat):
            seats = {**run.seats, member: seat}
            return replace(run, seats=seats, benched=run.benched & ~(1 << seat))
        case RoundOpened():
            return replace(run, past=run.rounds, round=_opened(event))
        case RoundBegan() | AttestedOwn():
            assert isinstance(run, GossipRun)
            return _apply_to_gossip(run, event)
        case PhaseAdvanced(_, _, Phase.ENTERING, deadline):
            return replace(run, entering_until=deadline)
        case SeatsBenched(_, _, bits):
            return _in_round(replace(run, benched=run.benched | bits), event)
        case Evicted(_, member):
            return _without(run, member)
        case RunClosed(_, reason):
            return replace(run, past=run.rounds, round=None, closed=reason)
    return _in_round(run, event)


def _opened(event: RoundOpened) -> Round:
    return Round(
        number=event.round,
        base=event.base,
        roster=event.roster,
        expected=event.expected,
        f=event.f,
        quorum=event.quorum,
        phase=Phase.COMMIT,
        deadline=event.deadline,
    )


def _apply_to_gossip(run: GossipRun, event: RoundBegan | AttestedOwn) -> Run:
    match event:
        case RoundBegan(_, number, roster, expected, f, deadline):
            base, phase = run.terms.base, Phase.COMMIT
            began = GossipRound(number, base, roster, expected, f, 0, phase, deadline, bases=run.models)
            return replace(run, past=run.rounds, round=began)
        case AttestedOwn(_, _, member, _, merged):
            return _in_round(replace(run, models={**run.models, member: merged}), event)


def _in_round(run: Run, event: RunEvent) -> Run:
    """Apply an event to the round that it names: the present one, or the one before."""
    number: int = event.round  # type: ignore[union-attr]
    if run.round is not None and run.round.number == number:
        return replace(run, round=_apply_to_round(run, run.round, event))
    past = tuple(_apply_to_round(run, r, event) if r.number == number else r for r in run.past)
    return replace(run, past=past)


def _apply_to_round(run: Run, round_: Round, event: RunEvent) -> Round:
    match event:
        case PhaseAdvanced(_, _, phase, deadline):
            return replace(round_, phase=phase, deadline=deadline)
        case Committed(_, _, member):
            return replace(round_, committed=round_.committed | run.bit(member))
        case Revealed(_, _, member):
            return replace(round_, revealed={**round_.revealed, member: event})
        case Held(_, _, member, bits):
            return replace(round_, held={**round_.held, member: bits})
        case InputsFixed(_, _, inputs, seed):
            return replace(round_, inputs=inputs, seed=seed)
        case Attested(_, _, member, merged, receipt):
            attested = {**round_.attested, member: Attestation(merged, receipt)}
            return replace(round_, attested=attested)
        case NeighboursDrawn(_, _, revealed, seed):
            return replace(round_, inputs=revealed, seed=seed)
        case AttestedOwn(_, _, member, inputs, merged, receipt):
            own = Attestation(merged, receipt, inputs)
            return replace(round_, attested={**round_.attested, member: own})
        case RoundEnded():
            assert isinstance(round_, GossipRound)
            return replace(round_, over=True)
        case RoundFinalized(_, _, merged, receipt):
            return replace(round_, finalized=Attestation(merged, receipt))
        case RoundSkipped(_, _, reason):
            return replace(round_, skipped=reason)
        case SeatsBenched(_, _, bits):
            return replace(round_, benched=bits)
    return round_


def _without(run: Run, member: int) -> Run:
    """A revoked member leaves at once; what it revealed goes too unless inputs are fixed."""
    run = replace(run, evicted=run.evicted | {member}, benched=run.benched & ~run.bit(member))
    if run.round is None:
        return run
    keep = ~run.bit(member)
    round_ = replace(run.round, roster=run.round.roster & keep, expected=run.round.expected & keep)
    if round_.inputs is None:
        revealed = {m: r for m, r in round_.revealed.items() if m != member}
        round_ = replace(round_, revealed=revealed, committed=round_.committed & keep)
    return replace(run, round=round_)
