"""Many worlds on all processors: what broke, and how fast it went."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.pool import local_pool
from sim.world.verdict import Verdict, Wish, judge_all, lost

BATCH = 5
"""Worlds that a process is given at once."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What many worlds came to. seconds: on the clock, start of the processes included."""

    verdicts: tuple[Verdict, ...]
    seconds: float

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """Worlds that broke a promise, by seed."""
        found = (verdict for verdict in self.verdicts if verdict.broken)
        return tuple(sorted(found, key=lambda verdict: verdict.wish.seed))

    def total(self, name: str) -> float:
        """The sum of a field."""
        return float(sum(getattr(verdict, name) for verdict in self.verdicts))

    @property
    def rate(self) -> float:
        """Worlds a second."""
        return len(self.verdicts) / self.seconds if self.seconds else 0.0

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        names = ("finalized", "skipped", "faults", "liars", "hours")
        return {
            "worlds": len(self.verdicts),
            "seconds": round(self.seconds, 2),
            "a_second": round(self.rate, 2),
            **{name: round(self.total(name), 2) for name in names},
            "failed": [
                {"seed": v.wish.seed, "broken": list(v.broken), "repeat": v.wish.command}
                for v in self.failed
            ],
            "good": not self.failed,
        }


def play_many(wishes: Sequence[Wish], jobs: int | None, tell: Callable[[Verdict], None]) -> Tally:
    """Play all of them; `tell` hears of each as it ends."""
    begun, verdicts = time.monotonic(), list[Verdict]()
    batches = [wishes[at : at + BATCH] for at in range(0, len(wishes), BATCH)]
    at_once = min(jobs or len(os.sched_getaffinity(0)), len(batches))
    with (
        tempfile.TemporaryDirectory(prefix="waggle-world-") as scratch,
        local_pool(at_once, judge_all, lost, Path(scratch) / "log.txt") as pool,
    ):
        for answers in pool.run(batches):
            verdicts += answers
            for verdict in answers:
                tell(verdict)
    return Tally(tuple(verdicts), time.monotonic() - begun)
