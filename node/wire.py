"""The blob protocol: what requester and server say to each other, byte by byte.

Goals: either side survives whatever the other sends; nothing is read before its size is bounded;
nothing is kept before it is checked. Non-goals: connections, encryption and who may ask: those are
the channel's and the exchange's. `docs/protocol.md` is the same in prose.
"""

from __future__ import annotations

import enum
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from node.digest import CHUNK, Digest, Outline, chunk_count
from node.errors import PeerLied, PeerRefused

PROTOCOL = "/waggle/blob/1.0.0"
"""One request and its reply on a libp2p stream of its own."""

FAST_PROTOCOL = "/waggle/blob-fast/1.0.0"
"""The same conversation straight on the Noise channel, negotiated where a muxer would be."""

REQUEST_BYTES = 40
TO_THE_END = 2**32 - 1
"""As a count: every chunk from the first on."""


class Ended(Exception):
    """The connection broke off, was closed, or carried nothing for too long."""


Bytes = bytes | bytearray | memoryview


class Channel(Protocol):
    """An ordered, private, authenticated stream of bytes to one peer. Raises Ended only."""

    async def receive_exactly(self, count: int) -> Bytes:
        """The next `count` bytes; each of them arrives within the silence limit of the last."""
        ...

    async def send_all(self, data: Bytes) -> None:
        """Send everything; the peer takes some within each silence limit."""
        ...


class Status(enum.IntEnum):
    """The first byte of a reply."""

    OK = 0
    NOT_HERE = 1
    NOT_NOW = 2
    BAD_REQUEST = 3


@dataclass(frozen=True, slots=True)
class Request:
    """Please send the outline of a blob, and `count` of its chunks from `first` on."""

    digest: Digest
    first: int = 0
    count: int = TO_THE_END

    def encode(self) -> bytes:
        """40 bytes: digest, first chunk, count; big-endian."""
        return self.digest.raw + self.first.to_bytes(4, "big") + self.count.to_bytes(4, "big")

    @classmethod
    def decode(cls, raw: Bytes) -> Request:
        """Any 40 bytes are a request."""
        raw = bytes(raw)
        first, count = int.from_bytes(raw[32:36], "big"), int.from_bytes(raw[36:], "big")
        return cls(Digest(raw[:32]), first, count)

    def wanted(self, chunks: int) -> range | None:
        """What to send of a blob of so many chunks; None when the request starts past its end."""
        return None if self.first > chunks else range(self.first, min(self.first + self.count, chunks))


def encode_head(outline: Outline) -> bytes:
    """The reply up to the chunks: status, size, chunk hashes."""
    return bytes([Status.OK]) + outline.size.to_bytes(8, "big") + b"".join(outline.chunks)


async def read_request(channel: Channel) -> Request:
    """The server's side of a request. Raises Ended."""
    return Request.decode(await channel.receive_exactly(REQUEST_BYTES))


async def read_outline(channel: Channel, digest: Digest, max_bytes: int) -> Outline:
    """Read a reply up to the chunks and check it against the digest.

    Raises PeerRefused for a status other than OK; PeerLied for an unknown status, a size above
    `max_bytes` (nothing after it is read), hashes that don't make up the digest; Ended.
    """
    _check_status((await channel.receive_exactly(1))[0], digest)
    size = int.from_bytes(await channel.receive_exactly(8), "big")
    if size > max_bytes:
        raise PeerLied(f"blob {digest.short} can't have {size} bytes: at most {max_bytes} are allowed")
    raw = bytes(await channel.receive_exactly(32 * chunk_count(size)))
    outline = Outline(size, tuple(raw[at : at + 32] for at in range(0, len(raw), 32)))
    if not hmac.compare_digest(outline.digest.raw, digest.raw):
        raise PeerLied(f"the chunk hashes sent for blob {digest.short} don't make up its digest")
    return outline


def _check_status(value: int, digest: Digest) -> None:
    if value == Status.OK:
        return
    if value in tuple(Status):
        reason = Status(value).name.lower().replace("_", " ")
        raise PeerRefused(f"the peer won't serve blob {digest.short}: {reason}")
    raise PeerLied(f"no reply starts with status {value}")


Take = Callable[[Bytes], Awaitable[bool]]
"""Check and keep the next chunk; False when it is wrong."""


async def read_chunks(channel: Channel, outline: Outline, wanted: range, take: Take) -> None:
    """Receive chunks, each checked by `take` as it arrives. Raises PeerLied, Ended, what take does."""
    for index in wanted:
        if not await take(await channel.receive_exactly(outline.length_of(index))):
            raise PeerLied(f"chunk {index} of blob {outline.digest.short} is not what its hash says")


async def send_chunks(
    channel: Channel, content: memoryview, wanted: range, sending: Callable[[int], None]
) -> None:
    """Send chunks of a blob, telling `sending` the bytes of each. Raises Ended."""
    for index in wanted:
        chunk = content[index * CHUNK : (index + 1) * CHUNK]
        # Before: when a requester has a chunk, its server has counted it.
        sending(len(chunk))
        await channel.send_all(chunk)
