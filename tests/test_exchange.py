"""One suite for every exchange: in memory, over libp2p without a muxer, over stock libp2p.

Then what only real connections can suffer: hostile servers, hostile clients, restarts, leaks.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import info_from_p2p_addr
from multiaddr import Multiaddr

from node.address import key_of, parse_address, peer_id_of, public_key_of
from node.blobs import DiskBlobs
from node.digest import CHUNK, Digest, Outline, digest, outline
from node.errors import DiskFull, PeerLied, PeerRefused, PeerUnreachable, WrongUse
from node.exchange import Exchange, Limits, PeerKey, Traffic
from node.p2p import P2PExchange, _choose, _muxer, _run_muxer
from node.pipes import Pipe, StreamChannel, beside, foreign
from node.testing import MemoryExchange, MemoryNetwork
from node.wire import PROTOCOL, Bytes, Channel, Ended, Request, Status, encode_head

INTERESTING_SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7]
MAX = 1 << 30
LIMITS = Limits(connect_seconds=5, silence_seconds=5)
HASTY = Limits(connect_seconds=0.5, silence_seconds=0.3)
PATIENT = Limits(connect_seconds=5, silence_seconds=1)


def content(size: int) -> bytes:
    """Bytes of a blob, the same each time."""
    return random.Random(size).randbytes(size)


def on_trio(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test, for at most 60 seconds."""

    @functools.wraps(test)
    def run(*args: Any, **fixtures: Any) -> None:
        async def main() -> None:
            with trio.fail_after(60):
                await test(*args, **fixtures)

        trio.run(main)

    return run


class Hooked(DiskBlobs):
    """A store that calls back after a chunk was received."""

    on_chunk: Callable[[], None] = staticmethod(lambda: None)

    def partial(self, outline: Outline) -> Any:
        return _HookedPartial(super().partial(outline), self.on_chunk)


@dataclass
class _HookedPartial:
    inner: Any
    hook: Callable[[], None]

    def missing(self) -> range:
        return self.inner.missing()

    def add(self, chunk: Bytes) -> bool:
        kept = self.inner.add(chunk)
        try:
            trio.from_thread.run_sync(self.hook)
        except RuntimeError:  # the exchange works without threads
            self.hook()
        return kept


@dataclass
class Peer:
    """One participant of a test."""

    key: PeerKey
    blobs: Hooked
    exchange: Exchange
    forbidden: set[Digest] = field(default_factory=set)


class Swarm:
    """Makes peers of one kind that know each other."""

    def __init__(self, kind: str, folder: Path, limits: Limits = LIMITS) -> None:
        self.kind, self.folder, self.limits = kind, folder, limits
        self.network = MemoryNetwork()
        self.peers: dict[PeerKey, Peer] = {}

    def peer(self, name: str) -> Peer:
        seed = name.encode().ljust(32, b"-")
        blobs, forbidden = Hooked(self.folder / name), set[Digest]()
        common: dict[str, Any] = {
            "blobs": blobs,
            "may_serve": lambda digest, _: digest not in forbidden,
            "limits": self.limits,
        }
        key = public_key_of(seed)
        exchange: Exchange
        if self.kind == "memory":
            exchange = MemoryExchange(network=self.network, key=key, **common)
        else:
            exchange = P2PExchange(
                private_key=seed,
                listen=("127.0.0.1", 0),
                addresses=self.addresses,
                fast=self.kind == "fast",
                **common,
            )
        self.peers[key] = Peer(key, blobs, exchange, forbidden)
        return self.peers[key]

    def addresses(self, key: PeerKey) -> list[str]:
        exchange = self.peers[key].exchange if key in self.peers else None
        address = getattr(exchange, "address", None)
        return [address] if address else []

    @contextlib.asynccontextmanager
    async def serving(self, names: str) -> AsyncIterator[list[Peer]]:
        """Peers with these one-letter names, all serving and admitting each other."""
        peers = [self.peer(name) for name in names]
        async with contextlib.AsyncExitStack() as stack:
            for peer in peers:
                await stack.enter_async_context(peer.exchange.serve())
                peer.exchange.admit({other.key for other in peers})
            yield peers


@pytest.fixture(params=["memory", "fast", "stock"])
def swarm(request: pytest.FixtureRequest, tmp_path: Path) -> Swarm:
    """The same suite over every exchange."""
    return Swarm(request.param, tmp_path)


