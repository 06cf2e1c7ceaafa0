"""BALANCE: neighbours no further off than a share of one's own norm, which shrinks over the run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from node.merge.anchored import distances_to, own_of, pulled
from node.merge.distances import squared_norm
from node.merge.rule import Context, Plan, Stack
from node.merge.text import written

ALPHA = 0.5
"""How much of the own input stays."""


@dataclass(frozen=True, slots=True)
class Balance:
    """alpha x + (1 - alpha) mean of the accepted, alpha = 1/2. Scores are distances to the own input.

    A neighbour is accepted if |x_j - x| <= gamma exp(-kappa t / T) |x|, t / T being the share of the
    run that is over; when none is, x stays. gamma: None for 0.3; kappa: None for 1. exp may differ
    between machines, so this rule is for the arena only: a run's merges must replay anywhere.

    Needs no f: any number of hostile neighbours pull x by a share of its own norm at most. It is that
    share which has to suit the models, and hostile inputs inside it count like honest ones. Cost 2 n d.
    Fang, Zhang, Hairi, Khanduri, Liu, Lu, Liu, Gong, "Byzantine-Robust Decentralized Federated
    Learning" (CCS 2024, arXiv 2406.10416).
    """

    gamma: float | None = None
    kappa: float | None = None

    bound: ClassVar[str] = "n > f"

    def __str__(self) -> str:
        return written("balance", gamma=self.gamma, kappa=self.kappa)

    def tolerates(self, n: int) -> int:
        """See Rule."""
        return n - 1

    def plan(self, stack: Stack, context: Context) -> Plan:
        """See Rule."""
        own = own_of(self, stack, context)
        distances = distances_to(own, stack)
        limit = self._share(own.progress) * math.sqrt(squared_norm(stack, own.position))
        others = (i for i in range(stack.count) if i != own.position)
        accepted = [i for i in others if distances[i] <= limit]
        return pulled(own, {i: (1.0 - ALPHA) / len(accepted) for i in accepted}, distances)

    def _share(self, progress: float) -> float:
        gamma = 0.3 if self.gamma is None else self.gamma
        kappa = 1.0 if self.kappa is None else self.kappa
        return gamma * math.exp(-kappa * progress)
