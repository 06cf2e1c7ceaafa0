"""Minimum diameter averaging."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from node.merge.distances import between_all
from node.merge.linear import mean_of
from node.merge.rule import Context, Plan, Stack, withstood
from node.merge.text import written
from node.weights import Array

MOST = 10
"""Inputs that can be left out: the search looks at 2^f sets."""


@dataclass(frozen=True, slots=True)
class MinimumDiameter:
    """The plain mean of the n - f inputs whose largest distance to each other is least.

    Of several such sets, the first in lexicographic order of positions. f: None for as many as may be
    hostile in the round, at most 10. Scores are each input's largest squared distance to those used.
    Tolerates 2f < n. Cost n^2 d / 2, once over the data, then 2^f n^2: not all (n over f) sets, as the
    farthest two can't both stay in a smaller set. El Mhamdi, Guerraoui, Guirguis, Hoang, Rouault,
    "Genuinely Distributed Byzantine Machine Learning" (PODC 2020), section 3; after Rousseeuw,
    "Multivariate Estimation with High Breakdown Point" (1985).
    """

    f: int | None = None

    bound: ClassVar[str] = f"n > 2f and f <= {MOST}"

    def __str__(self) -> str:
        return written("mda", f=self.f)

    def tolerates(self, n: int) -> int:
        """See Rule."""
        return withstood(self.f, min((n - 1) // 2, MOST))

    def plan(self, stack: Stack, context: Context) -> Plan:
        """See Rule."""
        f = context.reckoned(self.f)
        squared = between_all(stack)
        kept = sorted(set(range(stack.count)) - _left_out(squared, f))
        return mean_of(kept, stack.count, squared[kept].max(axis=0).tolist())


def _left_out(squared: Array, f: int) -> set[int]:
    """The f inputs without which the diameter is least, as high in lexicographic order as may be."""
    least = _least(squared, f)
    n = len(squared)
    found = []
    for some in _covers(squared, least, f):
        fill = [i for i in reversed(range(n)) if i not in some][: f - len(some)]
        found.append(sorted([*some, *fill]))
    return set(max(found))


def _least(squared: Array, f: int) -> float:
    """The least largest entry after f inputs are taken out: one of the farthest two is among them."""
    i, j = _farthest(squared)
    if not f:
        return float(squared[i, j])
    return min(_least(_without(squared, k), f - 1) for k in (i, j))


def _covers(squared: Array, least: float, f: int) -> Iterator[tuple[int, ...]]:
    """Sets of up to f inputs without which no entry is above `least`; each such set includes one."""
    i, j = _farthest(squared)
    if squared[i, j] <= least:
        yield ()
    elif f:
        for k in (i, j):
            yield from ((k, *rest) for rest in _covers(_without(squared, k), least, f - 1))


def _farthest(squared: Array) -> tuple[int, int]:
    i, j = divmod(int(np.argmax(squared)), len(squared))
    return i, j


def _without(squared: Array, i: int) -> Array:
    rest = squared.copy()
    rest[i] = rest[:, i] = 0.0
    return rest