@pytest.fixture(params=["fast", "stock"])
def wired(request: pytest.FixtureRequest, tmp_path: Path) -> Swarm:
    """Real connections only."""
    return Swarm(request.param, tmp_path)


def damage(peer: Peer, digest: Digest, at: int) -> None:
    """Change a byte of a blob on a peer's disk, which doesn't notice."""
    with peer.blobs.path(digest).open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


# Every exchange


@pytest.mark.parametrize("size", INTERESTING_SIZES)
@on_trio
async def test_fetch(swarm: Swarm, size: int) -> None:
    """A fetched blob is the blob, and both sides count its bytes."""
    async with swarm.serving("ab") as (a, b):
        wanted = a.blobs.put(content(size))
        await b.exchange.fetch(wanted, a.key, MAX)
        assert bytes(b.blobs.view(wanted)) == content(size)
        assert a.exchange.traffic() == Traffic(sent=size, received=0)
        assert b.exchange.traffic() == Traffic(sent=0, received=size)


@on_trio
async def test_fetch_everything_from_everybody_at_once(swarm: Swarm) -> None:
    """Five peers fetch from each other all at once, and every blob arrives."""
    async with swarm.serving("abcde") as peers, trio.open_nursery() as nursery:
        digests = {p.key: p.blobs.put(content(CHUNK + i)) for i, p in enumerate(peers)}
        for asking in peers:
            for key, wanted in digests.items():
                if key != asking.key:
                    nursery.start_soon(asking.exchange.fetch, wanted, key, MAX)
    assert all(p.blobs.has(wanted) for p in peers for wanted in digests.values())


@on_trio
async def test_fetch_one_blob_from_two_peers_at_once(swarm: Swarm) -> None:
    """Two fetches of one blob bring its bytes once."""
    async with swarm.serving("abc") as (a, b, c):
        wanted = a.blobs.put(content(2 * CHUNK))
        b.blobs.put(content(2 * CHUNK))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(c.exchange.fetch, wanted, a.key, MAX)
            nursery.start_soon(c.exchange.fetch, wanted, b.key, MAX)
        assert c.exchange.traffic().received == 2 * CHUNK


@on_trio
async def test_fetch_what_is_here(swarm: Swarm) -> None:
    """A blob that is here costs no traffic, and nobody is asked."""
    async with swarm.serving("b") as (b,):
        wanted = b.blobs.put(content(10))
        await b.exchange.fetch(wanted, PeerKey(bytes(32)), MAX)
        assert b.exchange.traffic() == Traffic(0, 0)


@on_trio
async def test_fetch_unknown_blob(swarm: Swarm) -> None:
    """A peer that lacks the blob says so; the next fetch from it works."""
    async with swarm.serving("ab") as (a, b):
        with pytest.raises(PeerRefused, match="not here"):
            await b.exchange.fetch(digest(b"nowhere"), a.key, MAX)
        await b.exchange.fetch(a.blobs.put(b"here"), a.key, MAX)


@on_trio
async def test_fetch_forbidden_blob(swarm: Swarm) -> None:
    """What may_serve forbids is refused, whether it is here or not, and served once allowed."""
    async with swarm.serving("ab") as (a, b):
        wanted, unknown = a.blobs.put(b"not yet"), digest(b"nowhere")
        a.forbidden |= {wanted, unknown}
        for forbidden in (wanted, unknown):
            with pytest.raises(PeerRefused, match="not now"):
                await b.exchange.fetch(forbidden, a.key, MAX)
        a.forbidden.clear()
        await b.exchange.fetch(wanted, a.key, MAX)


@on_trio
async def test_fetch_unadmitted(swarm: Swarm) -> None:
    """A peer that isn't admitted gets nothing; once admitted it does."""
    async with swarm.serving("ab") as (a, b):
        wanted = a.blobs.put(content(10))
        a.exchange.admit(frozenset())
        with pytest.raises(PeerUnreachable):
            await b.exchange.fetch(wanted, a.key, MAX)
        a.exchange.admit({b.key})
        await b.exchange.fetch(wanted, a.key, MAX)


