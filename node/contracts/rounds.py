"""The rules of RoundLedger.sol in Python: one run, without accounts, blocks or events' places.

A readable twin, kept in step with the contract by the conformance suite (tests/test_ledger.py), not
a second truth. Bitmaps are ints, bit s for seat s. Every method checks first and changes afterwards,
so that a refused call leaves nothing behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

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
MAX_COMEBACKS = 16


@dataclass(slots=True)
class Seat:
    """A member's place. `waited_from` lies in the past once the seat has been benched."""

    number: int
    roster_from: int = 0
    waited_from: int = 0
    comebacks: int = 0
    privacy: int = 0

    @property
    def bit(self) -> int:
        """Its place in bitmaps."""
        return 1 << self.number


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
    inputs: int = 0
    missed: int = 0
    entropy: int = 0
    commitments: dict[int, bytes] = field(default_factory=dict)
    holds: list[int] = field(default_factory=list)


class MemoryRun:
    """One run's state and the calls that move it. `now` is the block's time in Unix seconds."""

    def __init__(
        self, number: int, terms: Terms, network: Network, now: int, emit: Callable[[RunEvent], None]
    ) -> None:
        self.number = number
        self.terms = terms
        self.phase = Phase.NONE
        self.round = 0
        self.deadline = 0
        self.base = terms.base
        self.seed = bytes(32)
        self.tallies = Tallies()
        self.finalized: dict[int, Digest] = {}
        self.attested: dict[int, int] = {}
        self._votes: Counter[tuple[int, Digest, Digest]] = Counter()
        self._network = network
        self._emit = emit
        self._seats: dict[int, Seat] = {}
        self._taken = 0
        self._waited = 0
        self._pending: dict[int, int] = {}
        self._missed_before = 0
        self._begin(Phase.ENTERING, terms.enter_seconds, now)

    # Calls of members.

    def enter(self, member: int, now: int) -> None:
        """Take a seat, or come back to it."""
        seat = self._seats.get(member)
        if seat and (seat.bit & self._waited or seat.waited_from > self.round):
            raise LedgerRefusal("AlreadyEntered", self.number, member)
        if self.phase is Phase.ENTERING:
            self._enter_at_start(member, now)
        elif seat is None:
            self._enter_later(member)
        else:
            self._come_back(member, seat)

    def commit(self, member: int, call: Commit, now: int) -> None:
        """Promise an update."""
        seat = self._speaker(member, call.round, self.tallies.committed)
        if not any(call.commitment):
            raise LedgerRefusal("Zero")
        if call.privacy < seat.privacy:
            raise LedgerRefusal("PrivacyDecreased", call.privacy, seat.privacy)
        if call.privacy > self.terms.privacy_budget:
            raise LedgerRefusal("OverBudget", call.privacy, self.terms.privacy_budget)
        seat.privacy = call.privacy
        self.tallies.commitments[seat.number] = call.commitment
        self.tallies.committed |= seat.bit
        self._emit(Committed(self.number, self.round, member, call.commitment, call.privacy))
        self._close_if_done(now)

    def reveal(self, member: int, call: Reveal, now: int) -> None:
        """Open a commitment."""
        seat = self._speaker(member, call.round, self.tallies.revealed)
        self._check_reveal(member, seat, call)
        self.tallies.revealed |= seat.bit
        self.tallies.entropy ^= _number(keccak(call.salt + _word(member)))
        self._emit(
            Revealed(self.number, self.round, member, call.digest, call.weight, call.privacy, call.salt)
        )
        self._close_if_done(now)

    def hold(self, member: int, call: Hold, now: int) -> None:
        """Name the updates that the seat has and has verified."""
        seat = self._speaker(member, call.round, self.tallies.held)
        if unknown := call.bits & ~self.tallies.revealed:
            raise LedgerRefusal("NotRevealed", unknown)
        self.tallies.held |= seat.bit
        self.tallies.holds.append(call.bits)
        self._emit(Held(self.number, self.round, member, call.bits))
        self._close_if_done(now)

    def attest(self, member: int, call: Attest, now: int) -> None:
        """Say what merging gave."""
        late = self.is_late(call.round)
        seat = self._speaker(member, call.round, self.attested.get(call.round, 0))
        if ZERO in (call.merged, call.receipt):
            raise LedgerRefusal("Zero")
        self.attested[call.round] = self.attested.get(call.round, 0) | seat.bit
        self._emit(Attested(self.number, call.round, member, call.merged, call.receipt))
        if late:
            return
        self._votes[call.round, call.merged, call.receipt] += 1
        if self._votes[call.round, call.merged, call.receipt] >= self.tallies.quorum:
            self._finalize(call, now)

    # What another kind of run does in its own way, see node.contracts.gossip.

    def base_of(self, member: int) -> Digest:
        """The model that a member's update of this round starts from."""
        return self.base

    def _announce(self) -> None:
        """Tell that a round was opened."""
        t = self.tallies
        self._emit(
            RoundOpened(
                self.number, self.round, self.base, t.roster, t.expected, t.f, t.quorum, self.deadline
            )
        )

    def _after_reveal(self, now: int) -> None:
        """Enough have revealed: go on to the next phase."""
        self._begin(Phase.HOLD, self.terms.hold_seconds, now)

    def _is_done_later(self) -> bool:
        """Whether nobody is waited for any more in a phase after Reveal."""
        return self.phase is Phase.HOLD and not self.tallies.expected & ~self.tallies.held

    # Calls of anybody, and of the authority.

    def advance(self, now: int) -> None:
        """Move one phase on after its deadline."""
        self.check_open()
        if now < self.deadline:
            raise LedgerRefusal("TooEarly", now, self.deadline)
        self._close_phase(now)

    def evict(self, member: int, now: int) -> None:
        """Take a revoked member out; votes that it cast stand, and Q stays."""
        seat = self._seats.get(member)
        if self.phase is Phase.CLOSED or seat is None:
            return  # a revocation must not fail over a run that has just closed
        del self._seats[member]
        self._remove(seat.bit)
        self._emit(Evicted(self.number, member, seat.number))
        self._close_if_done(now)

    def close(self, reason: Close) -> None:
        """End the run."""
        self.check_open()
        self.phase = Phase.CLOSED
        self._emit(RunClosed(self.number, reason))

    # Checks.

    def check_now(self, round_: int, phase: Phase) -> None:
        """Refuse a call that names another round, or isn't good in the present phase."""
        if round_ != self.round:
            raise LedgerRefusal("WrongRound", round_, self.round)
        if phase is not self.phase:
            raise LedgerRefusal("WrongPhase", self.phase)

    def is_late(self, round_: int) -> bool:
        """Whether a round is finalized and may still be attested."""
        is_last = self.phase is Phase.CLOSED and round_ == self.round
        return (is_last or round_ + 1 == self.round) and round_ in self.finalized

    def check_open(self) -> None:
        """Refuse what a closed run doesn't take."""
        if self.phase is Phase.CLOSED:
            raise LedgerRefusal("WrongPhase", self.phase)

    def _speaker(self, member: int, round_: int, spoken: int) -> Seat:
        """The member's seat, if it is in the round's roster and hasn't spoken yet."""
        seat = self._seats.get(member)
        if seat is None or seat.roster_from > round_:
            raise LedgerRefusal("NotSeated", self.number, member)
        if spoken & seat.bit:
            raise LedgerRefusal("Already", seat.number)
        return seat

    def _check_reveal(self, member: int, seat: Seat, call: Reveal) -> None:
        if call.digest == ZERO:
            raise LedgerRefusal("Zero")
        if call.weight.bit_count() != 1:
            raise LedgerRefusal("BadWeight", call.weight)
        promised = self.tallies.commitments.get(seat.number, bytes(32))
        claims = Claims(call.weight, call.privacy)
        got = commitment(
            self._network,
            self.number,
            self.round,
            self.base_of(member),
            member,
            call.digest,
            claims,
            call.salt,
        )
        if got != promised or call.privacy != seat.privacy:
            raise LedgerRefusal("RevealMismatch", promised, got)

    # Seats.

    def _enter_at_start(self, member: int, now: int) -> None:
        seat = self._take_seat(member, 0)
        self.tallies.roster |= seat.bit
        self._waited |= seat.bit
        self._emit(Entered(self.number, member, seat.number, 0))
        if self.tallies.roster.bit_count() == self.terms.seats:
            self._open_round(0, now)

    def _enter_later(self, member: int) -> None:
        from_round = self.round + self.terms.join_delay
        self._wait_from(from_round, member, self._take_seat(member, from_round))

    def _come_back(self, member: int, seat: Seat) -> None:
        from_round = self.round + 1 + (1 << seat.comebacks)
        seat.comebacks = min(seat.comebacks + 1, MAX_COMEBACKS)
        self._wait_from(from_round, member, seat)

    def _take_seat(self, member: int, roster_from: int) -> Seat:
        if self._taken == SEATS:
            raise LedgerRefusal("RunFull", self.number)
        seat = self._seats[member] = Seat(self._taken, roster_from)
        self._taken += 1
        return seat

    def _wait_from(self, round_: int, member: int, seat: Seat) -> None:
        seat.waited_from = round_
        self._pending[round_] = self._pending.get(round_, 0) | seat.bit
        self._emit(Entered(self.number, member, seat.number, round_))

    def _remove(self, bit: int) -> None:
        self._waited &= ~bit
        self._pending = {round_: bits & ~bit for round_, bits in self._pending.items()}
        self.tallies.roster &= ~bit
        self.tallies.expected &= ~bit
        if self.phase is not Phase.ATTEST:
            self.tallies.committed &= ~bit
            self.tallies.revealed &= ~bit

    # Phases.

    def _open_round(self, round_: int, now: int) -> None:
        joining = self._pending.pop(round_, 0)
        self._waited |= joining
        self.tallies = opened(self.tallies.roster | joining, self._waited)
        self.round, self.phase = round_, Phase.COMMIT
        self.deadline = now + self.terms.commit_seconds
        self._announce()

    def _begin(self, phase: Phase, seconds: int, now: int) -> None:
        self.phase = phase
        self.deadline = now + seconds
        self._emit(PhaseAdvanced(self.number, self.round, phase, self.deadline))

    @property
    def awaited(self) -> int:
        """For whom a phase stays open: E, or all of the roster where E would be too few by itself."""
        return self.tallies.expected if self._is_enough(self.tallies.expected) else self.tallies.roster

    def _close_if_done(self, now: int) -> None:
        """Close a phase early when all have spoken, but never hurry a round into being skipped."""
        t = self.tallies
        missing = self.awaited & t.committed & ~t.revealed
        done = {
            Phase.COMMIT: not self.awaited & ~t.committed and self._is_enough(t.committed),
            Phase.REVEAL: not missing and self._is_enough(t.revealed),
        }
        if done.get(self.phase, self._is_done_later()):
            self._close_phase(now)

    def _close_phase(self, now: int) -> None:
        closings = {
            Phase.ENTERING: self._close_entering,
            Phase.COMMIT: self._close_commit,
            Phase.REVEAL: self._close_reveal,
            Phase.HOLD: self._close_hold,
            Phase.ATTEST: self._close_attest,
        }
        closings[self.phase](now)

    def _close_entering(self, now: int) -> None:
        if self.tallies.roster.bit_count() >= self.terms.min_inputs:
            self._open_round(0, now)
        else:
            self._begin(Phase.ENTERING, self.terms.enter_seconds, now)

    def _close_commit(self, now: int) -> None:
        t = self.tallies
        t.missed |= t.expected & ~t.committed
        if self._is_enough(t.committed):
            self._begin(Phase.REVEAL, self.terms.reveal_seconds, now)
        else:
            self._skip(Skip.TOO_FEW_COMMITTED, now)

    def _close_reveal(self, now: int) -> None:
        t = self.tallies
        t.missed |= t.expected & t.committed & ~t.revealed
        self.seed = keccak(self.seed + b"".join(map(_word, (t.entropy, self.number, self.round))))
        if self._is_enough(t.revealed):
            self._after_reveal(now)
        else:
            self._skip(Skip.TOO_FEW_REVEALED, now)

    def _close_hold(self, now: int) -> None:
        t = self.tallies
        t.inputs = t.revealed & named_by(t.holds, t.quorum)
        t.missed |= t.expected & ~(t.held & t.inputs if t.inputs else t.held)
        if not self._is_enough(t.inputs):
            return self._skip(Skip.TOO_FEW_INPUTS, now)
        self._emit(InputsFixed(self.number, self.round, t.inputs, self.seed))
        return self._begin(Phase.ATTEST, self.terms.attest_seconds, now)

    def _close_attest(self, now: int) -> None:
        self.tallies.missed |= self.tallies.expected & ~self.attested.get(self.round, 0)
        self._skip(Skip.NO_QUORUM, now)

    def _is_enough(self, seats: int) -> bool:
        return seats.bit_count() >= max(self.terms.min_inputs, 2 * self.tallies.f + 1)

    # Ends.

    def _finalize(self, call: Attest, now: int) -> None:
        self.finalized[self.round] = self.base = call.merged
        self._emit(RoundFinalized(self.number, self.round, call.merged, call.receipt))
        self._end_round(now)

    def _skip(self, reason: Skip, now: int) -> None:
        self._emit(RoundSkipped(self.number, self.round, reason))
        self._end_round(now)

    def _end_round(self, now: int) -> None:
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


def opened(roster: int, waited: int) -> Tallies:
    """A round's fresh tallies: whom it waits for, how many may be hostile, how many are enough."""
    f = max(roster.bit_count() - 1, 0) // 3
    expected = waited if waited.bit_count() > f else roster
    return Tallies(roster, expected, f, max(2 * expected.bit_count() // 3 + 1, f + 1))


def named_by(holds: Sequence[int], quorum: int) -> int:
    """The seats that at least `quorum` holds name."""
    named = Counter(seat for bits in holds for seat in range(SEATS) if bits >> seat & 1)
    return sum(1 << seat for seat, times in named.items() if times >= quorum)


def checked(terms: Terms, finalized: Callable[[int, int], Digest]) -> Terms:
    """Terms that can work. Raises LedgerRefusal."""
    for name, good in _conditions(terms):
        if not good:
            raise LedgerRefusal("BadTerms", name)
    if terms.parent_run and finalized(terms.parent_run, terms.parent_round) != terms.base:
        found = finalized(terms.parent_run, terms.parent_round)
        raise LedgerRefusal("BadParent", terms.parent_run, terms.parent_round, found.raw)
    return terms


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


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _number(word: bytes) -> int:
    return int.from_bytes(word, "big")
