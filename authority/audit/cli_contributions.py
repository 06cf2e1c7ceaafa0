"""`waggle audit contributions`: how much did each clinic's updates help?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from authority.audit.ending import JSON, end, stopping
from authority.audit.subject import FOLDERS, about_a_run, subject

if TYPE_CHECKING:
    from authority.audit.contributions import Contributions
    from authority.audit.place import OpenPlace, Place

TASK = click.option("--task", "source", help="The run's task: a name or a file. [the manifest's]")
DATA = click.option("--data", type=FOLDERS, help="Your own held-out patients, as the task reads them.")


@click.command()
@about_a_run
@TASK
@DATA
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of permutations.")
@click.option(
    "--permutations", type=click.IntRange(2, 100_000), default=100, show_default=True,
    help="Sampled where a round has more than 8 inputs.",
)  # fmt: skip
@JSON
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
    from authority.audit.scoring import Scorer
    from node.manifest import Manifest

    with stopping(as_json):
        with subject(open_place, where) as about:
            pass
        score = Scorer(Manifest.from_bytes(about.run.manifest), source, data)
        with progress("merges redone") as tick:
            found = contributions_of(
                about.run,
                about.place.blobs,
                score,
                seed=seed,
                permutations=permutations,
                on_merge=tick,
            )
    if as_json:
        click.echo(json.dumps({"metric": score.metric, **found.plain()}))
    else:
        _print(found, score.metric, about.place)
    end(about.record.differences)


@contextmanager
def progress(what: str) -> Iterator[Callable[[], None]]:
    """Counts on standard error, where that is a terminal."""
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn(f"{{task.completed:.0f}} {what}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda: bar.advance(task)


def _print(found: Contributions, metric: str, place: Place) -> None:
    view = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in ("clinic", "rounds", "leave one out", "Shapley"):
        view.add_column(column, justify="left" if column == "clinic" else "right")
    for one in found.members:
        spread = f" ({one.shapley.low:+.4f} to {one.shapley.high:+.4f})" if found.permutations else ""
        shapley = f"{one.shapley.mean:+.4f}{spread}"
        view.add_row(
            Text(place.name(one.member)), str(one.rounds), f"{one.leave_one_out:+.4f}", shapley
        )
    Console().print(view)
    how = f"from {found.permutations} permutations" if found.permutations else "exact, all coalitions"
    click.echo(f"{metric}: all rounds together gained {found.gain:+.4f}; Shapley values {how}")
