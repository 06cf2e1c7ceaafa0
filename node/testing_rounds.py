"""The rules of RoundLedger.sol in Python: one run, without accounts, blocks or events' places.

A readable twin, kept in step with the contract by the conformance suite (tests/test_ledger.py), not
a second truth. Bitmaps are ints, bit s for seat s. Every method checks first and changes afterwards,
so that a refused call leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from eth_utils.crypto import keccak

from node.commitment import Claims, commitment
from node.digest import ZERO, Digest
from node.errors import LedgerRefusal
from node.ledger import (
    Attest,
    Attested,
    Close,
    Commit,
    Committed,
    Entered,
    Evicted,
    Held,
    Hold,
    InputsFixed,
    Network,
    Phase,
    PhaseAdvanced,
    Reveal,
    Revealed,
    RoundFinalized,
    RoundOpened,
    RoundSkipped,
    RunClosed,
    RunEvent,
    SeatsBenched,
    Skip,
    Terms,
)

SEATS = 256
_LONGEST_BENCH = 16

Vote = tuple[Digest, Digest]


@dataclass(slots=True)
class Ballot:
    """A round's attestations: who may attest, who did, and how many said the same."""

    round: int
    voters: int
    attested: int = 0
    tally: dict[Vote, int] = field(default_factory=dict)


@dataclass(slots=True)
class Tallies:
    """What a round collects, emptied when the next one opens."""

    roster: int = 0
    expected: int = 0
    f: int = 0
    quorum: int = 0
    committed: int = 0
    revealed: int = 0
    held: int = 0
    inputs: int | None = None
    missed: int = 0
    seed_parts: int = 0
    promises: dict[int, Commit] = field(default_factory=dict)
    holds: dict[int, int] = field(default_factory=dict)


