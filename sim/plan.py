"""What `waggle up` is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from authority.plan import RunPlan
from sim.hostile import Crew


@dataclass(frozen=True, slots=True)
class SwarmPlan:
    """What `waggle up` is asked for. task: a shipped task's name or a path. crews: who attacks.

    chaos: the seed of what happens to processes; None: nothing does.
    """

    folder: Path
    nodes: int = 5
    task: str = "wdbc"
    run: RunPlan = field(default_factory=lambda: RunPlan("demo", 5))
    seeded: bool = True
    crews: tuple[Crew, ...] = ()
    chaos: int | None = None
