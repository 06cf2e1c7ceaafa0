"""`waggle simulate matrix` from the wish to the page: folder, cells, pool, progress, report."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path

from rich.console import Console

from node.durable import write_whole
from node.errors import BadAnswer
from sim.fresh import fresh
from sim.live import say
from sim.matrix.cell import Answer, Pool, Work, attempt, lost, simulate
from sim.matrix.cells import Cells
from sim.matrix.live import progress
from sim.matrix.plan import LeftOut, Matrix
from sim.matrix.run import BUDGET_SECONDS, run
from sim.scenario import Scenario
from sim.signals import tidy_end
from sim.trace import Trace


@dataclass(frozen=True, slots=True)
class Wish:
    """How to run a matrix. out: None: a new folder. ray: a cluster's address. yes: however long."""

    out: Path | None = None
    jobs: int | None = None
    ray: str | None = None
    yes: bool = False


def session(matrix: Matrix, wish: Wish, work: Work = simulate) -> None:
    """Run a matrix and report it. Raises WrongUse, and BadAnswer when cells failed."""
    console = Console()
    from sim.matrix.names import ArenaNames, facts  # torch, and with it a second

    scenarios, left_out = matrix.cells(ArenaNames(matrix))
    folder = wish.out or fresh(Path("runs"), "matrix")
    cells = Cells(folder, facts(matrix.base))
    cells.open()
    with cells.alone():
        write_whole(folder / "scenario.toml", matrix.base.to_toml().encode())
        _tell_left_out(console, left_out)
        traces, failed = _simulated(console, cells, scenarios, wish, work, matrix.command(folder))
        _report(console, folder, matrix, traces, left_out, failed)


def _simulated(
    console: Console,
    cells: Cells,
    scenarios: Sequence[Scenario],
    wish: Wish,
    work: Work,
    again: str,
) -> tuple[list[Trace], list[Answer]]:
    """See `run`. again: the command that goes on after an interrupt."""
    try:
        with tidy_end(), progress(console) as (begin, tell):
            return run(
                cells,
                scenarios,
                lambda: _pool(wish, work, cells.folder),
                lambda text: say(console, text),
                begin,
                tell,
                budget=inf if wish.yes else BUDGET_SECONDS,
            )
    except (KeyboardInterrupt, SystemExit):
        say(console, f"stopped; what is done is kept. To go on: {again}")
        raise


def _pool(wish: Wish, work: Work, folder: Path) -> AbstractContextManager[Pool]:
    if wish.ray is not None:
        from sim.matrix.ray_pool import ray_pool

        return ray_pool(wish.ray, wish.jobs, work)
    from sim.pool import local_pool

    jobs = wish.jobs or len(os.sched_getaffinity(0))
    return local_pool(jobs, partial(attempt, work), lost, folder / "log.txt")


def _report(
    console: Console,
    folder: Path,
    matrix: Matrix,
    traces: Sequence[Trace],
    left_out: Sequence[LeftOut],
    failed: Sequence[Answer],
) -> None:
    """Write the page and say the most important; raises BadAnswer when cells failed."""
    from sim.matrix.report import results_of, write  # matplotlib, and with it a second
    from sim.matrix.words import sentences

    results = results_of(matrix, traces, left_out, failed)
    if results.findings:
        page = write(folder, results, matrix.command(folder))
        say(console, "", *sentences(results), "", f"Figures, tables and how to run it again: {page}")
    if failed:
        raise BadAnswer(
            f"{len(failed)} of {len(traces) + len(failed)} cells failed, named above: the same command "
            "tries them again"
        )


def _tell_left_out(console: Console, left_out: Sequence[LeftOut]) -> None:
    """A line for each reason."""
    for one in left_out:
        say(console, f"left out, {one.count} combinations: {one.what}: {one.why}")
