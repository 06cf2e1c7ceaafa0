"""Krum: the input that has the closest neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from node.merge.distances import between_all
from node.merge.linear import mean_of
from node.merge.rule import Context, Plan, Stack, withstood
from node.merge.text import written
from node.weights import Array


@dataclass(frozen=True, slots=True)
class Krum:
    """The input whose sum of squared distances to its n - f - 2 nearest others is least.

    f: None for as many as may be hostile in the round. Scores are these sums; equal ones go by
    position. Tolerates n >= 2f + 3. Cost n^2 d / 2, once over the data. Blanchard, El Mhamdi,
    Guerraoui, Stainer, "Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent"
    (NIPS 2017), section 4. Other software sums over n - f - 1 or n - f neighbours.
    """

    f: int | None = None

    bound: ClassVar[str] = "n >= 2f + 3"

    def __str__(self) -> str:
        return written("krum", f=self.f)

    def tolerates(self, n: int) -> int:
        """See Rule."""
        return withstood(self.f, (n - 3) // 2)

    def plan(self, stack: Stack, context: Context) -> Plan:
        """See Rule."""
        f = context.reckoned(self.f)
        scores = krum_scores(between_all(stack), stack.count - f - 2)
        return mean_of([int(np.argmin(scores))], stack.count, scores.tolist())


def krum_scores(squared: Array, neighbours: int) -> Array:
    """Sum of each input's `neighbours` least squared distances to others, in ascending order: (n,).

    squared: (n, n), not changed. With fewer others than that: of all there are.
    """
    others = squared.copy()
    np.fill_diagonal(others, np.inf)
    others.sort(axis=0)
    total = np.zeros(len(squared))
    for row in others[: min(neighbours, len(squared) - 1)]:
        total += row
    return total
