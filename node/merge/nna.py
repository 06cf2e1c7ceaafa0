"""Nearest-neighbour averaging (MoNNA)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from node.merge.anchored import distances_to, nearest_first, own_of
from node.merge.linear import mean_of
from node.merge.rule import Context, Plan, Stack, withstood
from node.merge.text import written


@dataclass(frozen=True, slots=True)
class NearestNeighbourAveraging:
    """The mean of the own input and the n - f - 1 nearest to it, equal distances by position.

    f: how many to leave out; None: as many as may be hostile in the round. Scores are distances to the
    own input. Needs 2f < n; the source's proof wants a smaller share of hostile inputs, momentum in the
    local steps, and nodes that all hear each other. Cost 2 n d. Farhadkhani, Guerraoui, Gupta, Hoang,
    Pinot, Stephan, "Robust Collaborative Learning with Linear Gradient Overhead" (ICML 2023,
    arXiv 2209.10931).
    """

    f: int | None = None

    bound: ClassVar[str] = "n > 2f"

    def __str__(self) -> str:
        return written("nna", f=self.f)

    def tolerates(self, n: int) -> int:
        """See Rule."""
        return withstood(self.f, (n - 1) // 2)

    def plan(self, stack: Stack, context: Context) -> Plan:
        """See Rule."""
        own = own_of(self, stack, context)
        f = context.reckoned(self.f)
        distances = distances_to(own, stack)
        near = nearest_first(own, distances)[: stack.count - f - 1]
        return mean_of((own.position, *near), stack.count, distances)