class MemoryRun:
    """One run's state and the calls that move it. `now` is the block's time in Unix seconds."""

    def __init__(
        self, number: int, terms: Terms, network: Network, now: int, emit: Callable[[RunEvent], None]
    ) -> None:
        self.number = number
        self.terms = terms
        self.phase = Phase.ENTERING
        self.round = 0
        self.deadline = now + terms.enter_seconds
        self.base = terms.base
        self.seed = bytes(32)
        self.tallies = Tallies()
        self.ballot = Ballot(0, 0)
        self.finalized: dict[int, Digest] = {}
        self._network = network
        self._emit = emit
        self._seats: dict[int, int] = {}
        self._entered = 0
        self._waited = 0
        self._pending: dict[int, int] = {}
        self._benchings: dict[int, int] = {}
        self._privacy: dict[int, int] = {}
        self._missed_before = 0
        self._previous: Ballot | None = None

    # Calls of members.

    def enter(self, member: int, now: int) -> None:
        """Take a seat, or come back to it."""
        self._open()
        seat = self._seats.get(member)
        if seat is None:
            return self._take_seat(member, now)
        bit = 1 << seat
        if bit & (self._waited | self._all_pending()) or not bit & self._entered:
            raise LedgerRefusal("AlreadyEntered", self.number, member)
        times = self._benchings.get(seat, 0)
        self._benchings[seat] = times + 1
        self._wait_from(self.round + 1 + (1 << min(times, _LONGEST_BENCH)), bit)
        return None

    def commit(self, member: int, call: Commit, now: int) -> None:
        """Promise an update."""
        seat = self._speaker(member, call.round, Phase.COMMIT, self.tallies.committed)
        if not any(call.commitment):
            raise LedgerRefusal("Zero")
        before = self._privacy.get(seat, 0)
        if call.privacy < before:
            raise LedgerRefusal("PrivacyDecreased", call.privacy, before)
        if call.privacy > self.terms.privacy_budget:
            raise LedgerRefusal("OverBudget", call.privacy, self.terms.privacy_budget)
        self._privacy[seat] = call.privacy
        self.tallies.promises[seat] = call
        self.tallies.committed |= 1 << seat
        self._emit(Committed(self.number, self.round, member, call.commitment, call.privacy))
        self._close_early(now)

    def reveal(self, member: int, call: Reveal, now: int) -> None:
        """Open a commitment."""
        seat = self._speaker(member, call.round, Phase.REVEAL, self.tallies.revealed)
        self._check_reveal(member, seat, call)
        self.tallies.revealed |= 1 << seat
        part = keccak(call.salt + member.to_bytes(32, "big"))
        self.tallies.seed_parts ^= int.from_bytes(part, "big")
        self._emit(
            Revealed(self.number, self.round, member, call.digest, call.weight, call.privacy, call.salt)
        )
        self._close_early(now)

    def hold(self, member: int, call: Hold, now: int) -> None:
        """Name the updates that the seat has and has verified."""
        seat = self._speaker(member, call.round, Phase.HOLD, self.tallies.held)
        if call.bits & ~self.tallies.revealed:
            raise LedgerRefusal("NotRevealed", call.bits & ~self.tallies.revealed)
        self.tallies.held |= 1 << seat
        self.tallies.holds[seat] = call.bits
        self._emit(Held(self.number, self.round, member, call.bits))
        self._close_early(now)

    def attest(self, member: int, call: Attest, now: int) -> None:
        """Say what merging gave."""
        ballot = self._ballot_of(call.round)
        seat = self._seat_in(member, ballot.voters)
        if ballot.attested >> seat & 1:
            raise LedgerRefusal("Already", seat)
        if ZERO in (call.merged, call.receipt):
            raise LedgerRefusal("Zero")
        vote = (call.merged, call.receipt)
        ballot.attested |= 1 << seat
        ballot.tally[vote] = ballot.tally.get(vote, 0) + 1
        self._emit(Attested(self.number, call.round, member, *vote))
        if ballot is not self._previous and ballot.tally[vote] >= self.tallies.quorum:
            self._finalize(vote, now)

    # Calls of anybody, and of the authority.

    def advance(self, now: int) -> None:
        """Move one phase on after its deadline."""
        self._open()
        if now < self.deadline:
            raise LedgerRefusal("TooEarly", now, self.deadline)
        if self.phase is Phase.ENTERING:
            self._end_entering(now)
        else:
            self._close_phase(now)

    def evict(self, member: int, now: int) -> None:
        """Take a revoked member out; votes that it cast stand, and Q stays."""
        self._open()
        seat = self._seats.get(member)
        if seat is None or not self._entered >> seat & 1:
            raise LedgerRefusal("NotSeated", self.number, member)
        self._remove(1 << seat)
        self._emit(Evicted(self.number, member, seat))
        if self.phase is not Phase.ENTERING:
            self._close_early(now)

    def close(self, reason: Close) -> None:
        """End the run."""
        self._open()
        self.phase = Phase.CLOSED
        self.deadline = 0
        self._emit(RunClosed(self.number, reason))

    # Checks.

    def _open(self) -> None:
        if self.phase is Phase.CLOSED:
            raise LedgerRefusal("WrongPhase", self.phase)

    def _speaker(self, member: int, round_: int, phase: Phase, spoken: int) -> int:
        """The member's seat, if it may speak in this round and phase and hasn't yet."""
        if self.phase is not phase:
            raise LedgerRefusal("WrongPhase", self.phase)
        if round_ != self.round:
            raise LedgerRefusal("WrongRound", round_, self.round)
        seat = self._seat_in(member, self.tallies.roster)
        if spoken >> seat & 1:
            raise LedgerRefusal("Already", seat)
        return seat

    def _seat_in(self, member: int, bits: int) -> int:
        seat = self._seats.get(member)
        if seat is None or not bits >> seat & 1:
            raise LedgerRefusal("NotSeated", self.number, member)
        return seat

    def _ballot_of(self, round_: int) -> Ballot:
        """The ballot of the present round, or of the finalized one before it."""
        if self._previous is not None and round_ == self._previous.round:
            return self._previous
        if round_ != self.round:
            raise LedgerRefusal("WrongRound", round_, self.round)
        if self.phase is not Phase.ATTEST:
            raise LedgerRefusal("WrongPhase", self.phase)
        return self.ballot

    def _check_reveal(self, member: int, seat: int, call: Reveal) -> None:
        promise = self.tallies.promises.get(seat) if self.tallies.committed >> seat & 1 else None
        promised = promise.commitment if promise else bytes(32)
        claims = Claims(call.weight, call.privacy)
        got = commitment(
            self._network, self.number, self.round, self.base, member, call.digest, claims, call.salt
        )
        if got != promised:
            raise LedgerRefusal("RevealMismatch", promised, got)
        if call.weight <= 0 or call.weight & (call.weight - 1):
            raise LedgerRefusal("BadWeight", call.weight)

    # Seats.

    def _take_seat(self, member: int, now: int) -> None:
        seat = len(self._seats)
        if seat >= SEATS:
            raise LedgerRefusal("RunFull", self.number)
        self._seats[member] = seat
        self._entered |= 1 << seat
        if self.phase is not Phase.ENTERING:
            return self._wait_from(self.round + self.terms.join_delay, 1 << seat)
        self.tallies.roster |= 1 << seat
        self._waited |= 1 << seat
        self._emit(Entered(self.number, member, seat, 0))
        if self._entered.bit_count() == self.terms.seats:
            self._open_round(0, now)
        return None

    def _wait_from(self, round_: int, bit: int) -> None:
        self._pending[round_] = self._pending.get(round_, 0) | bit
        seat = bit.bit_length() - 1
        member = next(m for m, s in self._seats.items() if s == seat)
        self._emit(Entered(self.number, member, seat, round_))

    def _all_pending(self) -> int:
        bits = 0
        for pending in self._pending.values():
            bits |= pending
        return bits

    def _remove(self, bit: int) -> None:
        self._entered &= ~bit
        self._waited &= ~bit
        self._pending = {round_: bits & ~bit for round_, bits in self._pending.items()}
        now = self.tallies
        now.roster &= ~bit
        now.expected &= ~bit
        self.ballot.voters &= ~bit
        if now.inputs is None:
            now.committed &= ~bit
            now.revealed &= ~bit

    # Phases.

    def _end_entering(self, now: int) -> None:
        if self._entered.bit_count() >= self.terms.min_inputs:
            self._open_round(0, now)
        else:
            self._begin(Phase.ENTERING, self.terms.enter_seconds, now)

    def _open_round(self, round_: int, now: int) -> None:
        joining = self._pending.pop(round_, 0)
        roster = self.tallies.roster | joining
        self._waited |= joining
        f = max(roster.bit_count() - 1, 0) // 3
        expected = self._waited if self._waited.bit_count() > f else roster
        quorum = max(2 * expected.bit_count() // 3 + 1, f + 1)
        self.tallies = Tallies(roster, expected, f, quorum)
        self.ballot = Ballot(round_, roster)
        self.round, self.phase = round_, Phase.COMMIT
        self.deadline = now + self.terms.commit_seconds
        self._emit(
            RoundOpened(self.number, round_, self.base, roster, expected, f, quorum, self.deadline)
        )

    def _begin(self, phase: Phase, seconds: int, now: int) -> None:
        self.phase = phase
        self.deadline = now + seconds
        self._emit(PhaseAdvanced(self.number, self.round, phase, self.deadline))

    def _asked(self) -> tuple[int, int]:
        """Whom the present phase waits for, and who has spoken."""
        t = self.tallies
        return {
            Phase.COMMIT: (t.expected, t.committed),
            Phase.REVEAL: (t.expected & t.committed, t.revealed),
            Phase.HOLD: (t.expected, t.held),
            Phase.ATTEST: (t.expected, self.ballot.attested),
        }[self.phase]

    def _close_early(self, now: int) -> None:
        """Close the phase when everybody it waits for has spoken. Attest ends by quorum only."""
        asked, spoken = self._asked()
        if self.phase is not Phase.ATTEST and not asked & ~spoken:
            self._close_phase(now)

    def _close_phase(self, now: int) -> None:
        asked, spoken = self._asked()
        self.tallies.missed |= asked & ~spoken
        match self.phase:
            case Phase.COMMIT:
                self._close_commit(now)
            case Phase.REVEAL:
                self._close_reveal(now)
            case Phase.HOLD:
                self._close_hold(now)
            case Phase.ATTEST:
                self._skip(Skip.NO_QUORUM, now)

    def _close_commit(self, now: int) -> None:
        if self.tallies.committed.bit_count() < self._need():
            self._skip(Skip.TOO_FEW_COMMITTED, now)
        else:
            self._begin(Phase.REVEAL, self.terms.reveal_seconds, now)

    def _close_reveal(self, now: int) -> None:
        words = (self.tallies.seed_parts, self.number, self.round)
        self.seed = keccak(self.seed + b"".join(word.to_bytes(32, "big") for word in words))
        if self.tallies.revealed.bit_count() < self._need():
            self._skip(Skip.TOO_FEW_REVEALED, now)
        else:
            self._begin(Phase.HOLD, self.terms.hold_seconds, now)

    def _close_hold(self, now: int) -> None:
        inputs = self._held_by_quorum()
        if inputs.bit_count() < self._need():
            return self._skip(Skip.TOO_FEW_INPUTS, now)
        self.tallies.inputs = inputs
        self.tallies.missed |= self.tallies.expected & self.tallies.revealed & ~inputs
        self._emit(InputsFixed(self.number, self.round, inputs, self.seed))
        self._begin(Phase.ATTEST, self.terms.attest_seconds, now)
        return None

    def _held_by_quorum(self) -> int:
        """Revealed seats, less revoked ones, that at least Q holders named."""
        named = [0] * SEATS
        for bits in self.tallies.holds.values():
            for seat in range(bits.bit_length()):
                named[seat] += bits >> seat & 1
        quorum = self.tallies.quorum
        return self.tallies.revealed & sum(1 << s for s in range(SEATS) if named[s] >= quorum)

    def _need(self) -> int:
        return max(self.terms.min_inputs, 2 * self.tallies.f + 1)

    # Ends.

    def _finalize(self, vote: Vote, now: int) -> None:
        merged, receipt = vote
        self.finalized[self.round] = self.base = merged
        self._emit(RoundFinalized(self.number, self.round, merged, receipt))
        self._end_round(self.ballot, now)

    def _skip(self, reason: Skip, now: int) -> None:
        self._emit(RoundSkipped(self.number, self.round, reason))
        self._end_round(None, now)

    def _end_round(self, finalized: Ballot | None, now: int) -> None:
        self._previous = finalized
        self._bench()
        if self.round + 1 == self.terms.rounds:
            self.close(Close.ROUNDS_DONE)
        else:
            self._open_round(self.round + 1, now)

    def _bench(self) -> None:
        """Seats absent twice in a row are not waited for; they start over with a clean slate."""
        missed = self.tallies.missed
        benched = missed & self._missed_before & self._waited
        self._waited &= ~benched
        self._missed_before = missed & ~benched
        if benched:
            self._emit(SeatsBenched(self.number, self.round, benched))


def checked(terms: Terms, finalized: Callable[[int, int], Digest]) -> Terms:
    """Terms that can work. Raises LedgerRefusal."""
    for name, good in _conditions(terms):
        if not good:
            raise LedgerRefusal("BadTerms", name)
    if terms.parent_run and finalized(terms.parent_run, terms.parent_round) != terms.base:
        found = finalized(terms.parent_run, terms.parent_round)
        raise LedgerRefusal("BadParent", terms.parent_run, terms.parent_round, found)
    return replace(terms)


def _conditions(terms: Terms) -> tuple[tuple[str, bool], ...]:
    return (
        ("rounds", terms.rounds >= 1),
        ("seats", 1 <= terms.seats <= SEATS),
        ("minInputs", 1 <= terms.min_inputs <= terms.seats),
        ("joinDelay", terms.join_delay >= 1),
        ("enterSeconds", terms.enter_seconds >= 1),
        ("commitSeconds", terms.commit_seconds >= 1),
        ("revealSeconds", terms.reveal_seconds >= 1),
        ("holdSeconds", terms.hold_seconds >= 1),
        ("attestSeconds", terms.attest_seconds >= 1),
        ("base", terms.base != ZERO),
    )
