"""Self-centred clipping (ClippedGossip)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from node.merge.anchored import distances_to, own_of
from node.merge.clipped import clipped, heaviest, within
from node.merge.rule import Context, Own, Plan, Stack
from node.merge.text import written


@dataclass(frozen=True, slots=True)
class SelfCentredClipping:
    """x + sum_j w_j clip(x_j - x, tau). Scores are distances to the own input.

    tau: None for sqrt(sum_j w_j |x_j - x|^2 / b), b being the most mixing weight that the round's
    hostile inputs have, infinite for b = 0. He, Karimireddy, Jaggi, "Byzantine-Robust Decentralized
    Learning via ClippedGossip" (2022, arXiv 2202.01545) sum over the honest neighbours, whom a node
    doesn't know: here the furthest of weight b are left out, as Gaucher et al. do (arXiv 2410.10418).

    A given tau bounds what any number of neighbours do in a round, to tau times their weight; without
    one 2f < n is needed. Neither is enough for a run: that takes honest nodes that are well connected.
    Cost 2 n d.
    """

    tau: float | None = None

    @property
    def bound(self) -> str:
        """See Rule."""
        return "n > 2f" if self.tau is None else "n > f"

    def __str__(self) -> str:
        return written("self-centred-clipping", tau=self.tau)

    def tolerates(self, n: int) -> int:
        """See Rule."""
        return (n - 1) // 2 if self.tau is None else n - 1

    def plan(self, stack: Stack, context: Context) -> Plan:
        """See Rule."""
        own = own_of(self, stack, context)
        distances = distances_to(own, stack)
        radius = _radius(own, distances, context.hostile) if self.tau is None else self.tau
        return clipped(own, distances, radius)


def _radius(own: Own, distances: Sequence[float], hostile: int) -> float:
    weight = heaviest(own, hostile)
    if weight == 0:
        return math.inf
    near = within(own, distances, weight)
    return math.sqrt(math.fsum(own.mixing[i] * (distances[i] * distances[i]) for i in near) / weight)
