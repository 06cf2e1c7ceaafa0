"""What processes hold over their lives: memory, open files, threads, connections, from /proc.

A life counts as long once it has lasted a good part of the whole. Its middle and its end are compared:
what was taken once stays, what leaks goes on growing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from sim.bench import memory as bench_memory

LEAST_SAMPLES = 12
"""Looks at a process without which nothing is said of it."""

LONG = 0.5
"""Share of the whole that a life must have lasted."""

SLACK: Mapping[str, tuple[float, float]] = {
    "memory": (8e6, 0.10),
    "files": (4, 0.10),
    "threads": (3, 0.10),
    "sockets": (4, 0.10),
}
"""What may come on top from the middle to the end without being growth: so much, or such a share."""


@dataclass(slots=True)
class Life:
    """One process. samples: (seconds, what it held then)."""

    name: str
    pid: int
    samples: list[tuple[float, dict[str, float]]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """From the first look to the last."""
        return self.samples[-1][0] - self.samples[0][0] if self.samples else 0.0


class Watcher:
    """Looks at processes by name and process id, again and again."""

    def __init__(self) -> None:
        self._lives: dict[tuple[str, int], Life] = {}

    def look(self, seconds: float, pids: Mapping[str, int]) -> None:
        """Look once; what is gone is left out."""
        for name, pid in pids.items():
            if (held := held_by(pid)) is not None:
                life = self._lives.setdefault((name, pid), Life(name, pid))
                life.samples.append((seconds, held))

    def lives(self) -> list[Life]:
        """All that were seen."""
        return list(self._lives.values())


def held_by(pid: int) -> dict[str, float] | None:
    """Memory, open files, sockets among them, threads; None when the process is gone."""
    process = bench_memory.PROC / str(pid)
    try:
        links = [_link(path) for path in (process / "fd").iterdir()]
        threads = sum(1 for _ in (process / "task").iterdir())
    except OSError:
        return None
    size = bench_memory.anonymous(pid)
    if size is None:
        return None
    sockets = sum(link.startswith("socket:") for link in links)
    counts = {"memory": size, "files": len(links), "sockets": sockets, "threads": threads}
    return {name: float(count) for name, count in counts.items()}


def judged(lives: Sequence[Life], whole: float) -> list[dict[str, Any]]:
    """Each long life: what it held in the middle and at the end, and what grew."""
    return [
        _judged(life)
        for life in sorted(lives, key=lambda life: (life.name, life.pid))
        if life.seconds >= LONG * whole and len(life.samples) >= LEAST_SAMPLES
    ]


def _judged(life: Life) -> dict[str, Any]:
    figures = {name: _figures(life, name) for name in SLACK}
    grown = [name for name, (middle, end) in figures.items() if grows(name, middle, end)]
    held = {name: {"middle": middle, "end": end} for name, (middle, end) in figures.items()}
    return {"name": life.name, "seconds": round(life.seconds), **held, "grown": grown}


def grows(name: str, middle: float, end: float) -> bool:
    """Whether that is more than comes and goes."""
    most, share = SLACK[name]
    return end - middle > max(most, share * middle)


def _figures(life: Life, name: str) -> tuple[float, float]:
    """Medians of the second quarter, when all is warm, and of the last."""
    values = [held[name] for _, held in life.samples]
    quarter = len(values) // 4
    return median(values[quarter : 2 * quarter]), median(values[-quarter:])


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
