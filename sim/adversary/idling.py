"""What attackers answer when they do less than they should.

A decision that asks for the same thing again at the same instant would keep a node busy for ever on a
virtual clock, so every refusal to act is a wait, and ends.
"""

from __future__ import annotations

from dataclasses import replace

from node.ledger import Advance
from node.round import STAGGER_MOST, STAGGER_SECONDS, Action, Mine, Send, Wait
from node.state import Run

PATIENCE = 60.0
"""Seconds that those wait who never do anything."""


def idle(run: Run, now: float) -> Action:
    """Nothing in this phase; but after everybody else it advances, as an honest node would."""
    last = run.deadline + (STAGGER_MOST + 1) * STAGGER_SECONDS
    return Send(Advance(run.number)) if now >= last else Wait(last)


def away(run: Run, now: float) -> Action:
    """Nothing at all, for a while."""
    return Wait(max(run.deadline, now) + PATIENCE)


def without_update(run: Run, mine: Mine) -> Mine:
    """As a node that has no update in this round, and that so decides honestly to promise nothing."""
    if run.round is None:
        return mine
    nothing = replace(mine.of(run.round), update=None)
    return replace(mine, rounds={**mine.rounds, run.round.number: nothing})
