"""Nodes that take a seat and leave it empty."""

from __future__ import annotations

from node.conduct import Conduct, honestly
from node.ledger import Enter
from node.round import Action, Finish, Mine, Send
from node.state import Run
from sim.adversary.idling import away
from sim.adversary.stage import Stage


def absent(stage: Stage) -> Conduct:
    """Enters, then does nothing any more."""

    def decide(run: Run, mine: Mine, now: float) -> Action:
        action = honestly(run, mine, now)
        first = action == Send(Enter(run.number)) and mine.member not in run.seats
        return action if first or isinstance(action, Finish) else away(run, now)

    return Conduct(decide=decide)


def come_and_go(stage: Stage) -> Conduct:
    """Does nothing either, but enters again each time it is benched, so that it is waited for."""

    def decide(run: Run, mine: Mine, now: float) -> Action:
        action = honestly(run, mine, now)
        entering = action == Send(Enter(run.number))
        return action if entering or isinstance(action, Finish) else away(run, now)

    return Conduct(decide=decide)
