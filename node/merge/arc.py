"""Adaptive robust clipping, a step before a rule."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from node.merge.distances import from_base
from node.merge.minority import Minority
from node.merge.mixed import Mixing
from node.merge.rule import Context, Stack
from node.merge.text import written


@dataclass(frozen=True, slots=True)
class AdaptiveRobustClipping(Minority):
    """Clip the floor(2 (f/n) (n - f)) longest deltas to the base to the longest of the others.

    An input becomes base + s (x - base), with s = min(1, limit / |x - base|); scores are the s.
    f: see Minority. What the rule after it withstands stays as it was, and no update pulls further
    than some honest one when the rule fails to see it. Needs 2f < n. Cost n d. Allouah, Guerraoui,
    Gupta, Jellouli, Rizk, Stephan, "Adaptive Gradient Clipping for Robust Federated Learning"
    (arXiv 2405.14432); there gradients are clipped, here what a round's training changed.
    """

    def __str__(self) -> str:
        return written("arc", f=self.f)

    def mixing(self, stack: Stack, context: Context) -> tuple[Mixing, tuple[float, ...]]:
        """See Step."""
        n, f = stack.count, context.reckoned(self.f)
        norms = [math.sqrt(square) for square in from_base(stack)]
        limit = sorted(norms)[n - 1 - 2 * f * (n - f) // n]
        factors = tuple(limit / norm if norm > limit else 1.0 for norm in norms)
        weights = np.zeros((n, n + 1))
        np.fill_diagonal(weights, factors)
        weights[:, n] = [1.0 - factor for factor in factors]
        return Mixing(weights, np.ones(n)), factors
