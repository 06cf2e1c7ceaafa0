"""The coordinate-wise trimmed mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from node.merge.order import ranked
from node.merge.rule import Context, Plan, Slice, Stack
from node.merge.sums import weighted_mean
from node.weights import Array


@dataclass(frozen=True, slots=True)
class TrimmedMean:
    """Per column, drop the f highest and the f lowest values, then take the mean of the rest.

    f: how many to drop at each end; None: as many as may be hostile in the round. Unweighted, no
    scores. Every result lies between values of honest inputs when at most f are hostile. Tolerates
    2f < n. Cost n d log n. Yin, Chen, Ramchandran, Bartlett, "Byzantine-Robust Distributed Learning"
    (ICML 2018), definition 2.
    """

    f: int | None = None

    bound: ClassVar[str] = "n > 2f"

    def __str__(self) -> str:
        return "trimmed-mean" if self.f is None else f"trimmed-mean:f={self.f}"

    def tolerates(self, n: int) -> int:
        """See Rule."""
        most = (n - 1) // 2
        if self.f is None:
            return most
        return self.f if self.f <= most else -1

    def plan(self, stack: Stack, context: Context) -> Plan:
        """See Rule."""
        drop = context.hostile if self.f is None else self.f
        return Plan(
            combine=lambda piece: _trimmed(piece, drop),
            used=tuple(range(stack.count)),
        )


def _trimmed(piece: Slice, drop: int) -> Array:
    kept = ranked(piece.rows, drop, len(piece.rows) - 1 - drop)
    mean = weighted_mean(kept, [1] * len(kept))
    return np.clip(mean, kept[0], kept[-1], out=mean) if kept[0].dtype == mean.dtype else mean
