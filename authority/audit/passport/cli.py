"""`waggle audit export` and `waggle audit verify`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from authority.audit.ending import JSON, end, stopping
from authority.audit.subject import FOLDERS, about_a_run, in_a_folder, place
from authority.audit.words import say_lines
from node.errors import WrongUse

if TYPE_CHECKING:
    from authority.audit.passport.checking import Verified
    from authority.audit.passport.trail import OnBlock
    from authority.audit.passport.writing import Exported, Find
    from authority.audit.place import OpenPlace, Place


@click.command()
@about_a_run
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A new file.")
@click.option("--with-blobs", is_flag=True, help="Models and updates, too: merges can be redone.")
@click.option("--sparse", is_flag=True, help="Without the blocks in which the contracts are silent.")
@JSON
@click.pass_obj
def export(
    open_place: OpenPlace,
    /,
    out: Path,
    with_blobs: bool,
    sparse: bool,
    as_json: bool,
    **where: Any,
) -> None:
    """Write the passport of a run's model: one file that proves the run's history without a network.

    FOLDER: a run, a node's home, or the authority's; without one, give --rpc and --ledger. Whoever
    verifies the file needs to trust neither it nor you: one block hash is compared with the chain,
    everything else follows. A sparse passport is smaller on a chain that runs on for years, and doesn't
    prove that nothing was left out.

    \b
    Examples:
      waggle audit export runs/wdbc-1 --out wdbc.passport
      waggle audit export clinic-a --with-blobs --blobs clinic-b/blobs --out wdbc.passport
    """
    from authority.audit.passport import telling

    if out.exists():
        raise WrongUse(f"{out} exists: choose another --out, or remove it first")
    in_a_folder(out)
    with (
        stopping(as_json),
        place(open_place, where) as found,
        _progress("blocks written") as on_block,
    ):
        folders = found.blobs if with_blobs or where["more"] else None
        made = _written(found, where["run"], out, folders, sparse, on_block)
    if as_json:
        click.echo(json.dumps({"file": str(out), **telling.exported_plain(made)}))
    else:
        click.echo("\n".join((f"{out}: {out.stat().st_size:,} bytes", *telling.exported(made))))


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--rpc",
    "rpcs",
    multiple=True,
    help="Compare with this node of the chain; may be given several times.",
)
@click.option(
    "--blobs", "more", multiple=True, type=FOLDERS, help="A folder with blobs; several may be given."
)
@JSON
def verify(file: Path, rpcs: tuple[str, ...], more: tuple[Path, ...], as_json: bool) -> None:
    """Verify a passport. Exit code 1 when it doesn't prove what it says.

    No network is needed, and no trust in whoever wrote the file: compare the block hash that is printed
    with any node of the chain, or let --rpc do so.

    \b
    Examples:
      waggle audit verify wdbc.passport
      waggle audit verify wdbc.passport --rpc http://10.0.0.7:8545 --rpc http://10.0.0.9:8545
    """
    from authority.audit.passport import telling

    with stopping(as_json):
        found = _verified(file, more, Console(stderr=as_json))
        compared, differing = _compared(found, rpcs)
    if as_json:
        click.echo(json.dumps(telling.plain(found, compared, differing)))
    else:
        click.echo("\n".join(telling.lines(found, compared)))
    end(telling.problems(found, differing))


def _written(
    found: Place,
    run: int | None,
    out: Path,
    folders: Sequence[Path] | None,
    sparse: bool,
    on_block: OnBlock,
) -> Exported:
    import trio

    from authority.audit.passport.writing import write_passport
    from authority.audit.reading import read_record
    from authority.audit.sources import FolderSources
    from node.blobs import DiskBlobs
    from node.evidence import RpcEvidence

    async def write(find: Find | None) -> Exported:
        record = await read_record(found.rpcs, found.network)
        end(record.differences)
        number = record.run(run or found.run).number
        evidence = RpcEvidence(found.rpcs[0])
        return await write_passport(
            evidence, found.network, number, out, find=find, sparse=sparse, on_block=on_block
        )

    with tempfile.TemporaryDirectory(prefix="waggle-passport-") as scratch:
        blobs = DiskBlobs(Path(scratch))
        sources = FolderSources(folders or (), blobs)
        find = lambda digest: blobs.view(digest) if sources.collect(digest) else None  # noqa: E731
        return trio.run(write, None if folders is None else find)


def _verified(file: Path, folders: tuple[Path, ...], console: Console) -> Verified:
    from authority.audit.passport.checking import verify_passport
    from authority.audit.replay import Replayed, say

    def tell(one: Replayed) -> None:
        say_lines(console, say(one, "member {}".format))

    with _progress("blocks verified") as on_block:
        return verify_passport(file, folders, on_block=on_block, on_round=tell)


def _compared(found: Verified, rpcs: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Names of the endpoints that have the same hashes; where others differ, in words."""
    import trio

    from authority.audit.passport.comparing import differences
    from node.evidence import RpcEvidence

    same: list[str] = []
    differing: list[str] = []
    for evidence in map(RpcEvidence, rpcs):
        there = trio.run(differences, evidence, found.facts.network.chain_id, found.anchors)
        differing += there
        same += [] if there else [evidence.name]
    return same, differing


@contextmanager
def _progress(what: str) -> Iterator[OnBlock]:
    """A bar for people at a terminal, nothing for others."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total: None
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
