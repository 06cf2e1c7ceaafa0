"""Whole nodes in a world that breaks and lies, in virtual time: hours in a fraction of a second.

    outcome = play(story_of(17))

The driver, the decisions, the verification, the merge and the sending of transactions are production's;
chain, wires, disks and training are the world's. The same story gives the same world, step by step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random

import trio

from node.contracts.chain import memory_address
from node.digest import Digest
from node.exchange import PeerKey
from node.ledger import Address, Admit, Call, OpenGossip, OpenRun, is_gossip
from node.state import Chronicle, Run
from node.testing import MemoryNetwork
from node.transactions import Pooling
from node.weights import encode
from sim.adversary.grammar import conduct_of
from sim.adversary.stage import Stage
from sim.world import seeded
from sim.world.chain import WorldChain
from sim.world.faults import strike
from sim.world.fold import Fold
from sim.world.learning import INITIAL, rules
from sim.world.life import Steps
from sim.world.node import Node
from sim.world.seeded import sleep
from sim.world.signatures import Signatures
from sim.world.story import Story
from sim.world.telling import tell
from sim.world.timeline import Timeline
from sim.world.wires import Wires

EPOCH = 1_800_000_000
LONGEST = 6 * 3600.0
"""Virtual seconds after which a world is stuck."""

FAREWELL = 60.0
"""Virtual seconds that a world goes on after its run is closed."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a world leaves for the promises to be checked on. stuck: it didn't come to its end.

    chronicle: what the chain adds up to at last. seen: when, in Unix seconds, an update first reached
    somebody else, by its digest. seconds: virtual.
    """

    story: Story
    chain: WorldChain
    chronicle: Chronicle
    nodes: dict[int, Node]
    signatures: Signatures
    seen: dict[Digest, float]
    timeline: Timeline
    stuck: bool
    seconds: float

    @property
    def run(self) -> Run:
        """The world's run in the end."""
        return self.chronicle.runs[self.story.run]


