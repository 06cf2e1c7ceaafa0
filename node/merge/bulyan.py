"""Bulyan: Krum again and again, then per column the values nearest the median of those picked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from node.merge.distances import between_all
from node.merge.kernels import nearest_mean
from node.merge.krum import krum_scores
from node.merge.order import ranked
from node.merge.rule import Context, Plan, Slice, Stack, withstood
from node.merge.text import written
from node.weights import Array


@dataclass(frozen=True, slots=True)
class Bulyan:
    """Pick n - 2f inputs by Krum, then per column average the n - 4f of them nearest their median.

    Each pick is Krum's among the r inputs not yet picked: least sum over the r - f - 2 nearest others,
    but over 1 at least, equal sums by position. The median of an even number of picks is the mean of
    the middle two; of two values equally far from it the lower one is nearer. f: None for as many as
    may be hostile in the round. Scores are the Krum scores among all inputs.

    Where few are left, hostile inputs that are equal are picked: up to f among the n - 2f, so that the
    medians are honest, and no column leaves the honest values by more than their range. Tolerates
    n >= 4f + 3. Cost n^2 d / 2, once over the data, then n^3 log n. El Mhamdi, Guerraoui, Rouault, "The
    Hidden Vulnerability of Distributed Learning in Byzantium" (ICML 2018), section 4.
    """

    f: int | None = None

    bound: ClassVar[str] = "n >= 4f + 3"

    def __str__(self) -> str:
        return written("bulyan", f=self.f)

    def tolerates(self, n: int) -> int:
        """See Rule."""
        return withstood(self.f, (n - 3) // 4)

    def plan(self, stack: Stack, context: Context) -> Plan:
        """See Rule."""
        n, f = stack.count, context.reckoned(self.f)
        squared = between_all(stack)
        picks = _picks(squared, n - 2 * f, f)

        def combine(piece: Slice) -> Array:
            mean = np.empty(len(piece.base))
            table = ranked([piece.rows[i] for i in picks], 0, len(picks) - 1)
            nearest_mean(table, n - 4 * f, mean)
            return mean

        return Plan(combine, picks, tuple(krum_scores(squared, n - f - 2).tolist()))


def _picks(squared: Array, count: int, f: int) -> tuple[int, ...]:
    left = np.arange(len(squared))
    for _ in range(count):
        scores = krum_scores(squared[np.ix_(left, left)], max(len(left) - f - 2, 1))
        left = np.delete(left, np.argmin(scores))
    return tuple(sorted(set(range(len(squared))) - set(left.tolist())))
