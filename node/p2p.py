"""The exchange over libp2p: TCP, Noise, yamux. The only module that imports libp2p.

libp2p's own host is left out: it shares the listening port with other processes, lets anybody
connect, dials and retries in the background, and hangs on closing. Its parts are enough: protocol
negotiation, the Noise handshake and yamux, each run under our time limits in our own nursery. A stock
libp2p client fetches over yamux; between two of our nodes the muxer is left out (`node/channel.py`).

Goals: any libp2p implementation can fetch; only members get past the handshake; everything a peer can
cause is bounded and ends in a PeerFault. Non-goals: discovery, relays, identify.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence, Set
from functools import partial
from typing import Any, cast

import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key_pair
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.protocol_muxer.multiselect import Multiselect
from libp2p.protocol_muxer.multiselect_client import MultiselectClient
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as NoiseTransport
from libp2p.stream_muxer.yamux.yamux import MAX_WINDOW_SIZE, Yamux
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX

from node.address import (
    ED25519_ID,
    key_of,
    parse_address,
    peer_id_of,
    public_key_of,
    write_address,
)
from node.blobs import Blobs
from node.channel import Cipher, SealedChannel
from node.digest import Digest
from node.errors import PeerUnreachable, WrongUse
from node.exchange import Limits, MayServe, PeerKey, Traffic
from node.links import Link, Links
from node.pipes import Pipe, Plain, StreamChannel, beside, deadline, foreign, listen
from node.transfer import Transfer
from node.wire import FAST_PROTOCOL, PROTOCOL, Channel, Ended

# libp2p logs every peer that goes away as an error; what matters of it reaches us as Ended.
logging.getLogger("libp2p").setLevel(logging.CRITICAL)

AddressBook = Callable[[PeerKey], Sequence[str]]
"""Where a peer may be reached: multiaddresses, best first; empty when unknown."""

_HANDSHAKES = 64
"""Connections at once whose peer isn't known yet."""
_IDLE_SECONDS = 60.0
"""How long a connection without a muxer may lie idle."""
_YAMUX_FRAME = 1 << 20
"""The longest yamux frame taken; known implementations send at most 64 KiB."""


