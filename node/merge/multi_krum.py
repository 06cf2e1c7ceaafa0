"""Multi-Krum: the mean of the inputs that have the closest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from node.merge.distances import between_all
from node.merge.krum import krum_scores
from node.merge.linear import mean_of
from node.merge.rule import Context, Plan, Stack, withstood
from node.merge.text import written


@dataclass(frozen=True, slots=True)
class MultiKrum:
    """The plain mean of the m inputs with the least Krum scores.

    f: None for as many as may be hostile in the round. m: from 1 to n - f; None for n - f - 2. Scores
    are Krum's; equal ones go by position. Tolerates n >= 2f + 3. Cost n^2 d / 2, once over the data.
    Blanchard, El Mhamdi, Guerraoui, Stainer, "Machine Learning with Adversaries: Byzantine Tolerant
    Gradient Descent" (NIPS 2017), section 5; m = n - f - 2 as in El Mhamdi, Guerraoui, Rouault, "The
    Hidden Vulnerability of Distributed Learning in Byzantium" (ICML 2018).
    """

    f: int | None = None
    m: int | None = None

    def __str__(self) -> str:
        return written("multi-krum", f=self.f, m=self.m)

    @property
    def bound(self) -> str:
        """See Rule."""
        return "n >= 2f + 3" if self.m is None else f"n >= 2f + 3 and n - f >= {self.m}"

    def tolerates(self, n: int) -> int:
        """See Rule."""
        most = (n - 3) // 2
        return withstood(self.f, most if self.m is None else min(most, n - self.m))

    def plan(self, stack: Stack, context: Context) -> Plan:
        """See Rule."""
        f = context.reckoned(self.f)
        neighbours = stack.count - f - 2
        scores = krum_scores(between_all(stack), neighbours)
        best = np.argsort(scores, kind="stable")[: neighbours if self.m is None else self.m]
        return mean_of(best.tolist(), stack.count, scores.tolist())
