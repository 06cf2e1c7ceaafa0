"""What an audit is about: a run on a chain, opened from a folder or from addresses alone.

An auditor needs nobody's good will: `--rpc` and `--ledger` do without any folder of a node's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

from authority.audit.place import OpenPlace, Place
from authority.audit.record import Record
from node.errors import WrongUse
from node.ledger import Address
from node.state import Run

Command = TypeVar("Command", bound=Callable[..., Any])

FOLDERS = click.Path(path_type=Path, exists=True, file_okay=False)
_OPTIONS = (
    click.argument("folder", type=FOLDERS, required=False),
    click.option("--run", type=click.IntRange(1), help="Which run. [the folder's, or the newest]"),
    click.option(
        "--rpc", "rpcs", multiple=True, metavar="URL", help="Ask this chain node; several are compared."
    ),
    click.option("--ledger", metavar="ADDRESS", help="The RoundLedger's address; then no FOLDER."),
    click.option("--gossip-ledger", metavar="ADDRESS", help="The GossipLedger's, if there is one."),
    click.option(
        "--blobs",
        "more",
        multiple=True,
        type=FOLDERS,
        help="A folder with blobs; several may be given.",
    ),
)


def in_a_folder(out: Path) -> None:
    """Before long work whose fruit goes there. Raises WrongUse."""
    if not out.absolute().parent.is_dir():
        raise WrongUse(f"{out.parent} is no folder: make it, or choose another --out")


def about_a_run(command: Command) -> Command:
    """The options that say what is audited; the command gets them as `where`."""
    return reduce(lambda made, option: option(made), reversed(_OPTIONS), command)


@dataclass(frozen=True, slots=True)
class Subject:
    """A run, the record that it is in, and where its blobs are."""

    record: Record
    run: Run
    place: Place

    def member(self, name: str) -> int:
        """A member by its name or number. Raises WrongUse."""
        found = [m for m in self.record.chronicle.members if name in (str(m), self.place.name(m))]
        if len(found) != 1:
            known = ", ".join(map(self.place.name, self.record.chronicle.members))
            raise WrongUse(f"{name!r:.80} is no member: there are {known}")
        return found[0]


@contextmanager
def subject(open_place: OpenPlace, where: dict[str, Any]) -> Iterator[Subject]:
    """Open what the options say. Raises WrongUse, ChainUnreachable, BadAnswer."""
    import trio

    from authority.audit.reading import read_record

    with place(open_place, where) as found:
        record = trio.run(read_record, found.rpcs, found.network)
        yield Subject(record, record.run(where["run"] or found.run), found)


@contextmanager
def place(open_place: OpenPlace, where: dict[str, Any]) -> Iterator[Place]:
    """Where the options say that chain and blobs are. Raises WrongUse, ChainUnreachable."""
    if where["gossip_ledger"] is not None and where["ledger"] is None:
        raise WrongUse("--gossip-ledger goes with --ledger")
    if where["ledger"] is not None:
        yield _addressed(where)
    elif where["folder"]:
        with open_place(where["folder"]) as found:
            rpcs = where["rpcs"] or found.rpcs
            yield replace(found, rpcs=rpcs, blobs=(*found.blobs, *where["more"]))
    else:
        raise WrongUse("what to audit? Give a FOLDER, or --rpc and --ledger")


def _addressed(where: dict[str, Any]) -> Place:
    import trio

    from node.chain import find_network

    if not where["rpcs"] or where["folder"]:
        raise WrongUse("--ledger goes with --rpc, and without a FOLDER")
    gossip = _address(where["gossip_ledger"]) if where["gossip_ledger"] is not None else Address("")
    network = trio.run(find_network, where["rpcs"][0], _address(where["ledger"]), gossip)
    return Place(where["rpcs"], network, where["more"])


def _address(text: str) -> Address:
    from node.network import address_from

    try:
        return address_from(text)
    except ValueError as error:
        raise WrongUse(str(error)) from None