class P2PExchange:
    """An `Exchange` between libp2p peers."""

    def __init__(
        self,
        *,
        blobs: Blobs,
        private_key: bytes,
        listen: tuple[str, int],
        addresses: AddressBook,
        may_serve: MayServe,
        limits: Limits | None = None,
        fast: bool = True,
    ) -> None:
        """`private_key` is a 32-byte Ed25519 seed; `listen` a host and a port (0: any free one).

        `fast=False` speaks yamux only, as a stock libp2p peer does.
        """
        self.key = public_key_of(private_key)
        self.address: str | None = None
        self._blobs, self._limits = blobs, limits or Limits()
        self._transfer = Transfer(blobs, may_serve)
        self._listen, self._addresses = listen, addresses
        self._handshake = _Handshake(private_key, self._limits, fast)
        self._links = Links(self._limits.streams_per_peer)
        self._turns: dict[Digest, trio.Lock] = {}
        self._asking: dict[PeerKey, trio.CapacityLimiter] = {}
        self._streams: Counter[PeerKey] = Counter()
        self._newcomers: dict[trio.SocketStream, None] = {}

    def admit(self, members: Set[PeerKey]) -> None:
        """See Exchange."""
        self._links.admit(members)

    def traffic(self) -> Traffic:
        """See Exchange."""
        return self._transfer.traffic()

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """See Exchange. `address` holds the real address meanwhile. Raises WrongUse."""
        listeners = await listen(*self._listen)
        host, port = listeners[0].socket.getsockname()[:2]
        self.address = write_address(host, port, self.key)
        try:
            async with beside(partial(trio.serve_listeners, self._welcome, listeners)):
                yield
        finally:
            self.address = None
            self._links.close()

    async def fetch(self, digest: Digest, peer: PeerKey, max_bytes: int) -> None:
        """See Exchange."""
        if self._blobs.has(digest):
            return
        # One fetch of a blob at a time: its chunks arrive in order into one place.
        async with self._turns.setdefault(digest, trio.Lock()), self._share_of(peer):
            if not self._blobs.has(digest):
                await self._fetch(digest, peer, min(max_bytes, self._limits.blob_bytes))
        self._turns.pop(digest, None)

    # Asking

    def _share_of(self, peer: PeerKey) -> trio.CapacityLimiter:
        # Half of what the peer takes: it may notice late that we closed a connection.
        links = max(1, self._limits.streams_per_peer // 2)
        return self._asking.setdefault(peer, trio.CapacityLimiter(links))

    async def _fetch(self, digest: Digest, peer: PeerKey, max_bytes: int) -> None:
        try:
            if link := self._links.take_idle(peer):
                # It may have died unnoticed; that alone is no reason to give the peer up.
                with contextlib.suppress(Ended):
                    return await self._ask(link, digest, max_bytes)
            return await self._ask(await self._dial(peer), digest, max_bytes)
        except Ended as end:
            raise PeerUnreachable(f"peer {peer_id_of(peer)}: {end}") from None

    async def _dial(self, peer: PeerKey) -> Link:
        reasons = []
        for address in self._addresses(peer):
            try:
                host, port, named = parse_address(address)
                if named in (None, peer):
                    return await self._handshake.dial(host, port, peer)
            except (Ended, WrongUse) as error:
                reasons.append(f"{address}: {error}")
        raise Ended("; ".join(reasons) or "no address known")

    async def _ask(self, link: Link, digest: Digest, max_bytes: int) -> None:
        with self._links.asking(link):
            if link.fast:
                await self._transfer.receive(link.channel, digest, max_bytes)
            else:
                async with _open_stream(link, self._limits) as channel:
                    await self._transfer.receive(channel, digest, max_bytes)

    # Serving

    async def _welcome(self, stream: trio.SocketStream) -> None:
        with contextlib.suppress(Ended), stream.socket:
            with self._newcomer(stream):
                link = await self._handshake.accept(stream)
            with self._links.serving(link):
                if await self._handshake.is_fast(link):
                    await self._serve_fast(link)
                else:
                    await self._serve_muxed(link)

    @contextlib.contextmanager
    def _newcomer(self, stream: trio.SocketStream) -> Iterator[None]:
        # The oldest has to go, not the newest: an honest handshake takes milliseconds, so strangers
        # who hold connections open don't keep members out.
        if len(self._newcomers) >= _HANDSHAKES:
            oldest = next(iter(self._newcomers))
            del self._newcomers[oldest]
            oldest.socket.close()
        self._newcomers[stream] = None
        try:
            yield
        finally:
            self._newcomers.pop(stream, None)

    async def _serve_fast(self, link: Link) -> None:
        while True:
            await link.channel.wait_readable(_IDLE_SECONDS)
            await self._transfer.answer(link.channel, link.peer)

    async def _serve_muxed(self, link: Link) -> None:
        yamux = _muxer(link, self._limits.streams_per_peer << 18)
        async with beside(partial(_run_muxer, yamux)) as nursery:
            while True:
                with foreign():
                    stream = await yamux.accept_stream()
                if self._streams[link.peer] < self._limits.streams_per_peer:
                    self._streams[link.peer] += 1
                    nursery.start_soon(self._serve_stream, link, stream)
                else:
                    # Here, not in a task: who opens streams without end waits for us.
                    await self._end_stream(stream.reset)

    async def _serve_stream(self, link: Link, stream: Any) -> None:
        channel = StreamChannel(stream, self._limits.silence_seconds, link.close)
        try:
            with foreign(), deadline(self._limits.connect_seconds):
                await _let_choose([PROTOCOL], Pipe(channel))
            await self._transfer.answer(channel, link.peer)
            await self._end_stream(stream.close)
        except Ended:
            with contextlib.suppress(Ended):
                await self._end_stream(stream.reset)
        finally:
            self._streams[link.peer] -= 1

    async def _end_stream(self, end: Callable[[], Awaitable[None]]) -> None:
        with foreign(), deadline(self._limits.silence_seconds):
            await end()


class _Handshake:
    """From a TCP connection to a link: Noise, and what is spoken on it."""

    def __init__(self, private_key: bytes, limits: Limits, fast: bool) -> None:
        self._limits = limits
        self._protocols = [FAST_PROTOCOL, YAMUX] if fast else [YAMUX]
        self._noise = NoiseTransport(
            create_new_key_pair(private_key), create_noise_key_pair().private_key
        )

    async def dial(self, host: str, port: int, peer: PeerKey) -> Link:
        """Connect to a peer and make sure that it is that one. Raises Ended."""
        with foreign(), deadline(self._limits.connect_seconds):
            stream = await trio.open_tcp_stream(host, port)
            try:
                pipe = Pipe(Plain(stream))
                await _choose([NOISE], pipe)
                session = await self._noise.secure_outbound(cast(Any, pipe), ID(ED25519_ID + peer))
                link = self._link(stream, session, frames_ahead=16)
                chosen = await _choose(self._protocols, Pipe(link.channel))
                link.fast = chosen == FAST_PROTOCOL
            except BaseException:
                stream.socket.close()
                raise
        return link

    async def accept(self, stream: trio.SocketStream) -> Link:
        """Find out who connected. Raises Ended."""
        with foreign(), deadline(self._limits.connect_seconds):
            pipe = Pipe(Plain(stream))
            await _let_choose([NOISE], pipe)
            return self._link(stream, await self._noise.secure_inbound(cast(Any, pipe)), 1)

    async def is_fast(self, link: Link) -> bool:
        """Let the peer that connected choose what to speak. Raises Ended."""
        with foreign(), deadline(self._limits.connect_seconds):
            return await _let_choose(self._protocols, Pipe(link.channel)) == FAST_PROTOCOL

    def _link(self, stream: trio.SocketStream, session: Any, frames_ahead: int) -> Link:
        noise = session.conn.noise_state.noise_protocol
        sending, receiving = noise.cipher_state_encrypt, noise.cipher_state_decrypt
        channel = SealedChannel(
            stream.socket,
            Cipher(sending.k, sending.n),
            Cipher(receiving.k, receiving.n),
            self._limits.silence_seconds,
            frames_ahead,
        )
        peer = key_of(session.get_remote_peer().to_base58())
        return Link(peer, channel, initiator=session.is_initiator)


async def _choose(protocols: Sequence[str], pipe: Pipe) -> str:
    names = [TProtocol(name) for name in protocols]
    return await MultiselectClient().select_one_of(names, _communicator(pipe))


async def _let_choose(protocols: Sequence[str], pipe: Pipe) -> str | None:
    chosen, _ = await Multiselect({TProtocol(name): None for name in protocols}).negotiate(
        _communicator(pipe)
    )
    return chosen


def _communicator(pipe: Pipe) -> MultiselectCommunicator:
    return MultiselectCommunicator(cast(Any, pipe))


def _muxer(link: Link, window_bytes: int) -> Yamux:
    """Yamux on a link, holding at most `window_bytes` that no stream has read yet."""

    def may_read(count: int) -> bool:
        held = sum(len(buffer) for buffer in yamux.stream_buffers.values())
        return count <= _YAMUX_FRAME and held <= window_bytes

    # Between streams a muxed link may be silent; each stream bounds its own silence.
    link.channel.silence = math.inf
    pipe = Pipe(link.channel, may_read)
    yamux = Yamux(cast(Any, pipe), ID(ED25519_ID + link.peer), is_initiator=link.initiator)
    return yamux


async def _run_muxer(yamux: Yamux) -> None:
    with contextlib.suppress(Ended), foreign():
        await yamux.start()


@contextlib.asynccontextmanager
async def _open_stream(link: Link, limits: Limits) -> AsyncIterator[Channel]:
    yamux = _muxer(link, 2 * MAX_WINDOW_SIZE)
    async with beside(partial(_run_muxer, yamux)):
        with foreign(), deadline(limits.connect_seconds):
            await yamux.event_started.wait()
            stream = await yamux.open_stream()
            channel = StreamChannel(stream, limits.silence_seconds, link.close)
            await _choose([PROTOCOL], Pipe(channel))
        yield channel
