"""The blob protocol's framing: what any bytes from a peer may lead to, and what our own say."""

from __future__ import annotations

import functools
import random
import struct
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from node.channel import Cipher, SealedChannel
from node.digest import CHUNK, Digest, digest, outline
from node.errors import PeerFault, PeerLied, PeerRefused
from node.wire import (
    TO_THE_END,
    Bytes,
    Ended,
    Request,
    Status,
    encode_head,
    read_chunks,
    read_outline,
    read_request,
    send_chunks,
)

MAX = 3 * CHUNK
U32 = st.integers(0, 2**32 - 1)


class Script:
    """A channel whose peer says what it is told, then goes away; remembers the largest read."""

    def __init__(self, said: bytes = b"") -> None:
        self.said, self.largest, self.sent = said, 0, b""

    async def receive_exactly(self, count: int) -> bytes:
        self.largest = max(self.largest, count)
        if count > len(self.said):
            raise Ended("it closed the connection")
        part, self.said = self.said[:count], self.said[count:]
        return part

    async def send_all(self, data: Bytes) -> None:
        self.sent += bytes(data)


async def receive(script: Script, wanted: Digest) -> bytes:
    """Read a whole reply, as Transfer does."""
    got = b""

    async def take(chunk: Bytes) -> bool:
        nonlocal got
        index = len(got) // CHUNK
        got += bytes(chunk)
        return outline(chunk).chunks[0] == shape.chunks[index]

    shape = await read_outline(script, wanted, MAX)
    await read_chunks(script, shape, range(len(shape.chunks)), take)
    return got


def reply(data: bytes) -> bytes:
    """What an honest server says."""
    return encode_head(outline(data)) + data


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32), U32, U32)
def test_request_round_trip(raw: bytes, first: int, count: int) -> None:
    """A request reads back as it was written, in 40 bytes."""
    request = Request(Digest(raw), first, count)
    assert len(request.encode()) == 40
    assert trio.run(read_request, Script(request.encode())) == request


def test_request_layout() -> None:
    """The layout is the page's: digest, first chunk, count, big-endian."""
    assert Request(Digest(bytes(range(32))), 1, 2).encode() == bytes(range(32)) + struct.pack(
        ">II", 1, 2
    )


@settings(deadline=None)
@given(U32, U32, st.integers(0, 5000))
def test_wanted_stays_inside(first: int, count: int, chunks: int) -> None:
    """What is sent lies within the blob, whatever was asked; past its end is a bad request."""
    wanted = Request(Digest(bytes(32)), first, count).wanted(chunks)
    if first > chunks:
        assert wanted is None
    else:
        assert wanted == range(first, min(chunks, first + count))


