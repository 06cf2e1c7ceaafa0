"""Opening a folder for an audit: a run's folder, a node's home, or the authority's.

A run's own devnet has usually ended by then: it is started again from its state, for as long as needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from authority.audit.place import Place
from authority.home import AuthorityHome
from node.config import Home, load_config
from node.errors import ChainUnreachable, WrongUse
from node.ledger import Address
from node.network import load_network
from sim.anvil import request
from sim.devnet import reopened
from sim.folder import RunFolder
from sim.hostile import load_roles


@contextmanager
def open_place(folder: Path) -> Iterator[Place]:
    """What an audit needs to know of a folder. Raises WrongUse."""
    if RunFolder(folder).file.exists():
        with _run(RunFolder(folder)) as place:
            yield place
    elif Home(folder).config.exists():
        config = load_config(Home(folder))
        yield Place((config.rpc,), config.network, (Home(folder).blobs,), homes=(folder,))
    elif AuthorityHome(folder).network.exists():
        home = AuthorityHome(folder)
        where = load_network(home.network)
        yield Place((where.rpc,), where.network, names=home.names())
    else:
        raise WrongUse(f"{folder} is no run's folder, no node's home and no authority's home")


@contextmanager
def _run(folder: RunFolder) -> Iterator[Place]:
    facts, homes = folder.load(), folder.homes()
    network = load_network(folder.authority.network).network
    names = folder.authority.names()
    blobs, roles = tuple(home.blobs for home in homes), load_roles(folder.hostile)
    honest = tuple(home.folder for home in homes if home.folder.name not in roles)
    with _chain(folder, facts.rpc, network.registry) as rpc:
        yield Place((rpc,), network, blobs, facts.run, names, honest)


@contextmanager
def _chain(folder: RunFolder, rpc: str, registry: Address) -> Iterator[str]:
    if _serves(rpc, registry):
        yield rpc
    else:
        with reopened(folder.chain) as chain:
            yield chain.rpc


def _serves(rpc: str, registry: Address) -> bool:
    """Whether the run's own chain still answers there: its port may be another one's by now."""
    try:
        return len(request(rpc, "eth_getCode", registry, "latest")) > len("0x")
    except ChainUnreachable:
        return False
