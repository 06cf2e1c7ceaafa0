"""`waggle audit contributions`: how much did each clinic's updates help?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from authority.audit.subject import FOLDERS, about_a_run, subject
from node.errors import WrongUse

if TYPE_CHECKING:
    from authority.audit.contributions import Contributions, Score
    from authority.audit.place import OpenPlace, Place
    from node.manifest import Manifest
    from node.task import Data, Task
    from node.weights import Array


@click.command()
@about_a_run
@click.option("--task", "source", help="The run's task: a name or a file. [as the manifest says]")
@click.option("--data", type=FOLDERS, help="Your own held-out patients, as the task reads them.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of permutations.")
@click.option(
    "--permutations", type=click.IntRange(2, 100_000), default=100, show_default=True,
    help="Sampled where a round has more than 8 inputs.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON result on standard output.")
@click.pass_obj
def contributions(
    open_place: OpenPlace,
    /,
    source: str | None,
    data: Path | None,
    seed: int,
    permutations: int,
    as_json: bool,
    **where: Any,
) -> None:
    """Say how much each clinic's updates helped, by merging again without them.

    Leave-one-out: what is lost without a clinic. Shapley: its share of the gain. Measured on the task's
    held-out data, or on yours.

    \b
    Examples:
      waggle audit contributions runs/wdbc-1
      waggle audit contributions runs/mine-1 --task mine.py --data held-out/
    """
    from authority.audit.contributions import contributions_of
    from node.manifest import Manifest

    with subject(open_place, where) as about:
        pass
    manifest = Manifest.from_bytes(about.run.manifest)
    metric, score = _score(_task(source or manifest.task, manifest), data, manifest)
    with _progress() as tick:
        found = contributions_of(
            about.run,
            about.place.blobs,
            score,
            seed=seed,
            permutations=permutations,
            on_merge=tick,
        )
    if as_json:
        click.echo(json.dumps({"metric": metric(), **found.plain()}))
    else:
        _print(found, metric(), about.place)


def _task(source: str, manifest: Manifest) -> Task:
    from node.task import load_task

    task = load_task(source)
    if task.digest != manifest.task_digest:
        raise WrongUse(
            f"the run's task {manifest.task!r:.80} has digest {manifest.task_digest.short}, {source} "
            f"has {task.digest.short}: give --task with the same file"
        )
    return task


def _score(task: Task, folder: Path | None, manifest: Manifest) -> tuple[Callable[[], str], Score]:
    """The metric's name, once something was measured, and what a model is worth."""
    from node.task import Site
    from node.train import TorchTrainer, exact

    exact()
    held_out, name = _held_out(task, folder, manifest), "score"
    trainer = TorchTrainer(task, Site())

    def score(model: Mapping[str, Array]) -> float:
        nonlocal name
        name, value = next(iter(trainer.evaluate(model, held_out).items()))
        return value

    return lambda: name, score


def _held_out(task: Task, folder: Path | None, manifest: Manifest) -> Data:
    from node.task import Site

    found = task.data(Site(folder=folder)) if folder else task.held_out(manifest.seed)
    if found is None:
        raise WrongUse(f"task {task.name} has no held-out data: give yours with --data")
    return found


@contextmanager
def _progress() -> Iterator[Callable[[], None]]:
    """Counts merges on standard error, where that is a terminal."""
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.completed:.0f} merges redone"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("merging", total=None)
        yield lambda: bar.advance(task)


def _print(found: Contributions, metric: str, place: Place) -> None:
    view = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in ("clinic", "rounds", "leave one out", "Shapley"):
        view.add_column(column, justify="left" if column == "clinic" else "right")
    for one in found.members:
        spread = f" ({one.shapley.low:+.4f} to {one.shapley.high:+.4f})" if found.permutations else ""
        shapley = f"{one.shapley.mean:+.4f}{spread}"
        view.add_row(place.name(one.member), str(one.rounds), f"{one.leave_one_out:+.4f}", shapley)
    Console().print(view)
    how = f"from {found.permutations} permutations" if found.permutations else "exact, all coalitions"
    click.echo(f"{metric}: all rounds together gained {found.gain:+.4f}; Shapley values {how}")
