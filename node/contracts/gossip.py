"""The rules of GossipLedger.sol in Python: one gossip run.

What ledgers of all kinds of runs share (Rounds.sol) is in `node.contracts.rounds`; this is kept in step
with the contract by tests/test_gossip_ledger.py and tests/test_ledger_twins.py.
"""

from __future__ import annotations

from collections.abc import Callable

from node.contracts.rounds import MemoryRun, checked
from node.digest import ZERO, Digest
from node.errors import LedgerRefusal
from node.ledger import (
    AttestedOwn,
    AttestOwn,
    NeighboursDrawn,
    Network,
    Phase,
    RoundBegan,
    RoundEnded,
    RunEvent,
    Terms,
)


class MemoryGossip(MemoryRun):
    """One gossip run: each seat has a model of its own, and nothing is compared."""

    def __init__(
        self, number: int, terms: Terms, network: Network, now: int, emit: Callable[[RunEvent], None]
    ) -> None:
        self.models: dict[int, Digest] = {}
        super().__init__(number, terms, network, now, emit)

    def base_of(self, member: int) -> Digest:
        """What the member attested last, or the base of the terms."""
        return self.models.get(member, self.base)

    def attest_own(self, member: int, call: AttestOwn, now: int) -> None:
        """Say what merging gave; it is the member's model from now on."""
        t = self.tallies
        seat = self._speaker(member, call.round, self.attested.get(call.round, 0))
        if ZERO in (call.merged, call.receipt):
            raise LedgerRefusal("Zero")
        if unknown := (call.inputs | seat.bit) & ~t.revealed:
            raise LedgerRefusal("NotRevealed", unknown)
        if not call.inputs & seat.bit:
            raise LedgerRefusal("OwnMissing", seat.number)
        self.attested[call.round] = self.attested.get(call.round, 0) | seat.bit
        t.held |= call.inputs & ~seat.bit
        self.models[member] = call.merged
        self._emit(AttestedOwn(self.number, self.round, member, call.inputs, call.merged, call.receipt))
        self._close_if_done(now)

    def _announce(self) -> None:
        t = self.tallies
        self._emit(RoundBegan(self.number, self.round, t.roster, t.expected, t.f, self.deadline))

    def _after_reveal(self, now: int) -> None:
        self._emit(NeighboursDrawn(self.number, self.round, self.tallies.revealed, self.seed))
        self._begin(Phase.ATTEST, self.terms.hold_seconds + self.terms.attest_seconds, now)

    def _is_done_later(self) -> bool:
        t, attested = self.tallies, self.attested.get(self.round, 0)
        waited = self.awaited & t.revealed & ~attested
        return self.phase is Phase.ATTEST and not waited and self._is_enough(attested)

    def _close_attest(self, now: int) -> None:
        t, attested = self.tallies, self.attested.get(self.round, 0)
        due = t.expected & t.revealed
        t.missed |= due & ~attested
        if attested.bit_count() > 1:
            t.missed |= due & ~t.held
        self._emit(RoundEnded(self.number, self.round))
        self._end_round(now)


def checked_gossip(terms: Terms) -> Terms:
    """Terms that can work. Raises LedgerRefusal."""
    if terms.parent_run:
        checked(terms, lambda run, round_: terms.base)
        raise LedgerRefusal("BadTerms", "parentRun")
    return checked(terms, lambda run, round_: ZERO)
