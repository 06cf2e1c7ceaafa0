"""One node process: the real seams, serving and taking part, until its run is over."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar, TypeVarTuple

import trio

from node import chain
from node.arrival import find_run, look_deep_enough, member_of
from node.blobs import DiskBlobs
from node.conduct import HONEST, Conduct
from node.config import Home, NodeConfig, load_config
from node.database import Database, DiskDatabase
from node.digest import Digest
from node.driver import Driver
from node.entropy import Entropy, SeededEntropy, SystemEntropy
from node.entry import rules_of
from node.errors import WrongUse
from node.exchange import PeerKey
from node.keys import Keys, load_keys
from node.ledger import Ledger
from node.p2p import P2PExchange
from node.pages import keep_heaps_small
from node.participation import serving, take_part
from node.peers import PeerBook
from node.progress import Progress
from node.seams import Rules, Seams
from node.serving import may_serve
from node.state import Run
from node.task import Site, Task, load_task
from node.train import TorchTrainer
from node.watch import Watch

log = logging.getLogger(__name__)

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def run_node(
    home: Home, run: int | None = None, *, stay: bool = False, conduct: Conduct = HONEST
) -> Run:
    """Take part in a run, by default the newest open one (waiting for one), until it is over.

    stay: go on serving the run's blobs for ever, for members who come late. conduct: for simulating
    attacks.
    Raises WrongUse, Unfit, InfrastructureFault; see node.errors.
    """
    keep_heaps_small()
    with home.lock():
        config = load_config(home)
        if not config.task:
            raise WrongUse(f"{home.folder} is an auditor's home: run `waggle audit archive`")
        keys = load_keys(home.keys)
        task = load_task(config.task)
        with closing(DiskDatabase(home.database)) as database:
            connected = await chain.connect(config.rpc, config.network, keys.account, outbox=database)
            ledger = conduct.ledger(connected)
            return await _Node(home, config, keys, task, database, ledger, conduct).live(run, stay)


class _Node:
    def __init__(
        self,
        home: Home,
        config: NodeConfig,
        keys: Keys,
        task: Task,
        database: Database,
        ledger: Ledger,
        conduct: Conduct,
    ) -> None:
        self._home, self._config, self._task, self._conduct = home, config, task, conduct
        site = Site(
            config.site.index,
            config.site.count,
            config.site.seed,
            home.folder / Path(config.site.folder),
        )
        self._blobs = DiskBlobs.owned(home.blobs)
        self._trainer = TorchTrainer(task, site, device=config.device, threads=config.threads)
        self._ledger = ledger
        self._watch = Watch(ledger, poll_seconds=config.poll_seconds)
        self._exchange = P2PExchange(
            blobs=conduct.serves(self._blobs),
            private_key=keys.peer_seed,
            listen=config.listen_at,
            addresses=PeerBook(home),
            may_serve=conduct.may_serve(self._may_serve),
        )
        self._entropy: Entropy = (
            SystemEntropy(keys.secret)
            if config.entropy_seed is None
            else SeededEntropy(config.entropy_seed)
        )
        self._database, self._run = database, 0

    async def live(self, wanted: int | None, stay: bool) -> Run:
        watch, account = self._watch, self._ledger.account
        await watch.catch_up()
        member_of(watch.chronicle, account)
        async with serving(self._exchange, watch):
            run = await find_run(watch, wanted)
            member = await look_deep_enough(watch, run, account)
            self._run = run  # its blobs are served from now on
            rules = await self._rules()
            progress = Progress(self._home.status, self._config.name, member.number, self._exchange)
            driver = Driver(
                seams=self._seams(),
                watch=watch,
                rules=rules,
                member=member.number,
                progress=progress,
                decide=self._conduct.decide,
                keep_rounds=self._config.keep_rounds,
            )
            ended = await take_part(driver, watch)
            if stay:
                log.info("run %d is over; serving its blobs until stopped", self._run)
                await trio.sleep_forever()
            return ended

    def _may_serve(self, digest: Digest, peer: PeerKey) -> bool:
        return may_serve(self._watch.chronicle, self._run, digest, peer)

    async def _rules(self) -> Rules:
        run = self._watch.chronicle.runs[self._run]
        return await _in_worker(
            rules_of,
            run,
            self._ledger.network,
            self._task,
            self._trainer,
            self._blobs,
            self._config.enter_after,
        )

    def _seams(self) -> Seams:
        seams = Seams(
            ledger=self._ledger,
            exchange=self._exchange,
            blobs=self._blobs,
            database=self._database,
            trainer=self._trainer,
            entropy=self._entropy,
            offload=_in_worker,
            clock=time.time,
        )
        return self._conduct.seams(seams)


async def _in_worker(work: Callable[[*Ts], T], *args: *Ts) -> T:
    # Abandoned when the node is told to stop: whatever it was writing survives even kill -9.
    return await trio.to_thread.run_sync(
        work,
        *args,
        abandon_on_cancel=True,  # type: ignore[call-arg]  # trio-typing's stubs are older than trio
    )
