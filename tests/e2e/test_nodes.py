"""Nodes that die, come back, or never do; and a consortium that does everything by hand."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest
import trio

from authority.audit.reading import read_record
from authority.audit.record import Record
from authority.plan import RunPlan
from node.blobs import DiskBlobs
from node.card import add_peers, create_home, read_card
from node.config import Home, load_config
from node.ledger import Committed
from node.progress import read_progress
from sim import processes
from sim.cluster import prepare
from sim.devnet import Devnet, devnet, free_port, fund
from sim.folder import RunFolder
from sim.nodes import node_process
from sim.plan import SwarmPlan
from tests.e2e.conftest import Waggle, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

Start = Callable[[Home], ForkServerProcess]


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Devnet]:
    """A devnet of this test's own."""
    with devnet(tmp_path / "run" / "chain") as found:
        yield found


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    """What node processes are forked from, as in `waggle up`."""
    with processes.server():
        yield


@pytest.fixture
def start(server: None) -> Iterator[Start]:
    """Starts node processes; all are stopped at the end."""
    with processes.children() as running:

        def one(home: Home) -> ForkServerProcess:
            name = home.folder.name
            running.append(processes.launch(node_process, home.folder, 1, log=home.log, name=name))
            return running[-1]

        yield one


def exit_codes(nodes: Sequence[ForkServerProcess], seconds: float = 120) -> list[int | None]:
    """How node processes ended."""
    for node in nodes:
        node.join(seconds)
    return [node.exitcode for node in nodes]


def swarm(folder: Path, chain: Devnet, *, seats: int = 4, **wishes: Any) -> list[Home]:
    """Homes of an admitted swarm of four with an open run."""
    times = {"enter_seconds": 90, "commit_seconds": 60, "reveal_seconds": 20}
    run = RunPlan("test", seats, **{**times, "hold_seconds": 20, "attest_seconds": 20, **wishes})
    prepare(SwarmPlan(folder / "run", 4, "wdbc", run), chain.rpc)
    return RunFolder(folder / "run").homes()


def record_of(home: Home, chain: Devnet) -> Record:
    """What the chain says now."""
    return trio.run(read_record, [chain.rpc], load_config(home).network)


def finalized(home: Home) -> int:
    """Rounds finalized, as a node tells it."""
    return int(read_progress(home.status).get("finalized", 0))


def test_a_node_killed_in_a_round_comes_back_and_catches_up(
    tmp_path: Path, chain: Devnet, start: Start
) -> None:
    """After SIGKILL a restart goes on with the round; no round ever sees two commitments."""
    homes = swarm(tmp_path, chain, rounds=4)
    nodes = [start(home) for home in homes]
    eventually(lambda: finalized(homes[0]) >= 1, 90)

    nodes[3].kill()
    nodes[3].join()
    again = start(homes[3])

    assert exit_codes([*nodes[:3], again]) == [0, 0, 0, 0]
    record = record_of(homes[0], chain)
    assert [r.finalized is not None for r in record.run(1).rounds] == [True] * 4
    assert len({read_progress(home.status)["model"] for home in homes}) == 1
    said = [(e.round, e.member) for e in _events(record, Committed)]
    assert len(said) == len(set(said))


def test_a_node_that_lost_its_disk_but_not_its_keys(
    tmp_path: Path, chain: Devnet, start: Start
) -> None:
    """It gets the model from its peers, says nothing twice, and is an input again."""
    homes = swarm(tmp_path, chain, rounds=5, commit_seconds=8)
    nodes = [start(home) for home in homes]
    eventually(lambda: finalized(homes[0]) >= 1, 90)

    nodes[3].kill()
    nodes[3].join()
    _lose_disk(homes[3])
    again = start(homes[3])

    assert exit_codes([*nodes[:3], again]) == [0, 0, 0, 0]
    record = record_of(homes[0], chain)
    run = record.run(1)
    assert [r.finalized is not None for r in run.rounds] == [True] * 5
    assert run.members_in(run.rounds[-1].inputs or 0) == (1, 2, 3, 4)
    assert len({read_progress(home.status)["model"] for home in homes}) == 1
    assert DiskBlobs(homes[3].blobs).has(run.model)
    said = [(e.round, e.member) for e in _events(record, Committed)]
    assert len(said) == len(set(said))


def test_a_late_joiner_takes_part(waggle: Waggle, tmp_path: Path, chain: Devnet, start: Start) -> None:
    """Admitted while the run is under way, it gets the model from its peers, who get its address
    without a restart and its updates from it."""
    homes = swarm(tmp_path, chain, rounds=1000)
    nodes = [start(home) for home in homes]
    eventually(lambda: finalized(homes[0]) >= 1, 90)

    late = _joins(waggle, homes)
    nodes.append(start(late))
    then = eventually(lambda: finalized(late), 60)
    eventually(lambda: finalized(late) > then + 3, 60)

    waggle("authority", "close-run", 1, "--home", "run/authority")
    assert exit_codes(nodes) == [0] * 5
    run = record_of(homes[0], chain).run(1)
    done = [r for r in run.rounds if r.finalized]
    assert run.members_in(done[-1].inputs or 0) == (1, 2, 3, 4, 5)
    joined = next(r for r in done if 5 in run.members_in(r.roster))
    assert DiskBlobs(late.blobs).has(joined.base)


