"""The fold of what the chain says, once for all nodes of a world that were told the same.

A chronicle is a frozen value, so nodes can share it. What follows from which chronicle and event is
remembered by identity, not by equality: to compare them would cost as much as to fold.
"""

from __future__ import annotations

from collections.abc import Iterable

from node.ledger import Event
from node.state import Chronicle, apply


class Fold:
    """Does what `node.state.apply_all` does."""

    def __init__(self) -> None:
        self._nothing = Chronicle()
        # With what was folded: while that is kept nothing else gets its identity.
        self._known: dict[tuple[int, int], tuple[Chronicle, Event, Chronicle]] = {}

    def __call__(self, chronicle: Chronicle, events: Iterable[Event]) -> Chronicle:
        """Fold events in chain order."""
        if chronicle == self._nothing:
            chronicle = self._nothing
        for event in events:
            chronicle = self._after(chronicle, event)
        return chronicle

    def _after(self, chronicle: Chronicle, event: Event) -> Chronicle:
        place = id(chronicle), id(event)
        if place not in self._known:
            self._known[place] = chronicle, event, apply(chronicle, event)
        return self._known[place][-1]
