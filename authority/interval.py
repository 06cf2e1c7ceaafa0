"""A mean over seeds and how sure it is: Student's 95 % interval.

mean ± t(0.975, n-1) s / sqrt(n), s being the standard deviation with n-1 in its divisor (Student, "The
Probable Error of a Mean", Biometrika 1908). One seed says nothing of the spread, so its interval is
unbounded.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean of `count` values, with the ends of its interval."""

    mean: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        """For people: `0.951 (0.940 to 0.962)`."""
        if math.isinf(self.low):
            return f"{self.mean:.3f} (one seed)"
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"


def interval(values: Sequence[float]) -> Interval:
    """The mean and its interval. Raises ValueError for no values."""
    if not values:
        raise ValueError("an interval needs values")
    mean = statistics.fmean(values)
    if len(values) == 1 or not math.isfinite(mean):
        return Interval(mean, -math.inf, math.inf, len(values))
    half = quantile(len(values)) * statistics.stdev(values) / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half, len(values))


def quantile(count: int) -> float:
    """t that LEVEL of Student's distribution for `count` values lies within."""
    from scipy.special import stdtrit  # of scipy.stats, which takes a second to import

    return float(stdtrit(count - 1, (1 + LEVEL) / 2))
