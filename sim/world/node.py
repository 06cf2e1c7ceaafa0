"""One node of a world: the driver of production on the world's seams, life after life."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

import trio

from node.arrival import find_run, look_deep_enough, member_of
from node.conduct import HONEST, Conduct
from node.digest import Digest
from node.driver import Driver
from node.errors import InfrastructureFault
from node.exchange import PeerKey
from node.ledger import Address
from node.participation import serving, take_part
from node.progress import Progress
from node.round import Action
from node.running import single
from node.seams import Seams
from node.serving import may_serve
from node.state import Run
from node.testing import MemoryExchange
from node.watch import Watch
from sim.world.disk import Disk, LivingBlobs, LivingDatabase
from sim.world.exchange import WorldExchange
from sim.world.learning import WorldEntropy, WorldTrainer
from sim.world.ledger import Link, WorldLedger
from sim.world.life import LIVING, Gone, Life
from sim.world.seeded import sleep
from sim.world.switch import Switch

if TYPE_CHECKING:
    from sim.world.world import World

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

POLL_SECONDS = 15.0
"""Between two looks at the chain by itself; new blocks are told as well, unless the wire is cut."""

RESTART_SECONDS = 20.0
"""After which a node that ended over its chain or disk is started again."""


class Node:
    """What lasts from life to life."""

    def __init__(
        self,
        world: World,
        member: int,
        account: Address,
        key: PeerKey,
        conduct: Callable[[], Conduct] | None = None,
    ) -> None:
        """conduct: gives each life of a hostile node its own; None: it is honest."""
        self.member, self.account, self.key = member, account, key
        self.honest = conduct is None
        self.name = f"node {member}"
        self.accounts = {account}
        self.disk = Disk()
        self.wanted, self.awake = Switch(), Switch()
        self.clock_ahead = world.story.ahead.get(member, 0.0)
        self.lives = 0
        self.finished = False
        self.endings: list[BaseException] = []
        self.life: Life | None = None
        self.watch: Watch | None = None
        self._world, self._conduct = world, conduct
        self._lots = Random(f"{world.story.seed} {member}")

    async def run(self) -> None:
        """Live whenever wanted, until the run is over for this node."""
        while not self.finished:
            await self.wanted.wait()
            await self._live()
            if not self.finished and self.wanted.on:
                await sleep(RESTART_SECONDS)

    def stop(self) -> None:
        """End its process at once, and start none before that is taken back."""
        self.wanted.turn(off=1)
        if self.life is not None:
            self.life.die()

    async def _live(self) -> None:
        self.lives += 1
        self.disk.restart()
        life = self.life = Life(self.name, self.awake, partial(self._world.disconnect, self))
        LIVING.set(life)
        self._world.note(self.name, f"starts, life {self.lives}")
        try:
            with life.scope:
                await self._play(life)
                self.finished = True
        except* Gone:
            pass
        except* Exception as group:
            self._ended(single(group))
        finally:
            life.die()
            self._world.note(self.name, "is gone")
        if life.circling:
            self._ended(RuntimeError("it goes round in circles"))

    def _ended(self, error: BaseException) -> None:
        self._world.note(self.name, f"ended: {type(error).__name__}: {error}")
        if not isinstance(error, InfrastructureFault):
            self.endings.append(error)
            self.finished = True

    async def _play(self, life: Life) -> None:
        world = self._world
        blobs, database = LivingBlobs(self.disk, life), LivingDatabase(self.disk, life)
        link = Link(world.chain, world.wires, world.signatures, self.member, life)
        ledger = WorldLedger(link, world.chain, world.signatures, self.account, database)
        watch = self.watch = Watch(ledger, poll_seconds=POLL_SECONDS, fold=world.fold)
        await watch.catch_up()
        member_of(watch.chronicle, self.account)
        conduct = HONEST if self._conduct is None else self._conduct()
        exchange = self._exchange(life, watch, blobs, conduct)
        seams = conduct.seams(
            Seams(
                ledger=ledger,
                exchange=exchange,
                blobs=blobs,
                database=database,
                trainer=WorldTrainer(10 * self.member),
                entropy=WorldEntropy(self.member, self._lots),
                offload=self._offload,
                clock=lambda: world.now() + self.clock_ahead,
            )
        )
        async with serving(exchange, watch):
            await look_deep_enough(watch, await find_run(watch, world.story.run), self.account)
            driver = Driver(
                seams=seams,
                watch=watch,
                rules=world.rules,
                member=self.member,
                progress=Silent(self.name, self.member, exchange),
                decide=conduct.decide,
            )
            await take_part(driver, watch)

    def _exchange(
        self, life: Life, watch: Watch, blobs: LivingBlobs, conduct: Conduct
    ) -> WorldExchange:
        world = self._world

        def may(digest: Digest, peer: PeerKey) -> bool:
            return may_serve(watch.chronicle, world.story.run, digest, peer)

        inner = MemoryExchange(
            network=world.air,
            key=self.key,
            blobs=conduct.serves(blobs),
            may_serve=conduct.may_serve(may),
        )
        return WorldExchange(inner, world.wires, self.member, life, world.place_of, world.saw)

    async def _offload(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """Inline, after the time that a worker takes: now and then the machine is busy."""
        life = self.life
        assert life is not None
        await life.awake()
        if self._lots.random() < 0.02 and not self._world.quiet.is_set():
            await sleep(self._lots.randint(1, 20))
        else:
            await trio.lowlevel.checkpoint()
        await life.awake()
        return work(*args)


class Silent(Progress):
    """Nobody reads a world's status files."""

    def __init__(self, name: str, member: int, exchange: WorldExchange) -> None:
        super().__init__(Path("nowhere"), name, member, exchange)

    def show(self, run: Run, action: Action, *, training: bool = False) -> None:
        """See Progress."""
