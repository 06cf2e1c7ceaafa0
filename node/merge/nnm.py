"""Nearest-neighbour mixing, a step before a rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from node.merge.distances import between_all
from node.merge.minority import Minority
from node.merge.mixed import Mixing
from node.merge.rule import Context, Stack
from node.merge.text import written


@dataclass(frozen=True, slots=True)
class NearestNeighbourMixing(Minority):
    """Replace each input by the mean of the n - f nearest to it, itself first, ties by position.

    f: see Minority. Score of an input: into how many means it went. Before a rule that withstands f
    hostile inputs among n, the error is of the least possible order also where honest inputs differ.
    Needs 2f < n. Cost n^2 d. Allouah, Farhadkhani, Guerraoui, Gupta, Pinot, Stephan, "Fixing by Mixing:
    A Recipe for Optimal Byzantine ML under Heterogeneity" (AISTATS 2023, arXiv 2302.01772), section 3.
    """

    def __str__(self) -> str:
        return written("nnm", f=self.f)

    def mixing(self, stack: Stack, context: Context) -> tuple[Mixing, tuple[float, ...]]:
        """See Step."""
        n, near = stack.count, stack.count - context.reckoned(self.f)
        table = between_all(stack)
        np.fill_diagonal(table, -1.0)  # each is nearer to itself than an equal one at a lower position
        nearest = np.argsort(table, axis=1, kind="stable")[:, :near]
        weights = np.zeros((n, n + 1))
        np.put_along_axis(weights, nearest, 1.0, axis=1)
        went = tuple(float(np.count_nonzero(weights[:, i])) for i in range(n))
        return Mixing(weights, np.full(n, float(near))), went
