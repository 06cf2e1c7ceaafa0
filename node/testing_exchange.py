"""The exchange in memory: the same promises as libp2p's, without sockets, threads or clocks.

Goals: passes the suite that the real one passes; deterministic under any clock. Non-goals: loss,
delay and lies: those are wrappers of the seam, in `sim/faults.py`.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Set

import trio

from node.blobs import Blobs, Partial
from node.digest import CHUNK, Digest, Outline
from node.errors import Damaged, PeerLied, PeerRefused, PeerUnreachable
from node.exchange import Limits, MayServe, PeerKey, Traffic


class MemoryNetwork:
    """What connects the exchanges made with it: who serves now, by peer key."""

    def __init__(self) -> None:
        self.serving: dict[PeerKey, MemoryExchange] = {}


class MemoryExchange:
    """An `Exchange` with others of the same network."""

    def __init__(
        self,
        *,
        network: MemoryNetwork,
        key: PeerKey,
        blobs: Blobs,
        may_serve: MayServe,
        limits: Limits | None = None,
    ) -> None:
        self.key = key
        self._network, self._blobs, self._may_serve = network, blobs, may_serve
        self._limits = limits or Limits()
        self._members: Set[PeerKey] = frozenset()
        self._turns: dict[Digest, trio.Lock] = {}
        self._sent = self._received = 0

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """See Exchange."""
        self._network.serving[self.key] = self
        try:
            yield
        finally:
            # A node that crashed may be back already, before its last life has cleared up.
            if self._network.serving.get(self.key) is self:
                del self._network.serving[self.key]

    def admit(self, members: Set[PeerKey]) -> None:
        """See Exchange."""
        self._members = frozenset(members)

    def traffic(self) -> Traffic:
        """See Exchange."""
        return Traffic(self._sent, self._received)

    async def fetch(self, digest: Digest, peer: PeerKey, max_bytes: int) -> None:
        """See Exchange."""
        async with self._turns.setdefault(digest, trio.Lock()):
            if self._blobs.has(digest):
                return
            outline = self._open(peer)._offer(digest, self.key)
            if outline.digest != digest:
                raise PeerLied(f"the hashes are not those of blob {digest.short}")
            if outline.size > min(max_bytes, self._limits.blob_bytes):
                raise PeerLied(f"blob {digest.short} can't have {outline.size} bytes")
            await self._receive(self._blobs.partial(outline), outline, peer)

    async def _receive(self, partial: Partial, outline: Outline, peer: PeerKey) -> None:
        for index in partial.missing():
            await trio.lowlevel.checkpoint()
            chunk = self._open(peer)._chunk(outline.digest, index)
            self._received += len(chunk)
            if not partial.add(chunk):
                raise PeerLied(f"chunk {index} of blob {outline.digest.short} is wrong")

    def _open(self, peer: PeerKey) -> MemoryExchange:
        # Asked before each chunk, so that a revocation or a crash ends a transfer under way.
        server = self._network.serving.get(peer)
        if server is None or self.key not in server._members:
            raise PeerUnreachable(f"peer {peer.hex()[:8]}: no connection")
        return server

    def _offer(self, digest: Digest, asker: PeerKey) -> Outline:
        if not self._may_serve(digest, asker):
            raise PeerRefused(f"the peer won't serve blob {digest.short}: not now")
        try:
            return self._blobs.outline(digest)
        except (KeyError, Damaged):
            raise PeerRefused(f"the peer won't serve blob {digest.short}: not here") from None

    def _chunk(self, digest: Digest, index: int) -> memoryview:
        chunk = self._blobs.view(digest)[index * CHUNK : (index + 1) * CHUNK]
        self._sent += len(chunk)
        return chunk