@on_trio
async def test_fetch_unknown_peer(swarm: Swarm) -> None:
    """A peer that nobody knows is unreachable."""
    async with swarm.serving("b") as (b,):
        with pytest.raises(PeerUnreachable):
            await b.exchange.fetch(digest(b""), PeerKey(bytes(32)), MAX)


@on_trio
async def test_fetch_from_a_stopped_peer(swarm: Swarm) -> None:
    """A peer that stopped serving is unreachable, even on a connection that was good before."""
    async with swarm.serving("b") as (b,):
        async with swarm.serving("a") as (a,):
            a.exchange.admit({b.key})
            first, second = a.blobs.put(b"1"), a.blobs.put(b"2")
            await b.exchange.fetch(first, a.key, MAX)
        with pytest.raises(PeerUnreachable):
            await b.exchange.fetch(second, a.key, MAX)


@on_trio
async def test_revocation_ends_a_transfer(swarm: Swarm) -> None:
    """Revoking a peer closes its transfer at once; the blob stays incomplete."""
    async with swarm.serving("ab") as (a, b):
        wanted = a.blobs.put(content(32 * CHUNK))
        b.blobs.on_chunk = functools.partial(a.exchange.admit, frozenset())
        with pytest.raises(PeerUnreachable):
            await b.exchange.fetch(wanted, a.key, MAX)
        assert not b.blobs.has(wanted)


@on_trio
async def test_revoking_another_peer_disturbs_nobody(swarm: Swarm) -> None:
    """Revoking one peer leaves the transfers of the others alone."""
    async with swarm.serving("abc") as (a, b, c):
        wanted = a.blobs.put(content(3 * CHUNK))
        b.blobs.on_chunk = functools.partial(a.exchange.admit, {b.key})
        await b.exchange.fetch(wanted, a.key, MAX)
        with pytest.raises(PeerUnreachable):
            await c.exchange.fetch(wanted, a.key, MAX)


@on_trio
async def test_fetch_too_large(swarm: Swarm) -> None:
    """A blob above max_bytes is refused before any chunk is received; at max_bytes it is fine."""
    async with swarm.serving("ab") as (a, b):
        wanted = a.blobs.put(content(CHUNK))
        with pytest.raises(PeerLied):
            await b.exchange.fetch(wanted, a.key, CHUNK - 1)
        assert b.exchange.traffic().received == 0
        await b.exchange.fetch(wanted, a.key, CHUNK)


@on_trio
async def test_resume_from_another_peer(swarm: Swarm) -> None:
    """After a wrong chunk, another peer is asked for the missing chunks only."""
    async with swarm.serving("abc") as (a, b, c):
        size = 5 * CHUNK + 3
        wanted = a.blobs.put(content(size))
        c.blobs.put(content(size))
        damage(a, wanted, 3 * CHUNK + 5)
        with pytest.raises(PeerLied, match="chunk 3"):
            await b.exchange.fetch(wanted, a.key, MAX)
        await b.exchange.fetch(wanted, c.key, MAX)
        assert bytes(b.blobs.view(wanted)) == content(size)
        assert c.exchange.traffic().sent == size - 3 * CHUNK


@on_trio
async def test_damaged_blob_is_not_served(swarm: Swarm) -> None:
    """A blob damaged on the server's disk is not offered, once it looks."""
    async with swarm.serving("ab") as (a, b):
        wanted = a.blobs.put(content(10))
        damage(a, wanted, 3)
        a.blobs._outlines.clear()
        with pytest.raises(PeerRefused, match="not here"):
            await b.exchange.fetch(wanted, a.key, MAX)


@on_trio
async def test_full_disk_is_nobodys_lie(swarm: Swarm) -> None:
    """Trouble with the own disk comes out as it is, not as the peer's fault."""

    def fail() -> None:
        raise DiskFull("no room")

    async with swarm.serving("ab") as (a, b):
        b.blobs.on_chunk = fail
        with pytest.raises(DiskFull):
            await b.exchange.fetch(a.blobs.put(content(2 * CHUNK)), a.key, MAX)


# Peer ids and addresses


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_peer_id_round_trip(key: bytes) -> None:
    """A key is read back from its peer id."""
    assert key_of(peer_id_of(PeerKey(key))) == key


def test_peer_id_is_libp2ps() -> None:
    """The peer id is the one that libp2p computes."""
    pair = create_new_key_pair(bytes(32))
    assert peer_id_of(public_key_of(bytes(32))) == str(ID.from_pubkey(pair.public_key))


