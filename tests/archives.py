"""An archive beside a swarm on memory seams."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import trio

from authority.audit.archive.service import Archive, may_serve_any
from node.blobs import DiskBlobs
from node.config import Home
from node.digest import Digest
from node.exchange import Exchange, PeerKey
from node.ledger import AdmitAuditor, RevokeAuditor
from node.serving import of_record
from node.testing import MemoryExchange
from node.watch import Watch
from tests.swarm import POLL_SECONDS, Swarm, inline

KEY = PeerKey(b"\xa0" * 32)


class Archived:
    """What survives an archive's crash, and what `live` makes anew. Lines go to `said`."""

    def __init__(self, swarm: Swarm, folder: Path, key: PeerKey = KEY) -> None:
        self.home, self.key, self.said = Home(folder), key, list[str]()
        self.ended: BaseException | None = None
        self.through: Callable[[Exchange], Exchange] = lambda exchange: exchange
        self.swarm = swarm
        self._scope = trio.CancelScope()
        folder.mkdir(exist_ok=True)

    def admit(self) -> None:
        """The authority admits it."""
        self.swarm.authority(AdmitAuditor(self.key, bytes(32)))

    def revoke(self) -> None:
        """The authority revokes it."""
        self.swarm.authority(RevokeAuditor(self.key))

    def start(self) -> None:
        """Begin to live, or live again."""
        self._scope, self.part = trio.CancelScope(), self._archive()
        self.swarm.beside(self.live)

    def crash(self) -> None:
        """Take the process away."""
        self._scope.cancel()

    async def live(self) -> None:
        """Until it crashes or ends by itself."""
        with self._scope:
            try:
                await self.part.live()
            except Exception as error:
                self.ended = error
        self.swarm.tell()

    def has(self, digest: Digest) -> bool:
        """Whether it keeps a blob."""
        return self.path(digest).exists()

    def path(self, digest: Digest) -> Path:
        """Where a blob lies."""
        return self.home.blobs / digest.hex

    @property
    def missing(self) -> list[Digest]:
        """What the run has, and it has not."""
        return [name for name in dict.fromkeys(of_record(self.swarm.run)) if not self.has(name)]

    async def until_complete(self) -> None:
        """Wait until nothing is missing."""
        while self.missing:
            with trio.move_on_after(POLL_SECONDS):  # it may crash and come back meanwhile
                await self.part.gatherer.changed()

    def _archive(self) -> Archive:
        watch = Watch(self.swarm.chain.ledger(self.swarm[1].line.account), poll_seconds=POLL_SECONDS)
        blobs = DiskBlobs.owned(self.home.blobs)
        inner = MemoryExchange(
            network=self.swarm.wire,
            key=self.key,
            blobs=blobs,
            may_serve=functools.partial(_may_serve, watch),
        )
        return Archive(
            home=self.home,
            name="archive",
            watch=watch,
            exchange=self.through(inner),
            blobs=blobs,
            key=self.key,
            say=self.said.append,
            offload=inline,
        )


def _may_serve(watch: Watch, digest: Digest, peer: PeerKey) -> bool:
    return may_serve_any(watch.chronicle, digest, peer)
