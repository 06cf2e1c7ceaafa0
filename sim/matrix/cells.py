"""A matrix's folder: a file for each cell that is done, so that none is done twice.

A file is a simulation's result, named by its scenario's digest. It counts as done if it can be read,
is of that scenario, and was made with the same task and the same release; else it is done again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from node.durable import disk_faults, hold, write_whole
from node.errors import Damaged
from sim.scenario import Scenario
from sim.trace import Trace, trace_of


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells in `folder`/cells. facts: those that a cell must have to count."""

    folder: Path
    facts: Mapping[str, str]

    def open(self) -> None:
        """Make the folder if it isn't there. Raises WrongUse."""
        with disk_faults(self.folder):
            (self.folder / "cells").mkdir(parents=True, exist_ok=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder for this process. Raises WrongUse when another matrix is at work in it."""
        with disk_faults(self.folder):
            file = (self.folder / "lock").open("w")
        with file:
            busy = f"another matrix is at work in {self.folder}: wait for it, or choose another --out"
            hold(file, busy)
            yield

    def file(self, scenario: Scenario) -> Path:
        """Where a cell's result lies, or will."""
        return self.folder / "cells" / f"{scenario.digest.hex}.json"

    def load(self, scenario: Scenario) -> Trace | None:
        """A cell's result; None when it isn't done. Raises Damaged naming the file."""
        file = self.file(scenario)
        try:
            trace = trace_of(file.read_text())
        except FileNotFoundError:
            return None
        except (OSError, UnicodeError, Damaged) as error:
            raise Damaged(f"{file}: {error}") from None
        if trace.scenario != scenario or len(trace.points) != scenario.rounds:
            raise Damaged(f"{file}: not the result of this cell")
        made_with = {name: trace.facts.get(name) for name in self.facts}
        return trace if made_with == self.facts else None

    def save(self, trace: Trace) -> None:
        """Keep a cell's result. Raises DiskFull and other faults of the disk."""
        write_whole(self.file(trace.scenario), trace.to_json().encode())