@settings(deadline=None)
@given(st.text(max_size=80))
def test_peer_id_garbage(text: str) -> None:
    """Whatever isn't a peer id of an Ed25519 key is wrong use."""
    with pytest.raises(WrongUse):
        key_of(text)


@settings(deadline=None)
@given(st.text(alphabet="/ip4tcdns.0123456789:px", max_size=40))
def test_address_garbage(text: str) -> None:
    """Every text is an address or wrong use."""
    with contextlib.suppress(WrongUse):
        host, port, _ = parse_address(text)
        assert f"/{host}/tcp/" in text
        assert port >= 0


@on_trio
async def test_port_in_use(tmp_path: Path) -> None:
    """A taken port is named, with what to do."""
    async with Swarm("fast", tmp_path).serving("a") as (a,):
        _, port, _ = parse_address(a.exchange.address)
        other = P2PExchange(
            blobs=a.blobs,
            private_key=bytes(32),
            listen=("127.0.0.1", port),
            addresses=lambda _: [],
            may_serve=lambda *_: True,
        )
        with pytest.raises(WrongUse, match=f"port {port} .*choose another"):
            async with other.serve():
                pass


# Connections


@on_trio
async def test_connection_is_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetch after fetch goes over one connection, refusals included."""
    async with Swarm("fast", tmp_path).serving("ab") as (a, b):
        dials = count_calls(monkeypatch, b.exchange._handshake, "dial")
        for i in range(4):
            await b.exchange.fetch(a.blobs.put(content(i)), a.key, MAX)
            with pytest.raises(PeerRefused):
                await b.exchange.fetch(digest(b"nowhere"), a.key, MAX)
        assert len(dials) == 1


def count_calls(patch: pytest.MonkeyPatch, thing: object, name: str) -> list[None]:
    """A list that grows by one each time a method is called."""
    calls: list[None] = []
    inner = getattr(thing, name)

    def counted(*args: Any) -> Any:
        calls.append(None)
        return inner(*args)

    patch.setattr(thing, name, counted)
    return calls


@on_trio
async def test_redial_after_a_restart(wired: Swarm) -> None:
    """A peer that restarted on another port is dialled anew."""
    async with wired.serving("b") as (b,):
        a = wired.peer("a")
        for data in (b"1", b"2"):
            async with a.exchange.serve():
                a.exchange.admit({b.key})
                await b.exchange.fetch(a.blobs.put(data), a.key, MAX)


@on_trio
async def test_wrong_key_at_the_address(wired: Swarm) -> None:
    """Whoever answers at a peer's address without its key is not asked for anything."""
    async with wired.serving("abc") as (a, b, c):
        wanted = a.blobs.put(b"data")
        address = a.exchange.address.split("/p2p/")[0]
        b.exchange._addresses = lambda _: [address]
        with pytest.raises(PeerUnreachable):
            await b.exchange.fetch(wanted, c.key, MAX)


@on_trio
async def test_nothing_is_left_behind(wired: Swarm) -> None:
    """When serving ends, no task and no open file remains, also amid transfers."""
    tasks, files = trio.lowlevel.current_statistics().tasks_living, open_files()
    async with wired.serving("ab") as (a, b), trio.open_nursery() as nursery:
        started = trio.Event()
        b.blobs.on_chunk = started.set
        wanted = a.blobs.put(content(32 * CHUNK))
        nursery.start_soon(b.exchange.fetch, wanted, a.key, MAX)
        await started.wait()
        nursery.cancel_scope.cancel()
    b.blobs.drop(wanted)
    assert trio.lowlevel.current_statistics().tasks_living == tasks
    assert open_files() == files


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


# Hostile servers


class Hostile:
    """Answers each request with what it is told, then goes away, or waits for ever."""

    def __init__(self, said: bytes, stay: bool) -> None:
        self.said, self.stay = said, stay

    async def answer(self, channel: Channel, peer: PeerKey) -> None:
        await channel.receive_exactly(40)
        await channel.send_all(self.said)
        if self.stay:
            await trio.sleep_forever()
        raise Ended("enough")


