"""One cell of a matrix, in whatever process: a scenario in, its trace or the reason of failure out."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from node.errors import WaggleError
from sim.scenario import Scenario
from sim.trace import Trace

Work = Callable[[Scenario], Trace]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a cell: a trace, or why there is none. seconds: on the clock, set-up included."""

    scenario: Scenario
    trace: Trace | None
    why: str = ""
    seconds: float = 0.0


class Pool(Protocol):
    """Runs cells, several at a time."""

    @property
    def jobs(self) -> int:
        """How many at a time."""
        ...

    def run(self, scenarios: Sequence[Scenario]) -> Iterator[Answer]:
        """An answer for each cell, as they come. Whoever stops asking stops those that still run."""
        ...


def simulate(scenario: Scenario) -> Trace:
    """Run a cell on one processor, silently. Raises what the arena raises."""
    from sim.arena import Arena  # torch, and with it seconds

    return Arena(scenario, threads=1).run(lambda point: None)


def attempt(work: Work, scenario: Scenario) -> Answer:
    """Run a cell; whatever it raises is in the answer."""
    begun = time.monotonic()
    try:
        trace, why = work(scenario), ""
    except WaggleError as error:
        trace, why = None, str(error)
    except Exception as error:  # the rest goes on; a bug must be found again by its place
        trace, why = None, f"{type(error).__name__}: {error} ({_place(error)})"
    return Answer(scenario, trace, why, time.monotonic() - begun)


def lost(scenario: Scenario, why: str) -> Answer:
    """The answer for a cell whose process died."""
    return Answer(scenario, None, why)


def _place(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}, line {last.lineno}"