def test_wanted_from_the_end_is_empty() -> None:
    """A requester that only lacks the outline gets it: an empty blob is asked for like this."""
    assert list(Request(Digest(bytes(32)), 0, TO_THE_END).wanted(0) or []) == []


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 7])
def test_reply_round_trip(size: int) -> None:
    """A reply reads back as the blob, and not a byte is left over."""
    data = bytes(range(251)) * (size // 251 + 1)
    script = Script()

    async def main() -> bytes:
        shape = outline(data[:size])
        await script.send_all(encode_head(shape))
        await send_chunks(script, memoryview(data)[:size], range(len(shape.chunks)), lambda _: None)
        script.said = script.sent
        return await receive(script, shape.digest)

    assert trio.run(main) == data[:size]
    assert script.said == b""


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_garbage_is_a_peer_fault(said: bytes) -> None:
    """Whatever a peer says, it ends in a PeerFault or Ended, and within bounded memory."""
    script = Script(said)
    with pytest.raises((PeerFault, Ended)):
        trio.run(receive, script, digest(b"another blob"))
    assert script.largest <= CHUNK


@settings(deadline=None)
@given(st.data(), st.binary(min_size=1, max_size=2000))
def test_one_altered_byte_is_noticed(data: Any, content: bytes) -> None:
    """No single altered byte of a reply passes for the blob."""
    said = bytearray(reply(content))
    at = data.draw(st.integers(0, len(said) - 1))
    said[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises((PeerFault, Ended)):
        trio.run(receive, Script(bytes(said)), digest(content))


@settings(deadline=None)
@given(st.data(), st.binary(max_size=2000))
def test_truncation_ends(data: Any, content: bytes) -> None:
    """A reply that stops early is Ended, never a blob and never the peer's lie."""
    said = reply(content)
    cut = data.draw(st.integers(0, len(said) - 1))
    with pytest.raises(Ended):
        trio.run(receive, Script(said[:cut]), digest(content))


@settings(deadline=None)
@given(st.integers(MAX + 1, 2**64 - 1))
def test_oversize_is_refused_before_it_is_read(size: int) -> None:
    """A size above the bound is a lie, and nothing after it is read."""
    script = Script(bytes([Status.OK]) + size.to_bytes(8, "big") + bytes(10_000))
    with pytest.raises(PeerLied):
        trio.run(receive, script, digest(b""))
    assert (script.largest, len(script.said)) == (8, 10_000)


@settings(deadline=None)
@given(st.integers(0, 255))
def test_status(status: int) -> None:
    """Known refusals are PeerRefused, unknown ones PeerLied."""
    kind = Ended if status == 0 else PeerRefused if status <= 3 else PeerLied
    with pytest.raises(kind):
        trio.run(receive, Script(bytes([status])), digest(b""))


# Noise frames


def sealed_pair(silence: float = 5.0, ahead: int = 16) -> tuple[SealedChannel, SealedChannel]:
    """Two ends of a channel over a socket pair."""
    left, right = trio.socket.socketpair()
    one, two = bytes(32), bytes([1]) * 32
    return (
        SealedChannel(left, Cipher(one, 0), Cipher(two, 0), silence, ahead),
        SealedChannel(right, Cipher(two, 0), Cipher(one, 0), silence, ahead),
    )


CUTS = st.lists(st.integers(0, 200_000), max_size=5)
CONTENT = random.Random(1).randbytes(1_000_000)


@settings(deadline=None, max_examples=30)
@given(CUTS, CUTS, st.sampled_from([1, 2, 16]))
def test_sealed_round_trip(writes: list[int], reads: list[int], ahead: int) -> None:
    """Bytes arrive in order, however they are cut into writes and reads."""
    data = CONTENT[: sum(writes)]

    async def write(channel: SealedChannel) -> None:
        at = 0
        for count in writes:
            await channel.send_all(memoryview(data)[at : at + count])
            at += count

    async def main() -> None:
        left, right = sealed_pair(ahead=ahead)
        got = b""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(write, left)
            for count in [*reads, len(data)]:
                got += await right.receive_exactly(min(count, len(data) - len(got)))
        left.close()
        right.close()
        assert got == data

    trio.run(main)


def test_sealed_is_noise() -> None:
    """A frame is what the Noise specification says: length, ChaCha20-Poly1305, counter as nonce."""
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    async def main() -> bytes:
        left, right = trio.socket.socketpair()
        with left, right:
            channel = SealedChannel(left, Cipher(bytes(32), 7), Cipher(bytes(32), 0), 1.0)
            await channel.send_all(b"hello")
            return await right.recv(100)

    sealed = ChaCha20Poly1305(bytes(32)).encrypt(bytes(4) + struct.pack("<Q", 7), b"hello", None)
    assert trio.run(main) == struct.pack(">H", len(sealed)) + sealed


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_sealed_garbage_ends(said: bytes) -> None:
    """Bytes that weren't sealed by the peer are Ended, never content."""

    async def main() -> None:
        left, right = trio.socket.socketpair()
        channel = SealedChannel(right, Cipher(bytes(32), 0), Cipher(bytes(32), 0), 5.0)
        with left, right:
            await left.send(said or b"\0")
            left.shutdown(trio.socket.SHUT_WR)
            with pytest.raises(Ended):
                await channel.receive_exactly(1)

    trio.run(main)


@pytest.mark.parametrize("what", ["receive", "send"])
def test_sealed_silence_ends(what: str) -> None:
    """A peer that neither speaks nor listens is given up after the silence limit."""

    async def main() -> None:
        left, right = sealed_pair(silence=0.01)
        ask = functools.partial(left.receive_exactly, 1)
        flood = functools.partial(left.send_all, bytes(1 << 24))
        with pytest.raises(Ended, match=r"0\.01 s"):
            await {"receive": ask, "send": flood}[what]()
        right.close()

    trio.run(main)


def test_page_example() -> None:
    """The example in docs/protocol.md is what is sent."""
    shape = outline(b"hello")
    page = (Path(__file__).parents[1] / "docs" / "protocol.md").read_text()
    assert f"`{shape.digest.hex}`" in page
    assert f"`{shape.chunks[0].hex()}`, `{b'hello'.hex()}`" in page
    assert encode_head(shape).hex() == "00" + "0000000000000005" + shape.chunks[0].hex()
