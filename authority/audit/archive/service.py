"""An archive as a service: an auditor's peer that keeps every blob of every run, and serves it.

It follows the chain and sends nothing to it. It sees blocks as deep as the most careful of all runs
asks, so that it serves nothing that a reorganization could still take back. Its folder of blobs is all
that it remembers, so it may be killed at any time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

import trio
from eth_account import Account

from authority.audit.archive.gathering import Gatherer
from authority.audit.archive.telling import Teller
from authority.audit.archive.wanted import confirmations_of
from node import chain
from node.blobs import DiskBlobs
from node.config import Home, load_config
from node.digest import Digest
from node.erasure import erasure
from node.errors import Damaged, WaggleError, WrongUse
from node.exchange import Exchange, PeerKey
from node.keys import load_peer_seed
from node.p2p import P2PExchange
from node.participation import serving
from node.peers import PeerBook
from node.seams import Offload
from node.serving import may_serve
from node.state import Chronicle
from node.watch import Watch

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

Say = Callable[[str], None]


async def run_archive(home: Home, say: Say) -> None:
    """Keep the archive in a home until stopped; a line for whatever is worth one.

    Raises WrongUse, also when this auditor is revoked; DiskFull, ChainUnreachable.
    """
    if not home.config.exists():
        raise WrongUse(f"{home.folder} is no auditor's home: run `waggle audit init` first")
    with home.lock():
        config, seed = load_config(home), load_peer_seed(home.keys)
        if config.task:
            raise WrongUse(
                f"{home.folder} is a node's home: an auditor's is made by `waggle audit init`"
            )
        blobs = DiskBlobs.owned(home.blobs)
        # It sends nothing, so any account will do.
        ledger = await chain.connect(config.rpc, config.network, Account.create())
        watch = Watch(ledger, poll_seconds=config.poll_seconds)
        exchange = P2PExchange(
            blobs=blobs,
            private_key=seed,
            listen=config.listen_at,
            addresses=PeerBook(home),
            may_serve=lambda digest, peer: may_serve_any(watch.chronicle, digest, peer),
        )
        archive = Archive(
            home=home, name=config.name, watch=watch, exchange=exchange, blobs=blobs, key=exchange.key,
            say=say, offload=_in_thread,
        )  # fmt: skip
        await archive.live()


async def _in_thread(work: Callable[[*Ts], T], *args: *Ts) -> T:
    return await trio.to_thread.run_sync(work, *args)


def may_serve_any(chronicle: Chronicle, digest: Digest, peer: PeerKey) -> bool:
    """Whether a blob of whatever run may go to a peer now: an archive serves all of them."""
    return any(may_serve(chronicle, run, digest, peer) for run in chronicle.runs)


async def look_deepest(watch: Watch) -> None:
    """See only blocks as deep as each run asks; whoever follows the chain reads it again then."""
    deepest = max(map(confirmations_of, watch.chronicle.runs.values()), default=0)
    if deepest > watch.confirmations:
        await watch.start_over(deepest)


async def until_revoked(watch: Watch, key: PeerKey) -> None:
    """Wait until a peer that was admitted is so no longer.

    After looking deeper its admission may not be seen for a while, which is no revocation.
    """
    depth = -1
    while key in watch.chronicle.auditors or depth != watch.confirmations:
        if key in watch.chronicle.auditors:
            depth = watch.confirmations
        await watch.changed()


class Archive:
    """The parts of one archive, put together. say: prints a line; offload: runs what would block."""

    def __init__(
        self,
        *,
        home: Home,
        name: str,
        watch: Watch,
        exchange: Exchange,
        blobs: DiskBlobs,
        key: PeerKey,
        say: Say,
        offload: Offload,
    ) -> None:
        self._watch, self._exchange, self.blobs = watch, exchange, blobs
        self._key, self._say, self._offload = key, say, offload
        self.gatherer = Gatherer(
            watch=watch,
            exchange=exchange,
            blobs=blobs,
            own=key,
            erased=lambda digest: bool(erasure(home.blobs, digest)),
        )
        self._teller = Teller(
            watch=watch,
            gatherer=self.gatherer,
            exchange=exchange,
            path=home.status,
            name=name,
            say=say,
        )

    async def live(self) -> None:
        """Until stopped. Raises WrongUse, DiskFull, ChainUnreachable."""
        await self._watch.catch_up()
        await look_deepest(self._watch)
        await self._watch.catch_up()
        try:
            async with serving(self._exchange, self._watch), trio.open_nursery() as nursery:
                await self._admitted()
                self.gatherer.look()
                for part in (self.gatherer.run, self._teller.run, self._check, self._keep_deep):
                    nursery.start_soon(part)
                await until_revoked(self._watch, self._key)
                raise WrongUse("this auditor was revoked: ask the authority why; what is here stays")
        except BaseExceptionGroup as group:
            raise first(group) from None
        finally:
            for line in self._teller.summary():
                self._say(line)

    async def _admitted(self) -> None:
        if self._key not in self._watch.chronicle.auditors:
            self._say(
                "this auditor isn't admitted, or was revoked: give its card.json to the authority; "
                "waiting"
            )
            await self._watch.until(lambda: self._key in self._watch.chronicle.auditors)

    async def _keep_deep(self) -> None:
        while True:
            await look_deepest(self._watch)
            await self._watch.changed()

    async def _check(self) -> None:
        """Hash what was here at the start: what a disk spoilt meanwhile is fetched again."""
        for digest in list(self.gatherer.kept):
            try:
                await self._offload(self.blobs.outline, digest)
            except (Damaged, KeyError) as error:
                self._say(f"{error}; fetching it again")
                self.blobs.drop(digest)
                self.gatherer.lost(digest)


def first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What several parts died of at once: Ctrl-C, else a bug, else the first error made on purpose."""
    if group.subgroup(KeyboardInterrupt):
        return KeyboardInterrupt()
    known, unknown = group.split(WaggleError)
    if unknown is not None or known is None:
        return group
    inner = known.exceptions[0]
    return first(inner) if isinstance(inner, BaseExceptionGroup) else inner
