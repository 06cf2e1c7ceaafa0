"""Noise transport messages over a socket, many at a time.

After a libp2p Noise handshake each direction is a row of frames: a 2-byte length, then at most
65,535 bytes sealed with ChaCha20-Poly1305 under that direction's key and a counter as nonce. This is
that format exactly (Noise specification, sections 3 and 12; libp2p specs, noise, wire format), written
and read sixteen frames at a system call, in place. Frame by frame in Python it is several times slower.

Goals: throughput; bounded memory; a limit on silence. Non-goals: the handshake, which is libp2p's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import trio
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from node.wire import Bytes, Ended

_TAG = 16
_FRAME = 65_535
_PLAIN = _FRAME - _TAG
_BATCH = 16


class Cipher:
    """One direction's key and counter."""

    def __init__(self, key: bytes, counter: int) -> None:
        self._aead, self._counter = ChaCha20Poly1305(key), counter

    def _nonce(self) -> bytes:
        nonce = bytes(4) + self._counter.to_bytes(8, "little")
        self._counter += 1
        return nonce

    def seal(self, plain: memoryview, room: memoryview) -> None:
        """Encrypt into `room`, which is longer by the tag."""
        self._aead.encrypt_into(self._nonce(), plain, None, room)

    def open(self, sealed: memoryview, room: memoryview) -> None:
        """Decrypt into `room`, which is shorter by the tag. Raises Ended when it was tampered with."""
        try:
            self._aead.decrypt_into(self._nonce(), sealed, None, room)
        except InvalidTag:
            # Anybody on the way can cause this, so it is nothing to blame the peer for.
            raise Ended("a frame was altered on the way") from None


class SealedChannel:
    """A `Channel` to one peer over a socket whose Noise handshake is done."""

    def __init__(
        self,
        socket: trio.socket.SocketType,
        sending: Cipher,
        receiving: Cipher,
        silence: float,
        frames_ahead: int = 16,
    ) -> None:
        """`frames_ahead` bounds what is read before it is asked for: few where little is awaited."""
        self._socket, self._sending, self._receiving = socket, sending, receiving
        self.silence = silence
        self._in = memoryview(bytearray(frames_ahead * (2 + _FRAME)))
        self._start = self._end = 0
        self._spare = memoryview(b"")

    async def send_all(self, data: Bytes) -> None:
        """See Channel."""
        view = memoryview(data).cast("B")
        for at in range(0, len(view), _BATCH * _PLAIN):
            await self._write(self._seal(view[at : at + _BATCH * _PLAIN]))

    async def receive_exactly(self, count: int) -> bytearray:
        """See Channel."""
        plain = bytearray(count)
        room = memoryview(plain)
        while room:
            if self._spare:
                part = self._spare[: len(room)]
                room[: len(part)] = part
                self._spare, room = self._spare[len(part) :], room[len(part) :]
            else:
                room = room[self._open(await self._frame(), room) :]
        return plain

    async def wait_readable(self, seconds: float) -> None:
        """Wait for the peer to say anything. Raises Ended when it doesn't."""
        if not self._spare and self._start == self._end:
            await self._fill(seconds)

    def close(self) -> None:
        """Close the socket; whoever waits for it gets Ended."""
        self._socket.close()

    @property
    def stale(self) -> bool:
        """Whether an idle channel is of no more use: the peer closed it, or spoke out of turn."""
        return self._socket.fileno() < 0 or self._socket.is_readable()

    def _seal(self, view: memoryview) -> memoryview:
        out, end = memoryview(bytearray(len(view) + (2 + _TAG) * -(-len(view) // _PLAIN))), 0
        for at in range(0, len(view), _PLAIN):
            plain = view[at : at + _PLAIN]
            length = len(plain) + _TAG
            out[end : end + 2] = length.to_bytes(2, "big")
            self._sending.seal(plain, out[end + 2 : end + 2 + length])
            end += 2 + length
        return out

    def _open(self, sealed: memoryview, room: memoryview) -> int:
        length = len(sealed) - _TAG
        if length <= len(room):
            self._receiving.open(sealed, room[:length])
            return length
        self._spare = memoryview(bytearray(length))
        self._receiving.open(sealed, self._spare)
        return 0

    async def _frame(self) -> memoryview:
        await self._buffer(2)
        length = int.from_bytes(self._in[self._start : self._start + 2], "big")
        if length < _TAG:
            raise Ended("a frame was too short")
        await self._buffer(2 + length)
        frame = self._in[self._start + 2 : self._start + 2 + length]
        self._start += 2 + length
        return frame

    async def _buffer(self, count: int) -> None:
        while self._end - self._start < count:
            await self._fill(self.silence)

    async def _fill(self, seconds: float) -> None:
        if self._end == len(self._in) or self._start == self._end:
            # Less than one frame is left to move: whole ones are taken before more is read.
            rest = bytes(self._in[self._start : self._end])
            self._in[: len(rest)] = rest
            self._start, self._end = 0, len(rest)
        with _bounded(seconds):
            count = await self._socket.recv_into(self._in[self._end :])
        if count == 0:
            raise Ended("the peer closed the connection")
        self._end += count

    async def _write(self, view: memoryview) -> None:
        while view:
            with _bounded(self.silence):
                sent = await self._socket.send(view)
            view = view[sent:]


@contextlib.contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    try:
        with trio.fail_after(seconds):
            yield
    except trio.TooSlowError:
        raise Ended(f"the peer moved nothing for {seconds:g} s") from None
    except (OSError, trio.ClosedResourceError) as error:
        raise Ended(f"the connection broke: {error}") from None
