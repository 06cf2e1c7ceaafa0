"""A swarm on memory seams: whole drivers in one loop, on a clock that jumps to whatever comes next.

    @on_virtual_time
    async def test_something(tmp_path):
        swarm = Swarm(tmp_path, nodes=4)
        await swarm.play()

Disk and database are real, so a node can crash and come back. Nothing sleeps, nothing is random.
"""

from __future__ import annotations

import functools
import inspect
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trio
from trio.testing import MockClock

from authority.audit.record import Record
from node.arrival import look_deep_enough
from node.blobs import DiskBlobs
from node.commitment import Claims
from node.conduct import Conduct
from node.contracts.chain import MemoryChain, memory_address
from node.database import DiskDatabase, OwnUpdate
from node.digest import Digest, digest
from node.driver import Driver
from node.entropy import SeededEntropy
from node.errors import ChainUnreachable, LedgerRefusal
from node.exchange import PeerKey
from node.ledger import (
    FIRST_GOSSIP,
    Address,
    Admit,
    Block,
    Call,
    Logged,
    Mined,
    Network,
    OpenGossip,
    OpenRun,
    Revoke,
    RoundFinalized,
    Terms,
)
from node.manifest import Manifest
from node.merging import rule_in
from node.participation import serving, take_part
from node.progress import Progress
from node.seams import Rules, Seams
from node.serving import may_serve
from node.state import Chronicle, Run, apply_all
from node.testing import MemoryExchange, MemoryNetwork
from node.train import Trained, TrainingFailed
from node.watch import Watch
from node.weights import Array, UpdateMark, encode, layout_of

AUTHORITY = memory_address("authority")
EPOCH = 1_800_000_000
RUN = 1
PHASE_SECONDS = 100
POLL_SECONDS = 0.5
FAREWELL_SECONDS = 50
LONGEST_STORY = 100_000
INITIAL: dict[str, Array] = {"w": np.zeros((2, 3), np.float32), "seen": np.array(0, np.int64)}
BASE = digest(encode(INITIAL))