DATA = content(2 * CHUNK + 5)
HEAD = encode_head(outline(DATA))
LIES = {
    "silence": (b"", True, PeerUnreachable),
    "nothing": (b"", False, PeerUnreachable),
    "no status": (b"\xff" * 5000, True, PeerLied),
    "oversize": (bytes([Status.OK]) + b"\xff" * 8, True, PeerLied),
    "half a head": (HEAD[:50], True, PeerUnreachable),
    "other hashes": (encode_head(outline(bytes(5))) + bytes(5), True, PeerLied),
    "no chunks": (HEAD, True, PeerUnreachable),
    "cut off": (HEAD + DATA[:-1], False, PeerUnreachable),
    "wrong first chunk": (HEAD + b"\0" + DATA[1:], True, PeerLied),
    "wrong last byte": (HEAD + DATA[:-1] + b"\0", True, PeerLied),
}


@pytest.mark.parametrize("lie", LIES)
@on_trio
async def test_hostile_server(wired: Swarm, lie: str) -> None:
    """Whatever a server says or withholds ends in the right PeerFault, and nothing is kept."""
    said, stay, fault = LIES[lie]
    wired.limits = HASTY
    async with wired.serving("ab") as (a, b):
        a.exchange._transfer = Hostile(said, stay)
        with pytest.raises(fault):
            await b.exchange.fetch(digest(DATA), a.key, MAX)
        assert not b.blobs.has(digest(DATA))


@pytest.mark.parametrize(
    "said", [b"", b"\x13/multistream/1.0.0\n", b"HTTP/1.1 400\r\n\r\n", b"\xff" * 100]
)
@on_trio
async def test_not_libp2p_at_the_address(wired: Swarm, said: bytes) -> None:
    """Something else that listens at a peer's address is unreachable in time."""
    wired.limits = HASTY
    async with wired.serving("b") as (b,), raw_server(said) as address:
        b.exchange._addresses = lambda _: [address]
        with pytest.raises(PeerUnreachable):
            await b.exchange.fetch(digest(b""), PeerKey(b"\1" * 32), MAX)


@contextlib.asynccontextmanager
async def raw_server(said: bytes) -> AsyncIterator[str]:
    """A TCP server that says something to everybody and then nothing."""

    async def greet(stream: trio.SocketStream) -> None:
        await stream.send_all(said)
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(functools.partial(trio.serve_tcp, greet, 0, host="127.0.0.1"))
        yield f"/ip4/127.0.0.1/tcp/{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


# Hostile clients


@pytest.mark.parametrize(
    "said", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x13/multistream/1.0.0\n" * 9, b"\xff" * 9]
)
@on_trio
async def test_strangers_are_shown_the_door(wired: Swarm, said: bytes) -> None:
    """Who doesn't finish the handshake in time is cut off, and members are served meanwhile."""
    wired.limits = HASTY
    async with wired.serving("ab") as (a, b):
        host, port, _ = parse_address(a.exchange.address)
        stranger = await trio.open_tcp_stream(host, port)
        async with stranger:
            await stranger.send_all(said)
            await b.exchange.fetch(a.blobs.put(b"data"), a.key, MAX)
            with contextlib.suppress(trio.BrokenResourceError):
                while await stranger.receive_some():
                    pass


@on_trio
async def test_many_strangers_keep_nobody_out(wired: Swarm) -> None:
    """Strangers who hold connections open give way to whoever comes after them."""
    async with wired.serving("ab") as (a, b), contextlib.AsyncExitStack() as stack:
        host, port, _ = parse_address(a.exchange.address)
        strangers = [
            await stack.enter_async_context(await trio.open_tcp_stream(host, port)) for _ in range(100)
        ]
        await b.exchange.fetch(a.blobs.put(b"data"), a.key, MAX)
        assert len(a.exchange._newcomers) < 65
        with contextlib.suppress(trio.BrokenResourceError):
            while await strangers[0].receive_some():
                pass


@contextlib.asynccontextmanager
async def talking(client: Peer, server: Peer) -> AsyncIterator[Channel]:
    """A channel on which a test may say to a server what it likes."""
    from node.p2p import _open_stream

    host, port, _ = parse_address(server.exchange.address)
    link = await client.exchange._handshake.dial(host, port, server.key)
    try:
        if link.fast:
            yield link.channel
        else:
            async with _open_stream(link, HASTY) as channel:
                yield channel
    finally:
        link.close()


