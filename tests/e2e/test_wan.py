"""Clinics as they are: on hosts of their own, far apart, over lines that are slow and lose packets."""

from __future__ import annotations

import multiprocessing
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
import trio

from authority.audit.reading import read_record
from authority.plan import RunPlan
from node.blobs import DiskBlobs
from node.card import read_card
from node.config import Home, load_config, save_config
from node.ledger import Network
from node.progress import read_progress
from node.state import Run
from sim import processes
from sim.bench import task
from sim.cluster import prepare
from sim.devnet import devnet
from sim.folder import RunFolder
from sim.nodes import node_process
from sim.plan import SwarmPlan
from tests.e2e.conftest import WAGGLE, eventually
from tests.e2e.hosts import Host, hosts, inside, refusal
from tests.e2e.lan import Lan, Wire

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

CLINICS = 5
PARAMS = 100_000
CHAIN_PORT, PEER_PORT = 8545, 4001
WIRE = Wire(delay=0.05, rate=20e6, loss=0.01)
RUN = RunPlan(
    "far apart",
    CLINICS,
    rounds=1000,
    enter_seconds=90,
    commit_seconds=10,
    reveal_seconds=10,
    hold_seconds=15,
    attest_seconds=15,
)


@dataclass(frozen=True, slots=True)
class Wan:
    """A swarm on hosts of its own. The authority is where the chain is."""

    folder: RunFolder
    lan: Lan
    chain: Host
    clinics: list[Host]

    @property
    def homes(self) -> list[Home]:
        return self.folder.homes()

    @property
    def log(self) -> Path:
        return self.folder.folder / "test.log"

    def run(self) -> Run:
        """The run as it is now."""
        where = load_config(self.homes[0])
        there = (self.chain.path, look, where.rpc, where.network)
        found: Run = processes.call(inside, *there, log=self.log)
        return found

    def waggle(self, *args: object) -> str:
        """What a command says that is given where the chain is."""
        there = ["nsenter", f"--net={self.chain.path}", str(WAGGLE), *map(str, args)]
        done = subprocess.run(there, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, (args, done.stdout, done.stderr)
        return done.stdout


def look(rpc: str, network: Network) -> Run:
    """What the chain says of the run."""
    return trio.run(read_record, [rpc], network).run(1)


def serve_chain(folder: Path, host: str) -> int:
    """A chain, until told to end or left alone."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # anvil ends with that one
    with devnet(folder, CHAIN_PORT, host):
        (folder / "ready").touch()
        parent = multiprocessing.parent_process()
        assert parent is not None
        wait([parent.sentinel])
    return 0


def spread(homes: list[Home], clinics: list[Host]) -> None:
    """Each home on its host; all know where the others are."""
    at = {
        read_card(home.card).peer_key: host.address for home, host in zip(homes, clinics, strict=True)
    }
    peers = {key: (f"/ip4/{address}/tcp/{PEER_PORT}",) for key, address in at.items()}
    for home, host in zip(homes, clinics, strict=True):
        listen = f"{host.address}:{PEER_PORT}"
        save_config(home, replace(load_config(home), listen=listen, peers=peers, poll_seconds=1.0))


@contextmanager
def a_wan(folder: Path, task_file: Path) -> Iterator[tuple[Wan, list[ForkServerProcess]]]:
    """A swarm on hosts of its own, its nodes running."""
    with (
        hosts(1 + CLINICS, WIRE) as ((chain, *clinics), lan),
        processes.server(),
        processes.children() as running,
    ):
        wan = Wan(RunFolder(folder / "run"), lan, chain, clinics)
        place, at = wan.folder.chain, (chain.path, serve_chain, wan.folder.chain, chain.address)
        running.append(processes.launch(inside, *at, log=place / "log", name="chain"))
        eventually((place / "ready").exists, 60)
        plan = SwarmPlan(wan.folder.folder, CLINICS, str(task_file), RUN)
        rpc = f"http://{chain.address}:{CHAIN_PORT}"
        processes.call(inside, chain.path, prepare, plan, rpc, log=wan.log)
        spread(wan.homes, clinics)
        for home, host in zip(wan.homes, clinics, strict=True):
            here = (host.path, node_process, home.folder, 1)
            running.append(processes.launch(inside, *here, log=home.log, name=home.folder.name))
        yield wan, running[1:]


def finalized(home: Home) -> int:
    """Rounds finalized, as a node tells it."""
    return int(read_progress(home.status).get("finalized", 0))


def test_a_clinic_that_is_cut_off_for_longer_than_a_round_comes_back(tmp_path: Path) -> None:
    """The others finalize without it; once its line is mended it catches up and is an input again."""
    if why := refusal():
        pytest.skip(why)
    (tmp_path / "far.py").write_text(task.source(PARAMS))
    with a_wan(tmp_path, tmp_path / "far.py") as (wan, nodes):
        first, last = wan.homes[0], wan.clinics[-1].address
        eventually(lambda: finalized(first) >= 2, 120)

        wan.lan.cut(last)
        then = finalized(first)
        eventually(lambda: finalized(first) > then, 120)
        wan.lan.mend(last)
        eventually(lambda: _is_back(wan.run()), 120)

        assert all(node.is_alive() for node in nodes)
        wan.waggle("authority", "close-run", 1, "--home", wan.folder.authority.folder)
        for node in nodes:
            node.join(60)
        assert [node.exitcode for node in nodes] == [0] * CLINICS
        run = wan.run()
        assert all(DiskBlobs(home.blobs).has(run.model) for home in wan.homes)
        merged = sum(r.finalized is not None for r in run.rounds)
        said = wan.waggle("audit", "replay", first.folder)
        assert f"{merged} of {merged} merges redone from their inputs, identical" in said
        assert wan.lan.counts["lost"] > 0


def _is_back(run: Run) -> bool:
    """Whether the last member was an input, then was none, then was one again."""
    there = ["5" if 5 in run.members_in(r.inputs or 0) else "-" for r in run.rounds if r.finalized]
    return re.fullmatch("5+-+5+", "".join(there)) is not None
