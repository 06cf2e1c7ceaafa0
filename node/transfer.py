"""Blobs between a channel and the store: both ends of a conversation, whatever carries it.

Goals: what was verified stays and is never asked for again; the store's rules and may_serve are asked
before anything is sent. Non-goals: connections; choosing peers; several conversations on one channel
at a time.
"""

from __future__ import annotations

import logging

import trio

from node.blobs import Blobs
from node.digest import Digest, Outline
from node.errors import Damaged
from node.exchange import MayServe, PeerKey, Traffic
from node.wire import (
    Bytes,
    Channel,
    Request,
    Status,
    encode_head,
    read_chunks,
    read_outline,
    read_request,
    send_chunks,
)

_log = logging.getLogger(__name__)


class Transfer:
    """Receives blobs into a store and answers requests from it."""

    def __init__(self, blobs: Blobs, may_serve: MayServe) -> None:
        self._blobs, self._may_serve = blobs, may_serve
        self._outlines: dict[Digest, Outline] = {}
        self._sent = self._received = 0

    def traffic(self) -> Traffic:
        """Bytes of content moved so far."""
        return Traffic(self._sent, self._received)

    async def receive(self, channel: Channel, digest: Digest, max_bytes: int) -> None:
        """Ask for what is missing of a blob and keep it. Raises PeerFault, DiskFull, Ended.

        At most one call per digest at a time: chunks arrive in order into one place.
        """
        known = self._outlines.get(digest)
        first = self._blobs.partial(known).missing().start if known else 0
        await channel.send_all(Request(digest, first).encode())
        outline = await read_outline(channel, digest, max_bytes)
        self._outlines[digest] = outline
        await self._receive_chunks(channel, outline, first)
        del self._outlines[digest]

    async def _receive_chunks(self, channel: Channel, outline: Outline, first: int) -> None:
        # In a thread: making room, hashing, writing and the fsync at the end hold up the loop.
        partial = await trio.to_thread.run_sync(self._blobs.partial, outline)

        async def take(chunk: Bytes) -> bool:
            self._received += len(chunk)
            return await trio.to_thread.run_sync(partial.add, memoryview(chunk))

        await read_chunks(channel, outline, range(first, len(outline.chunks)), take)

    async def answer(self, channel: Channel, peer: PeerKey) -> None:
        """Read one request and answer it. Raises Ended."""
        request = await read_request(channel)
        found = await self._find(request, peer)
        if isinstance(found, Status):
            await channel.send_all(bytes([found]))
            return
        outline, content, wanted = found
        await channel.send_all(encode_head(outline))
        await send_chunks(channel, content, wanted, self._count_sent)

    async def _find(
        self, request: Request, peer: PeerKey
    ) -> Status | tuple[Outline, memoryview, range]:
        # Permission first: who may not have a blob doesn't learn whether it is here.
        if not self._may_serve(request.digest, peer):
            return Status.NOT_NOW
        try:
            outline = await self._outline(request.digest)
            content = self._blobs.view(request.digest)
        except KeyError:
            return Status.NOT_HERE
        except Damaged as error:
            _log.error("%s", error)
            return Status.NOT_HERE
        wanted = request.wanted(len(outline.chunks))
        return Status.BAD_REQUEST if wanted is None else (outline, content, wanted)

    async def _outline(self, digest: Digest) -> Outline:
        # The first request for a blob after a start hashes the whole of it.
        return await trio.to_thread.run_sync(self._blobs.outline, digest)

    def _count_sent(self, count: int) -> None:
        self._sent += count
