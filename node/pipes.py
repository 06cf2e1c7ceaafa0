"""Small things between sockets, libp2p's parts and the blob protocol.

Goals: every foreign exception, silence and hang becomes Ended; nothing is read that wasn't bounded.
Non-goals: what the bytes mean.
"""

from __future__ import annotations

import contextlib
import errno
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any

import trio

from node.errors import WrongUse
from node.wire import Bytes, Channel, Ended

_log = logging.getLogger(__name__)

_HANDSHAKE_BYTES = 1 << 18
"""The most that is read from a peer before it is known and a protocol is agreed on."""
_STREAM_WRITE = 65_524
"""What fits a yamux frame of the size that every implementation takes."""


class Plain:
    """A `Channel` on a socket before its handshake."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream

    async def receive_exactly(self, count: int) -> bytes:
        got = b""
        while len(got) < count:
            part = await self._stream.receive_some(count - len(got))
            if not part:
                raise Ended("the peer closed the connection")
            got += part
        return got

    async def send_all(self, data: Bytes) -> None:
        await self._stream.send_all(bytes(data))


class Pipe:
    """What libp2p's parts read from and write to: a channel with a bound on what is read.

    libp2p allocates what a length prefix announces, and keeps what a stream's reader hasn't read.
    """

    def __init__(self, channel: Channel, may_read: Callable[[int], bool] | None = None) -> None:
        self._channel, self._left = channel, _HANDSHAKE_BYTES
        self._may_read = may_read or self._within_handshake
        self._closed = False
        self.is_initiator = False

    async def read(self, count: int | None = None) -> bytes:
        """Exactly so many bytes. Raises Ended."""
        # Once too much is too much for good: yamux would go on after it, out of step.
        self._closed = self._closed or count is None or not self._may_read(count)
        if self._closed or count is None:
            raise Ended("the peer announced more than it may send")
        return bytes(await self._channel.receive_exactly(count))

    async def write(self, data: bytes) -> None:
        """All of it. Raises Ended."""
        await self._channel.send_all(data)

    async def close(self) -> None:
        """Links are closed by their owner."""

    def get_remote_address(self) -> None:
        """Not told: libp2p only logs it."""

    def _within_handshake(self, count: int) -> bool:
        self._left -= count
        return self._left >= 0


class StreamChannel:
    """A `Channel` on a yamux stream."""

    def __init__(self, stream: Any, silence: float, give_up: Callable[[], None]) -> None:
        """`give_up` closes the connection below."""
        self._stream, self._silence, self._give_up = stream, silence, give_up

    async def receive_exactly(self, count: int) -> bytearray:
        got = bytearray()
        while len(got) < count:
            with foreign(), deadline(self._silence):
                got += await self._stream.read(count - len(got))
        return got

    async def send_all(self, data: Bytes) -> None:
        view = memoryview(data)
        for at in range(0, len(view), _STREAM_WRITE):
            await self._write(bytes(view[at : at + _STREAM_WRITE]))

    async def _write(self, part: bytes) -> None:
        with foreign(), trio.move_on_after(self._silence) as scope:
            await self._stream.write(part)
        if scope.cancelled_caught:
            # Half a frame may be on its way: nothing sensible can follow it.
            self._give_up()
            raise Ended(f"the peer took nothing for {self._silence:g} s")


async def listen(host: str, port: int) -> Sequence[trio.SocketListener]:
    """Listen for TCP connections; port 0 is any free one. Raises WrongUse."""
    try:
        return await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise WrongUse(
                f"port {port} on {host} is taken: stop what listens there, or choose another port"
            ) from None
        raise WrongUse(f"can't listen on {host} port {port}: {error.strerror or error}") from None


@contextlib.asynccontextmanager
async def beside(*tasks: Callable[[], Awaitable[object]]) -> AsyncIterator[trio.Nursery]:
    """Run tasks beside a block and end them with it; the block's own errors come out bare."""
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        for task in tasks:
            nursery.start_soon(task)
        try:
            yield nursery
        except Exception as error:
            failure = error
        finally:
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


@contextlib.contextmanager
def foreign() -> Iterator[None]:
    """Whatever libp2p, its dependencies or the socket raise, the connection is of no more use."""
    try:
        yield
    except Ended:
        raise
    except Exception as error:
        _log.debug("the connection ended", exc_info=True)
        raise Ended(f"{type(error).__name__}: {error}".rstrip(": ")) from error


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Cancel the block after so many seconds. Raises Ended."""
    try:
        with trio.fail_after(seconds):
            yield
    except trio.TooSlowError:
        raise Ended(f"the peer took more than {seconds:g} s") from None
