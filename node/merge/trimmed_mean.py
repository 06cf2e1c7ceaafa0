"""The coordinate-wise trimmed mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from node.merge.order import mean_of_ranks
from node.merge.rule import Context, Plan, Stack, withstood
from node.merge.text import written


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
        return written("trimmed-mean", f=self.f)

    def tolerates(self, n: int) -> int:
        """See Rule."""
        return withstood(self.f, (n - 1) // 2)

    def plan(self, stack: Stack, context: Context) -> Plan:
        """See Rule."""
        drop = context.reckoned(self.f)
        return Plan(
            combine=lambda piece: mean_of_ranks(piece.rows, drop, stack.count - 1 - drop),
            used=tuple(range(stack.count)),
        )
