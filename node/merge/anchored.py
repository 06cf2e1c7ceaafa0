"""What gossip rules share: the node's own input is the anchor, and each neighbour pulls it somewhere.

No gossip rule looks at the base: nodes of a gossip run have no model in common.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NoReturn

from node.merge.distances import from_row
from node.merge.linear import linear
from node.merge.rule import Context, Own, Plan, Rule, Stack


def own_of(rule: Rule, stack: Stack, context: Context) -> Own:
    """What the rule is anchored on. Raises ValueError when it isn't there or doesn't fit the inputs."""
    own = context.own
    if own is None:
        raise ValueError(f"{rule} is anchored on a node's own input: give Context.own")
    if len(own.mixing) != stack.count or not 0 <= own.position < stack.count:
        raise ValueError(f"Context.own is not about {stack.count} inputs")
    return own


def no_losses(positions: Sequence[int]) -> NoReturn:
    """`Own.losses` where no rule may ask for them, since nobody could redo the merge."""
    raise ValueError("losses are asked for, and nobody else has the data")


def distances_to(own: Own, stack: Stack) -> tuple[float, ...]:
    """Distance of each input to the own one."""
    return tuple(math.sqrt(square) for square in from_row(stack, own.position))


def nearest_first(own: Own, distances: Sequence[float]) -> list[int]:
    """Positions of the neighbours by distance, equal ones by position."""
    return sorted((i for i in range(len(distances)) if i != own.position), key=distances.__getitem__)


def pulled(own: Own, pulls: Mapping[int, float], scores: Sequence[float]) -> Plan:
    """The plan x + sum_j pulls[j] (x_j - x), x being the own input; pulls sum to 1 at most."""
    weights = [pulls.get(i, 0.0) for i in range(len(scores))]
    weights[own.position] = 1.0 - math.fsum(weights)
    return linear(weights, 1.0, scores)
