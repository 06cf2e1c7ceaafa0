"""How a node's parts are put together: as they are, unless an attack is being simulated.

An attacker is an honest node with other parts: another decision, other seams, another store to serve
from. So one that attacks in a simulation, in a swarm of real processes and in a test is the same code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from node import round as story
from node.blobs import Blobs
from node.exchange import MayServe
from node.gossip import round as gossip_story
from node.ledger import Ledger, is_gossip
from node.round import Action, Mine
from node.seams import Seams
from node.state import Run

T = TypeVar("T")

Decide = Callable[[Run, Mine, float], Action]
"""What to do next, as `node.round.decide`."""


def as_it_is(part: T) -> T:
    """Leaves a part alone."""
    return part


def honestly(run: Run, mine: Mine, now: float) -> Action:
    """What an honest node does next, whatever kind of run it is."""
    decide = gossip_story.decide if is_gossip(run.number) else story.decide
    return decide(run, mine, now)


@dataclass(frozen=True, slots=True)
class Conduct:
    """How one node behaves.

    decide: what it does next. ledger: what it hears of the chain and says to it. seams: what its acts
    go through. serves: what its peers are served from. may_serve: whom it serves.
    """

    decide: Decide = honestly
    ledger: Callable[[Ledger], Ledger] = as_it_is
    seams: Callable[[Seams], Seams] = as_it_is
    serves: Callable[[Blobs], Blobs] = as_it_is
    may_serve: Callable[[MayServe], MayServe] = as_it_is


HONEST = Conduct()
