"""Does the chain's record follow from itself? The contracts' rules are carried out on it once more.

Each event that a call caused is turned back into that call, and given, at its block's time, to the
rules in Python that the contracts are tested against; what they say must be what the record says next.
So a log that was hidden, added, altered or moved shows where the record stops making sense.
Not found: a hidden end of a record, and a hidden call that changed nothing, such as a late attestation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields

from authority.audit.calls import AUTHORITY, call_behind
from authority.audit.finding import Finding, Kind
from authority.audit.record import Record
from node.contracts.chain import MemoryChain
from node.errors import LedgerRefusal
from node.ledger import Address, Event, Logged


def contradictions(record: Record) -> tuple[Finding, ...]:
    """The first contradiction of each run, and of the registry; none in a coherent record.

    The record must have the times of its blocks.
    """
    return tuple(_Retelling(record).findings(record.logged))


def told_until(run: int, wrong: Iterable[Finding]) -> int | None:
    """The round of a run from which on its record can't be relied on; None when all of it can."""
    rounds = [finding.round or 0 for finding in wrong if finding.run in (None, run)]
    return min(rounds, default=None)


class _Retelling:
    """The contracts' rules, led along the record."""

    def __init__(self, record: Record) -> None:
        self._times, self._now = record.times, 0
        self._rules = MemoryChain(AUTHORITY, clock=lambda: self._now, network=record.network)
        self._due: list[Event] = []
        self._cause = ""
        self._broken: set[int | None] = set()

    def findings(self, logged: tuple[Logged, ...]) -> Iterator[Finding]:
        """A run that broke is not followed any further; without members nothing is."""
        for one in logged:
            if None not in self._broken and _run_of(one.event) not in self._broken:
                yield from self._judged(one)
        for event in self._due[:1]:
            yield _finding(event, f"the record ends before {_named(event)}, which {self._cause} causes")

    def _judged(self, one: Logged) -> Iterator[Finding]:
        found = self._contradiction(one)
        if found is not None:
            self._broken.add(_run_of(one.event))
            self._due = []
            yield found

    def _contradiction(self, one: Logged) -> Finding | None:
        where = f"log {one.index} of block {one.block}, {_named(one.event)}"
        if not self._due:
            self._now, self._cause = self._times[one.block], where
            try:
                self._due = self._caused(one.event)
            except LedgerRefusal as refusal:
                return _finding(one.event, f"{where}, can't be here: {refusal}")
        due = self._due.pop(0)
        return None if due == one.event else _differs(one.event, due, where, self._cause)

    def _caused(self, event: Event) -> list[Event]:
        """All that the call behind an event makes the contracts say. Raises LedgerRefusal."""
        mined = self._rules.call(*call_behind(event, self._account_of))
        return [logged.event for logged in self._rules.events(mined.block, mined.block)]

    def _account_of(self, member: int) -> Address:
        members = self._rules.registry.members
        if not 0 < member <= len(members):
            raise LedgerRefusal("NotMember", member)
        return members[member - 1].account


def _differs(event: Event, due: Event, where: str, cause: str) -> Finding:
    if type(event) is not type(due):
        return _finding(event, f"{where}, stands where {_named(due)} must follow from {cause}")
    names = [f.name for f in fields(event) if getattr(event, f.name) != getattr(due, f.name)]
    what = f"{where}: {', '.join(names)} can't be what the record says, after all before it"
    return _finding(event, what, ", ".join(names))


def _finding(event: Event, what: str, field: str | None = None) -> Finding:
    round_, member = (getattr(event, name, None) for name in ("round", "member"))
    return Finding(Kind.RECORD, what, _run_of(event), round_, member, field)


def _run_of(event: Event) -> int | None:
    return getattr(event, "run", None)


def _named(event: Event) -> str:
    said = [
        f"{name} {v}"
        for name in ("run", "round", "member")
        if (v := getattr(event, name, None)) is not None
    ]
    return f"{type(event).__name__} of {', '.join(said)}" if said else type(event).__name__
