"""`waggle audit`: what happened, and is each merge what it claims to be?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from authority.audit.passport.cli import export, verify
from node.errors import BadAnswer

if TYPE_CHECKING:
    from authority.audit.place import OpenPlace

FOLDER = click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
RUN = click.option("--run", type=click.IntRange(1), help="Which run. [the folder's, or the newest]")
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON result on standard output.")


@click.group()
def audit() -> None:
    """Check a run from the chain and the blobs, whatever the nodes say.

    It proves what was merged. It doesn't prove that a clinic trained honestly or on real patients; a
    lazy node may attest by copying; a majority of liars can finalize anything.

    \b
    Example:
      waggle audit show runs/wdbc-1
      waggle audit replay runs/wdbc-1
      waggle audit export runs/wdbc-1 --out wdbc.passport
    """


@audit.command()
@FOLDER
@RUN
@JSON
@click.pass_obj
def show(open_place: OpenPlace, folder: Path, run: int | None, as_json: bool) -> None:
    """Show a run's history. FOLDER: a run, a node's home, or the authority's.

    \b
    Example:
      waggle audit show runs/wdbc-1
    """
    import trio

    from authority.audit.history import history_of, table
    from authority.audit.reading import read_record

    with open_place(folder) as place:
        record = trio.run(read_record, [place.rpc], place.network)
    rows = history_of(record, record.run(run or place.run))
    if as_json:
        click.echo(json.dumps([row.plain() for row in rows]))
    else:
        Console().print(table(rows, place.name))


@audit.command()
@FOLDER
@RUN
@JSON
@click.option(
    "--blobs",
    "more",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Another folder with blobs; may be given several times.",
)
@click.pass_obj
def replay(
    open_place: OpenPlace, folder: Path, run: int | None, as_json: bool, more: tuple[Path, ...]
) -> None:
    """Redo every merge from its inputs, and compare. Exit code 1 when anything differs.

    \b
    Example:
      waggle audit replay runs/wdbc-1
      waggle audit replay clinic-a --blobs clinic-b/blobs
    """
    import trio

    from authority.audit.reading import read_record
    from authority.audit.replay import replay as redo
    from authority.audit.replay import say

    with open_place(folder) as place:
        record = trio.run(read_record, [place.rpc], place.network)
    chosen = record.run(run or place.run)
    console = Console(stderr=as_json)
    done = redo(
        record,
        chosen,
        [*place.blobs, *more],
        lambda one: console.print(*say(one, place.name), sep="\n", highlight=False, soft_wrap=True),
    )
    good = sum(one.good for one in done)
    if as_json:
        click.echo(json.dumps({"run": chosen.number, "rounds": [one.plain() for one in done]}))
    else:
        click.echo(f"{good} of {len(done)} merges redone from their inputs, identical to the attested")
    if good < len(done):
        what = "finalized rounds" if done[0].member is None else "merges"
        raise BadAnswer(f"{len(done) - good} of {len(done)} {what} have findings")
    if not done:
        raise BadAnswer("nothing was merged: there is nothing to redo")


audit.add_command(export)
audit.add_command(verify)