class World:
    """One story, while it is played."""

    def __init__(self, story: Story, timeline: Timeline) -> None:
        self.story, self.timeline = story, timeline
        self.lots = Random(f"world {story.seed}")
        self.rules = rules(story)
        self.authority = memory_address("authority")
        self.signatures = Signatures()
        self.wires, self.air = Wires(self.lots), MemoryNetwork()
        self.chain = WorldChain(self.authority, self.now, self.lots)
        self.chain.tell = self._hear_of_blocks
        self.fold = Fold()
        self.nodes = {member: self._node(member) for member in story.members}
        self.quiet = trio.Event()
        self.seen: dict[Digest, float] = {}
        self.settled = 0
        self._news = trio.Event()
        self._read, self._chronicle = 0, Chronicle()

    async def play(self) -> Evidence:
        """The whole story."""
        stuck = True
        with trio.move_on_after(LONGEST):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.chain.run, self.story.confirmations)
                await self._prepare()
                for node in self.nodes.values():
                    nursery.start_soon(node.run)
                for fault in self.story.faults:
                    nursery.start_soon(strike, self, fault)
                await self.until(lambda run: len(run.rounds) > self.story.quiet_round)
                self.note("world", "all is quiet")
                self.quiet.set()
                await self.until(lambda run: run.closed is not None)
                stuck = False
                await sleep(FAREWELL)
                nursery.cancel_scope.cancel()
        return Evidence(
            story=self.story,
            chain=self.chain,
            chronicle=self.fold(Chronicle(), (one.event for one in self.chain.logged)),
            nodes=self.nodes,
            signatures=self.signatures,
            seen=self.seen,
            timeline=self.timeline,
            stuck=stuck,
            seconds=trio.current_time(),
        )

    # What nodes and faults ask of it.

    def now(self) -> float:
        """The true time, Unix seconds."""
        return EPOCH + trio.current_time()

    def note(self, who: str, what: str) -> None:
        """Something for the timeline."""
        self.timeline.note(who, what)

    @property
    def parties(self) -> set[int]:
        """All nodes' places on the wires."""
        return set(self.nodes)

    def place_of(self, key: PeerKey) -> int | None:
        """Who has a peer key now."""
        return next((member for member, node in self.nodes.items() if node.key == key), None)

    def account_of(self, member: int) -> Address:
        """The account that acts for a member, as the chain has it."""
        return self.chronicle.members[member].account

    def key_of(self, member: int) -> PeerKey:
        """The peer key that a member has on the chain."""
        return self.chronicle.members[member].peer_key

    def saw(self, digest: Digest) -> None:
        """A blob reached another node."""
        self.seen.setdefault(digest, self.now())

    def disconnect(self, node: Node) -> None:
        """A node's process is gone: nobody is answered any more."""
        self.air.serving.pop(node.key, None)

    async def is_quiet_within(self, seconds: float) -> bool:
        """Wait so long, or until all is quiet; whether it is."""
        with trio.move_on_after(seconds):
            await self.quiet.wait()
        return self.quiet.is_set()

    async def operator(self, account: Address, call: Call) -> None:
        """Something that a person does with an account, until it is mined, whatever comes of it."""
        data = self.signatures.write(call)
        while True:
            raw = self.signatures.sign(account, self.chain.nonce(account), data)
            signed = self.signatures.read(raw)
            if self.chain.submit(signed) is Pooling.TAKEN:
                with trio.move_on_after(30):
                    await self._mined(signed.hash)
                    return

    async def until(self, condition: Callable[[Run], bool]) -> None:
        """Wait for something to be said on the chain."""
        while not ((run := self.chronicle.runs.get(self.story.run)) and condition(run)):
            await self._news.wait()

    @property
    def chronicle(self) -> Chronicle:
        """What the chain adds up to now, as deep as it is settled."""
        last = self.chain.height - self.story.confirmations
        if last > self._read:
            found = self.chain.contracts.events(self._read + 1, last)
            self._chronicle = self.fold(self._chronicle, (one.event for one in found))
            self._read = last
        return self._chronicle

    async def _mined(self, hash_: bytes) -> None:
        while (receipt := self.chain.receipt(hash_)) is None or self._depth(receipt.block) < 0:
            await self._news.wait()

    def _depth(self, block: int) -> int:
        return self.chain.height - self.story.confirmations - block

    def _hear_of_blocks(self) -> None:
        for said in tell(one.event for one in self.chain.newest()):
            self.note("chain", said)
        for node in self.nodes.values():
            if node.watch is not None and not self.wires.is_cut(0, node.member):
                node.watch.hurry()
        self._news.set()
        self._news = trio.Event()

    def _node(self, member: int) -> Node:
        key = PeerKey(bytes([member]) * 32)
        lie = self.story.hostile.get(member)
        conduct = None if lie is None else partial(conduct_of, lie, self._stage(member))
        return Node(self, member, memory_address(f"account {member}"), key, conduct)

    def _stage(self, member: int) -> Stage:
        """What a hostile node may know: all of them conspire."""
        return Stage(member, self.now, self.story.seed, tuple(self.story.hostile))

    async def _prepare(self) -> None:
        """The authority admits everybody who is there from the beginning, and opens the run."""
        for member in self.story.late:
            self.nodes[member].wanted.turn(off=1)
        for member in range(1, self.story.nodes + 1):
            node = self.nodes[member]
            await self.operator(self.authority, Admit(node.account, node.key, bytes(32)))
            node.disk.blobs.put(encode(INITIAL))
        manifest = self.rules.manifest
        opening = OpenGossip if is_gossip(self.story.run) else OpenRun
        await self.operator(self.authority, opening(manifest.terms, manifest.to_bytes()))
        self.settled = self.chain.height


def play(story: Story) -> Evidence:
    """Play a story to its end."""
    timeline = Timeline()

    async def main() -> Evidence:
        return await World(story, timeline).play()

    with timeline:
        return seeded.run(story.seed, main, [Steps()])