@on_trio
async def test_bad_request(wired: Swarm) -> None:
    """A request past the end of a blob is told so."""
    async with wired.serving("ab") as (a, b), talking(b, a) as channel:
        wanted = a.blobs.put(content(10))
        await channel.send_all(Request(wanted, first=2).encode())
        assert await channel.receive_exactly(1) == bytes([Status.BAD_REQUEST])


@on_trio
async def test_part_of_a_blob(wired: Swarm) -> None:
    """A requester gets the chunks that it asked for, and no more."""
    async with wired.serving("ab") as (a, b), talking(b, a) as channel:
        data = content(3 * CHUNK)
        await channel.send_all(Request(a.blobs.put(data), first=1, count=1).encode())
        head = encode_head(outline(data))
        assert await channel.receive_exactly(len(head)) == head
        assert await channel.receive_exactly(CHUNK) == data[CHUNK : 2 * CHUNK]
        assert a.exchange.traffic().sent == CHUNK


@on_trio
async def test_half_a_request(wired: Swarm) -> None:
    """A client that stops amid its request is cut off after the silence limit."""
    wired.limits = HASTY
    async with wired.serving("ab") as (a, b), talking(b, a) as channel:
        await channel.send_all(bytes(39))
        with pytest.raises(Ended):
            await channel.receive_exactly(1)


@on_trio
async def test_client_that_does_not_read(wired: Swarm) -> None:
    """A client that takes nothing is cut off after the silence limit, and holds up nobody."""
    wired.limits = PATIENT
    async with wired.serving("abc") as (a, b, c):
        wanted = a.blobs.put(content(16 * CHUNK))
        async with talking(b, a) as channel:
            await channel.send_all(Request(wanted).encode())
            await c.exchange.fetch(wanted, a.key, MAX)
            await until_ended(a, b)


async def until_ended(server: Peer, client: Peer) -> None:
    """Wait for a server to have closed its last connection from a client."""
    while server.exchange._links._serving.get(client.key):
        await trio.lowlevel.checkpoint()


@on_trio
async def test_client_that_floods(wired: Swarm) -> None:
    """A client that sends on and on is not kept in memory: it is cut off or held up."""
    wired.limits = HASTY
    async with wired.serving("ab") as (a, b), talking(b, a) as channel:
        with pytest.raises(Ended):
            await channel.send_all(b"\xff" * (64 * CHUNK))


@on_trio
async def test_connections_per_peer(wired: Swarm) -> None:
    """One connection more than allowed is closed; the others go on."""
    async with wired.serving("ab") as (a, b), contextlib.AsyncExitStack() as stack:
        wanted = a.blobs.put(b"data")
        channels = [
            await stack.enter_async_context(talking(b, a)) for _ in range(wired.limits.streams_per_peer)
        ]
        with pytest.raises(Ended):
            await stack.enter_async_context(talking(b, a))
        await channels[0].send_all(Request(wanted).encode())
        assert await channels[0].receive_exactly(1) == bytes([Status.OK])


@contextlib.asynccontextmanager
async def several_streams(client: Peer, server: Peer) -> AsyncIterator[Callable[[], Any]]:
    """Opens yamux streams on one connection, as many as wanted."""
    host, port, _ = parse_address(server.exchange.address)
    link = await client.exchange._handshake.dial(host, port, server.key)
    yamux = _muxer(link, 1 << 25)

    async def stream() -> StreamChannel:
        channel = StreamChannel(await yamux.open_stream(), 5, link.close)
        with foreign():
            await _choose([PROTOCOL], Pipe(channel))
        return channel

    async with beside(functools.partial(_run_muxer, yamux)):
        await yamux.event_started.wait()
        yield stream
    link.close()


@pytest.mark.parametrize(("length", "frames"), [(1 << 16, 1 << 9), (1 << 21, 0)])
@on_trio
async def test_yamux_flood(tmp_path: Path, length: int, frames: int) -> None:
    """Who ignores yamux's windows, or announces a huge frame, is cut off and not kept in memory."""
    async with Swarm("stock", tmp_path).serving("ab") as (a, b):
        host, port, _ = parse_address(a.exchange.address)
        link = await b.exchange._handshake.dial(host, port, a.key)
        await link.channel.send_all(struct.pack(">BBHII", 0, 1, 1, 1, 0))
        header = struct.pack(">BBHII", 0, 0, 0, 1, length)
        with contextlib.suppress(Ended):
            await link.channel.send_all((header + bytes(length)) * frames or header)
        with pytest.raises(Ended, match=r"clos|broke"):
            await link.channel.receive_exactly(1 << 10)
        link.close()