def on_virtual_time(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test with trio's clock jumping whenever everybody waits."""

    @functools.wraps(test)
    def run(**given: Any) -> None:
        trio.run(functools.partial(test, **given), clock=MockClock(autojump_threshold=0))

    assert inspect.iscoroutinefunction(test)
    return run


@pytest.fixture
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files go to the disk whenever the system likes: only processes crash here, not machines."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)


def now() -> float:
    """Unix seconds on the virtual clock."""
    return EPOCH + trio.current_time()


class Crash(BaseException):
    """The process is gone: nothing may catch this but the swarm."""


class FakeTrainer:
    """Adds seeded noise and counts rounds. `fails`: training gives NaN. `seconds`: it takes so long."""

    def __init__(self, samples: int) -> None:
        self.samples, self.fails, self.fits, self.seconds = samples, False, 0, 0.0

    def initial(self, seed: int) -> dict[str, Array]:
        """The same for every seed."""
        return dict(INITIAL)

    def fit(self, base: Mapping[str, Array], seed: int) -> Trained:
        """One step of learning nothing."""
        self.fits += 1
        if self.fails:
            raise TrainingFailed("training ended with a loss of nan")
        noise = np.random.default_rng(seed).standard_normal((2, 3)).astype(np.float32)
        seen = np.asarray(base["seen"] + np.int64(self.samples))
        return Trained({"w": base["w"] + noise, "seen": seen}, self.samples, 0.5)

    def evaluate(self, tensors: Mapping[str, Array], data: object = None) -> dict[str, float]:
        """Nobody asks."""
        return {}


class Line:
    """A node's line to the chain: it can be cut, and a call can be the last thing a node does."""

    def __init__(self, chain: MemoryChain, account: Address, tell: Callable[[], None]) -> None:
        self._chain, self._tell = chain, tell
        self._ledger = chain.ledger(account)
        self.said: list[Call] = []
        self.cut = False
        self.cut_before: type | None = None
        self.crash_before: type | None = None
        self.crash_after: type | None = None
        self.forge: Callable[[Call], Call] = lambda call: call

    @property
    def network(self) -> Network:
        """See Ledger."""
        return self._ledger.network

    @property
    def account(self) -> Address:
        """See Ledger."""
        return self._ledger.account

    async def head(self) -> Block:
        """See Ledger."""
        self._check()
        return await self._ledger.head()

    async def events(self, first: int, last: int) -> Sequence[Logged]:
        """See Ledger."""
        self._check()
        return await self._ledger.events(first, last)

    async def send(self, call: Call) -> Mined:
        """See Ledger."""
        if type(call) is self.cut_before:
            self.cut, self.cut_before = True, None
            self._tell()
        self._check()
        self.said.append(call)
        if type(call) is self.crash_before:
            raise Crash
        try:
            mined = await self._ledger.send(self.forge(call))
        except LedgerRefusal:
            self._chain.mine()  # a refused transaction is in a block as well
            raise
        self._tell()
        if type(call) is self.crash_after:
            raise Crash
        return mined

    def of(self, kind: type) -> list[Any]:
        """Calls of one kind, in order, whether they arrived or not."""
        return [call for call in self.said if type(call) is kind]

    def _check(self) -> None:
        if self.cut:
            raise ChainUnreachable("no answer from memory://")


class Node:
    """One participant: what survives a crash, and what `live` makes anew."""

    def __init__(self, swarm: Swarm, member: int) -> None:
        self.member, self.key = member, PeerKey(bytes([member]) * 32)
        self.line = Line(swarm.chain, memory_address(f"node {member}"), swarm.tell)
        self.trainer = FakeTrainer(samples=10 * member)
        self.home = swarm.folder / f"node-{member}"
        self.serves = True
        self.conduct: Callable[[], Conduct] = Conduct
        self.denies: PeerKey | None = None
        self.keep_rounds: int | None = None
        self.ended: BaseException | None = None
        self.lives = 0
        self.driver: Driver | None = None
        self._swarm = swarm
        self._scope = trio.CancelScope()
        self.home.mkdir()

    @property
    def blobs(self) -> Path:
        """Where its blobs lie."""
        return self.home / "blobs"

    def blob(self, name: Digest) -> Path:
        """Where one blob lies."""
        return self.blobs / name.hex

    def plant(self, round_: int, data: bytes, base: Digest = BASE) -> Digest:
        """Write `data` down as this node's update of a round: an honest driver will promise it."""
        name = DiskBlobs(self.blobs).put(data)
        database = DiskDatabase(self.home / "node.db")
        database.promise(self._swarm.number, round_, base, OwnUpdate(name, Claims(8)))
        database.close()
        return name

    async def live(self) -> None:
        """From start to the end of the run, or to a crash."""
        self._scope, self.ended, self.lives = trio.CancelScope(), None, self.lives + 1
        database = DiskDatabase(self.home / "node.db")
        try:
            with self._scope:
                await self._live(database)
        except* Crash:
            self._scope.cancel()
        except* Exception as error:
            self.ended = _first(error)
        finally:
            database.close()

    @property
    def dead(self) -> bool:
        """Whether its last life ended with a crash."""
        return self._scope.cancel_called

    def crash(self) -> None:
        """Take the process away; disk and database stay."""
        self._scope.cancel()

    def lose_disk(self) -> None:
        """All that it keeps but its keys and settings is gone."""
        shutil.rmtree(self.home)
        self.home.mkdir()

    async def _live(self, database: DiskDatabase) -> None:
        blobs = DiskBlobs.owned(self.blobs)
        if self.lives == 1:
            blobs.put(encode(INITIAL))
        conduct = self.conduct()
        ledger = conduct.ledger(self.line)
        watch = Watch(ledger, poll_seconds=POLL_SECONDS)
        await watch.catch_up()
        exchange = MemoryExchange(
            network=self._swarm.wire,
            key=self.key,
            blobs=conduct.serves(blobs),
            may_serve=conduct.may_serve(functools.partial(self._may_serve, watch)),
        )
        seams = Seams(
            ledger=ledger,
            exchange=exchange,
            blobs=blobs,
            database=database,
            trainer=self.trainer,
            entropy=SeededEntropy(0),
            offload=self._offload,
            clock=now,
        )
        progress = Progress(self.home / "status.json", f"n{self.member}", self.member, exchange)
        self.driver = Driver(
            seams=conduct.seams(seams),
            watch=watch,
            rules=self._swarm.rules,
            member=self.member,
            progress=progress,
            decide=conduct.decide,
            keep_rounds=self.keep_rounds,
        )
        async with serving(exchange, watch):
            await look_deep_enough(watch, self._swarm.number, self.line.account)
            await take_part(self.driver, watch, FAREWELL_SECONDS)

    async def _offload(self, work: Callable[..., Any], *args: Any) -> Any:
        if work.__name__ == "_train" and self.trainer.seconds:
            await trio.sleep(self.trainer.seconds)
        return await inline(work, *args)

    def _may_serve(self, watch: Watch, name: Digest, peer: PeerKey) -> bool:
        return (
            self.serves
            and peer != self.denies
            and may_serve(watch.chronicle, self._swarm.number, name, peer)
        )


class Swarm:
    """Members 1..nodes on one chain with one run. Nodes start when `play` or `start` says so."""

    def __init__(
        self,
        folder: Path,
        *,
        nodes: int = 4,
        rounds: int = 3,
        seats: int | None = None,
        merge: str = "trimmed-mean",
        hostile: int | None = None,
        neighbours: int | None = None,
        chain_behind: float = 0,
        confirmations: int = 0,
    ) -> None:
        self.folder, self.wire = folder, MemoryNetwork()
        self._news = trio.Event()
        self.chain = MemoryChain(AUTHORITY, clock=lambda: now() - chain_behind)
        seats = nodes if seats is None else seats
        self.rules = _rules(seats, rounds, merge, hostile, neighbours, confirmations)
        self.number = self.rules.run
        self.nodes = {member: Node(self, member) for member in range(1, nodes + 1)}
        for node in self.nodes.values():
            self.authority(Admit(node.line.account, node.key, bytes(32)))
        open_run = OpenRun if neighbours is None else OpenGossip
        self.authority(open_run(self.rules.manifest.terms, self.rules.manifest.to_bytes()))
        self._chronicle, self._seen = Chronicle(), 0
        self._nursery: trio.Nursery | None = None

    def __getitem__(self, member: int) -> Node:
        return self.nodes[member]

    async def play(self, *members: int, story: Callable[[], Awaitable[None]] | None = None) -> Run:
        """Let members (by default all) take part until all that were started are done."""
        with trio.fail_after(LONGEST_STORY):
            async with trio.open_nursery() as self._nursery:
                for member in members or self.nodes:
                    self.start(member)
                if story:
                    await story()
        return self.run

    def beside(self, work: Callable[[], Awaitable[None]]) -> None:
        """Let something else go on beside the nodes."""
        assert self._nursery is not None
        self._nursery.start_soon(work)

    def start(self, member: int) -> None:
        """Start a node, or start it again."""
        assert self._nursery is not None
        self._nursery.start_soon(self._run, self.nodes[member])

    async def until(self, condition: Callable[[Run], bool]) -> Run:
        """Wait for something to be said on the chain."""
        while not condition(self.run):
            await self._news.wait()
        return self.run

    async def dead(self, member: int) -> None:
        """Wait until a node has crashed."""
        while not self.nodes[member].dead:
            await self._news.wait()

    def authority(self, call: Call) -> Mined:
        """Something the authority does."""
        mined = self.chain.call(AUTHORITY, call)
        self.tell()
        return mined

    def revoke(self, member: int) -> None:
        """Revoke a member, out of the run at once."""
        self.authority(Revoke(member, (self.number,), 2))

    @property
    def logged(self) -> tuple[Logged, ...]:
        """All that the chain said."""
        return tuple(self.chain.events(0, self.chain.head.number))

    @property
    def chronicle(self) -> Chronicle:
        """What it adds up to."""
        head = self.chain.head.number
        if head > self._seen:
            news = self.chain.events(self._seen + 1, head)
            self._chronicle = apply_all(self._chronicle, (one.event for one in news))
            self._seen = head
        return self._chronicle

    @property
    def run(self) -> Run:
        """The run as it is now."""
        return self.chronicle.runs[self.number]

    @property
    def record(self) -> Record:
        """What an auditor reads."""
        gas = {one.transaction: 0 for one in self.logged}
        times = {one.block: self.chain.block(one.block).time for one in self.logged}
        head = self.chain.head.number
        return Record(self.chain.network, head, self.logged, gas, self.chronicle, times)

    @property
    def finalized(self) -> list[int]:
        """Rounds finalized, in order."""
        return [o.event.round for o in self.logged if isinstance(o.event, RoundFinalized)]

    def holders(self, name: Digest) -> list[int]:
        """Members whose disk has exactly this blob."""
        return [m for m, node in self.nodes.items() if _has(node.blob(name), name)]

    async def _run(self, node: Node) -> None:
        try:
            await node.live()
        finally:
            self.tell()

    def tell(self) -> None:
        """Something happened: let the story look."""
        self._news.set()
        self._news = trio.Event()


def garbage(member: int, round_: int = 0, run: int = RUN, **tensors: Array) -> bytes:
    """An update with a right mark and whatever tensors."""
    mark = UpdateMark(run, round_, member, bytes([member]) * 32)
    return encode({**INITIAL, **tensors}, mark)


async def inline(work: Callable[..., Any], *args: Any) -> Any:
    await trio.lowlevel.checkpoint()
    return work(*args)


def _rules(
    seats: int,
    rounds: int,
    merge: str,
    hostile: int | None,
    neighbours: int | None,
    confirmations: int,
) -> Rules:
    f = (seats - 1) // 3
    terms = Terms(
        rounds=rounds,
        seats=seats,
        min_inputs=2 * f + 1,
        join_delay=1,
        enter_seconds=PHASE_SECONDS,
        commit_seconds=PHASE_SECONDS,
        reveal_seconds=PHASE_SECONDS,
        hold_seconds=PHASE_SECONDS,
        attest_seconds=PHASE_SECONDS,
        privacy_budget=0,
        base=BASE,
    )
    manifest = Manifest(
        name="swarm",
        chain_id=31337,
        task="fake",
        task_digest=digest(b"fake"),
        terms=terms,
        merge=merge,
        hostile=hostile,
        max_abs=1000,
        max_weight=64,
        max_blob_bytes=1 << 20,
        confirmations=confirmations,
        self_test=digest(b"self-test"),
        seed=7,
        neighbours=neighbours,
    )
    number = RUN if neighbours is None else FIRST_GOSSIP
    return Rules(number, manifest, rule_in(manifest), layout_of(INITIAL))


def _has(path: Path, name: Digest) -> bool:
    return path.exists() and digest(path.read_bytes()) == name


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def played(
    folder: Path, prepare: Callable[[Swarm], None] = lambda swarm: None, rounds: int = 2, **wishes: Any
) -> Swarm:
    """A swarm whose run is over. prepare: does something to it before."""
    swarms: list[Swarm] = []

    @on_virtual_time
    async def play() -> None:
        swarms.append(Swarm(folder, rounds=rounds, **wishes))
        prepare(swarms[0])
        await swarms[0].play()

    play()
    return swarms[0]