def test_a_node_that_never_comes_back_costs_deadlines_not_the_run(
    tmp_path: Path, chain: Devnet, start: Start
) -> None:
    """The others go on without it, and from the third round on don't wait for it any more."""
    homes = swarm(tmp_path, chain, rounds=5, commit_seconds=6, reveal_seconds=6, hold_seconds=6)
    nodes = [start(home) for home in homes]
    eventually(lambda: finalized(homes[0]) >= 1, 90)

    nodes[3].kill()
    nodes[3].join()

    assert exit_codes(nodes[:3], 150) == [0, 0, 0]
    run = record_of(homes[0], chain).run(1)
    assert all(r.finalized for r in run.rounds)
    assert run.members_in(run.rounds[-1].expected) == (1, 2, 3)


def test_a_revoked_node_is_out_and_the_run_goes_on(
    waggle: Waggle, tmp_path: Path, chain: Devnet, start: Start
) -> None:
    """Revocation in mid-run takes effect at once; the node says why it ends."""
    homes = swarm(tmp_path, chain, rounds=1000)
    nodes = [start(home) for home in homes]
    eventually(lambda: finalized(homes[0]) >= 1, 90)

    waggle("authority", "revoke", 4, "--home", "run/authority", "--reason", "consent")

    assert exit_codes(nodes[3:], 30) == [2]
    assert "revoked" in read_progress(homes[3].status)["error"]
    then = finalized(homes[0])
    eventually(lambda: finalized(homes[0]) > then + 1, 60)
    waggle("authority", "close-run", 1, "--home", "run/authority")
    assert exit_codes(nodes[:3]) == [0, 0, 0]
    run = record_of(homes[0], chain).run(1)
    assert 4 in run.evicted
    assert run.members_in(run.rounds[-1].roster) == (1, 2, 3)


def test_two_processes_cannot_run_one_home(
    waggle: Waggle, tmp_path: Path, chain: Devnet, start: Start
) -> None:
    """The second says so and leaves with exit code 2; the first goes on."""
    homes = swarm(tmp_path, chain, rounds=1)
    first = start(homes[0])
    eventually(homes[0].status.exists, 60)

    said = waggle("node", "run", homes[0].folder, code=2)

    assert "another process runs the node" in said
    assert first.is_alive()


def test_a_consortium_by_hand(waggle: Waggle, chain: Devnet) -> None:
    """Deploy, init, admit, open, run, audit: each with its own command, no `waggle up`."""
    account = json.loads(_authority(waggle, chain))["address"]
    fund(chain.rpc, f"0x{account}", 10**21)
    waggle("authority", "deploy", "--rpc", chain.rpc)
    names = ("a", "b", "c")
    for index, name in enumerate(names):
        site = ("--site", f"{index}/3", "--listen", f"127.0.0.1:{free_port()}")
        network = ("--network", "authority-home/network.toml", "--task", "wdbc")
        waggle("node", "init", name, *network, *site)
    for name in names:
        waggle("authority", "admit", f"{name}/card.json", "--organization", f"Clinic {name}")
        waggle("node", "peers", name, *(f"{other}/card.json" for other in names))
    waggle("authority", "open-run", "--task", "wdbc", "--seats", 3, "--rounds", 2)

    staying = waggle.start("node", "run", "a", "--stay")
    nodes = [waggle.start("node", "run", name) for name in ("b", "c")]

    assert [node.wait(120) for node in nodes] == [0, 0]
    assert waggle("audit", "show", "authority-home").count("finalized") == 2
    blobs = [part for name in ("b", "c") for part in ("--blobs", f"{name}/blobs")]
    assert "2 of 2 merges redone" in waggle("audit", "replay", "a", *blobs)
    _lose_the_model(waggle, "b")
    waggle("node", "run", "b", "--run", 1)
    waggle("export", "b", "--out", "model.safetensors")
    staying.send_signal(signal.SIGINT)
    assert staying.wait(20) == 130


def _joins(waggle: Waggle, homes: Sequence[Home]) -> Home:
    """A fifth clinic asks the authority in; the others are told its address while they run."""
    late = Home(waggle.folder / "late")
    like = load_config(homes[0])
    site, listen = replace(like.site, index=4, count=5), f"127.0.0.1:{free_port()}"
    config = replace(like, name="late", listen=listen, site=site, enter_after=0, peers={})
    create_home(late, config, None, light=True)
    for home in homes:
        add_peers(home, load_config(home), [read_card(late.card)])
    add_peers(late, config, [read_card(home.card) for home in homes])
    waggle("authority", "admit", late.card, "--organization", "Late", "--home", "run/authority")
    return late


def _lose_disk(home: Home) -> None:
    """All but keys, card and settings."""
    shutil.rmtree(home.blobs)
    home.status.unlink()
    for part in home.folder.glob("node.db*"):
        part.unlink()


def _lose_the_model(waggle: Waggle, name: str) -> None:
    """As if the node had been away when it was made."""
    home = Home(waggle.folder / name)
    (home.blobs / read_progress(home.status)["model"]).unlink()


def _authority(waggle: Waggle, chain: Devnet) -> str:
    """The first deploy makes the account, finds it without money, and says so."""
    said = waggle("authority", "deploy", "--rpc", chain.rpc, code=2)
    assert "too little gas money" in said
    return (waggle.folder / "authority-home" / "account.json").read_text()


def _events(record: Record, kind: type[Committed]) -> Iterator[Committed]:
    return (one.event for one in record.logged if isinstance(one.event, kind))