@on_trio
async def test_handshake_is_bounded() -> None:
    """A stranger can't make libp2p's negotiation read or allocate without end."""
    pipe = Pipe(Endless())
    with pytest.raises(Ended, match="more than it may"):
        await pipe.read(1 << 40)


class Endless:
    """A peer that says ever the same."""

    async def receive_exactly(self, count: int) -> bytes:
        return b"\x01" * count

    async def send_all(self, data: Bytes) -> None:
        pass


@on_trio
async def test_streams_per_peer(tmp_path: Path) -> None:
    """One yamux stream more than allowed is reset; the others go on."""
    async with Swarm("stock", tmp_path).serving("ab") as (a, b), several_streams(b, a) as stream:
        channels = [await stream() for _ in range(LIMITS.streams_per_peer)]
        with pytest.raises(Ended):
            await stream()
        await channels[0].send_all(Request(a.blobs.put(b"data")).encode())
        assert await channels[0].receive_exactly(1) == bytes([Status.OK])


@on_trio
async def test_one_stream_given_up_leaves_the_others(tmp_path: Path) -> None:
    """A stock client that resets a stream amid a transfer keeps its other streams."""
    async with Swarm("stock", tmp_path).serving("ab") as (a, b), several_streams(b, a) as stream:
        request = Request(a.blobs.put(content(32 * CHUNK))).encode()
        given_up, other = await stream(), await stream()
        for channel in (given_up, other):
            await channel.send_all(request)
            await channel.receive_exactly(1)
        await given_up._stream.reset()
        await other.receive_exactly(9 * CHUNK)


# An independent client: libp2p's own host, from the page's description


@contextlib.asynccontextmanager
async def stock_host(seed: bytes) -> AsyncIterator[Any]:
    host = new_host(key_pair=create_new_key_pair(seed))
    async with host.run(listen_addrs=[Multiaddr("/ip4/127.0.0.1/tcp/0")]):
        yield host


async def read_exactly(stream: Any, count: int) -> bytes:
    got = b""
    while len(got) < count:
        got += await stream.read(count - len(got))
    return got


@on_trio
async def test_stock_client(tmp_path: Path) -> None:
    """libp2p's own host fetches a blob with nothing but the page: digest, first, count."""
    seed, data = b"stock".ljust(32), content(CHUNK + 3)
    async with Swarm("fast", tmp_path).serving("a") as (a,), stock_host(seed) as host:
        a.exchange.admit({public_key_of(seed)})
        wanted = a.blobs.put(data)
        await host.connect(info_from_p2p_addr(Multiaddr(a.exchange.address)))
        peer = ID.from_base58(peer_id_of(a.key))
        stream = await host.new_stream(peer, [TProtocol(PROTOCOL)])
        await stream.write(wanted.raw + bytes(4) + b"\xff" * 4)
        head = await read_exactly(stream, 1 + 8 + 64)
        assert head == b"\0" + len(data).to_bytes(8, "big") + b"".join(outline(data).chunks)
        assert await read_exactly(stream, len(data)) == data


@pytest.mark.parametrize("honest", [True, False])
@on_trio
async def test_stock_server(tmp_path: Path, honest: bool) -> None:
    """A blob served by libp2p's own host arrives; a wrong byte of it is a lie."""
    seed, data = b"stock".ljust(32), content(CHUNK + 3)

    async def serve(stream: Any) -> None:
        await read_exactly(stream, 40)
        await stream.write(encode_head(outline(data)) + data[:-1] + bytes([data[-1] ^ (not honest)]))

    async with stock_host(seed) as host, Swarm("fast", tmp_path).serving("b") as (b,):
        host.set_stream_handler(TProtocol(PROTOCOL), serve)
        b.exchange._addresses = lambda _: [str(a) for a in host.get_addrs()]
        with contextlib.nullcontext() if honest else pytest.raises(PeerLied):
            await b.exchange.fetch(digest(data), public_key_of(seed), MAX)
        assert b.blobs.has(digest(data)) == honest
