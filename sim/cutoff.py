"""A node cut off from its peers and its chain, on a machine where nobody may touch the network.

While a file called `cut` lies in the node's home, its chain and its peers can't be reached and it
serves nobody: what an unplugged cable does, but for transfers under way, which go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from node.conduct import Conduct
from node.config import Home
from node.digest import Digest
from node.errors import ChainUnreachable, PeerUnreachable
from node.exchange import Exchange, MayServe, PeerKey
from node.ledger import Address, Block, Call, Ledger, Logged, Mined, Network
from node.seams import Seams
from sim.adversary.over import OverExchange


def cut_file(home: Home) -> Path:
    """The file that cuts a node off while it is there."""
    return home.folder / "cut"


def cut_off(conduct: Conduct, file: Path) -> Conduct:
    """The same conduct behind a cable that the file unplugs."""

    def ledger(line: Ledger) -> Ledger:
        return _Line(conduct.ledger(line), file)

    def seams(honest: Seams) -> Seams:
        built = conduct.seams(honest)
        return replace(built, exchange=_Wire(built.exchange, file))

    def may_serve(honest: MayServe) -> MayServe:
        allowed = conduct.may_serve(honest)
        return lambda name, peer: not file.exists() and allowed(name, peer)

    return replace(conduct, ledger=ledger, seams=seams, may_serve=may_serve)


class _Line:
    """The chain, while the cable is in."""

    def __init__(self, under: Ledger, file: Path) -> None:
        self._under, self._file = under, file

    @property
    def network(self) -> Network:
        """See Ledger."""
        return self._under.network

    @property
    def account(self) -> Address:
        """See Ledger."""
        return self._under.account

    async def head(self) -> Block:
        """See Ledger."""
        self._check()
        return await self._under.head()

    async def events(self, first: int, last: int) -> Sequence[Logged]:
        """See Ledger."""
        self._check()
        return await self._under.events(first, last)

    async def send(self, call: Call) -> Mined:
        """See Ledger."""
        self._check()
        return await self._under.send(call)

    def _check(self) -> None:
        if self._file.exists():
            raise ChainUnreachable("cut off from the chain, as this simulation wants it")


class _Wire(OverExchange):
    """The peers, while the cable is in."""

    def __init__(self, under: Exchange, file: Path) -> None:
        super().__init__(under)
        self._file = file

    async def fetch(self, digest: Digest, peer: PeerKey, max_bytes: int) -> None:
        """See Exchange."""
        if self._file.exists():
            raise PeerUnreachable("cut off from the peers, as this simulation wants it")
        await self.under.fetch(digest, peer, max_bytes)
