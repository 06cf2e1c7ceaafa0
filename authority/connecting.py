"""What every command of the authority needs: its home, and its account on its network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from authority.home import AuthorityHome
    from node.ledger import Ledger

T = TypeVar("T")

HOME = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("authority-home"),
    show_default=True,
    help="The authority's folder.",
)


def with_ledger(home: Path, work: Callable[[AuthorityHome, Ledger], Awaitable[T]]) -> T:
    """Do something as the authority on its network."""
    from authority.home import AuthorityHome
    from node import chain
    from node.keys import load_account
    from node.network import load_network
    from node.running import run

    folder = AuthorityHome(home)
    where, account = load_network(folder.network), load_account(folder.account)

    async def connected() -> T:
        return await work(folder, await chain.connect(where.rpc, where.network, account))

    return run(connected)
