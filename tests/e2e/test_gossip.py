"""Gossip runs as their users meet them: real processes, a real chain, real peer-to-peer links."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from authority.audit.reading import read_record
from authority.plan import RunPlan
from node.config import Home, load_config
from node.ledger import FIRST_GOSSIP, Committed
from node.progress import read_progress
from sim import processes
from sim.cluster import prepare
from sim.devnet import Devnet, devnet, free_port, fund
from sim.folder import RunFolder
from sim.nodes import node_process
from sim.plan import SwarmPlan
from tests.e2e.conftest import Waggle, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Devnet]:
    """A devnet of this test's own."""
    with devnet(tmp_path / "run" / "chain") as found:
        yield found


def test_up_gossips_audits_and_leaves_usable_models(waggle: Waggle) -> None:
    """Each clinic gets a model of its own, and every merge of every clinic replays."""
    result = waggle.json(
        "up", "--gossip", "--nodes", 7, "--rounds", 3, "--merge", "nna:f=1", "--dir", "run"
    )

    assert (result["good"], result["finalized"], result["neighbours"]) == (True, 3, 4)
    assert (result["merges"], result["merges_good"]) == (21, 21)
    assert 0 < result["disagreement"] < 1
    assert len({clinic["swarm"] for clinic in result["clinics"]}) > 1
    assert "21 of 21 merges redone" in waggle("audit", "replay", "run")
    assert waggle("audit", "show", "run").count("ended") == 3
    models = {node["model"] for node in waggle.json("status", "run")}
    assert len(models) == 7
    waggle("export", "run/nodes/clinic-3", "--out", "model.safetensors")
    assert (waggle.folder / "model.safetensors").exists()


def test_same_seed_gives_the_same_models(waggle: Waggle) -> None:
    """Twice in a row on one machine, every clinic's final digest is the same."""
    found = []
    for name in ("a", "b"):
        waggle("up", "--gossip", "--nodes", 5, "--rounds", 2, "--neighbours", 2, "--dir", name)
        found.append([node["model"] for node in waggle.json("status", name)])

    assert found[0] == found[1]


def test_a_node_killed_in_a_gossip_round_goes_on(tmp_path: Path, chain: Devnet) -> None:
    """After SIGKILL a restart goes on from its own model; no round ever sees two commitments."""
    times = {"enter_seconds": 90, "commit_seconds": 60, "reveal_seconds": 20}
    run = RunPlan("test", 5, rounds=4, merge="nna", neighbours=2, **times)
    prepare(SwarmPlan(tmp_path / "run", 5, "wdbc", run), chain.rpc)
    homes = RunFolder(tmp_path / "run").homes()
    with processes.server(), processes.children() as nodes:

        def start(home: Home) -> None:
            name = home.folder.name
            nodes.append(
                processes.launch(node_process, home.folder, FIRST_GOSSIP, log=home.log, name=name)
            )

        for home in homes:
            start(home)
        eventually(lambda: read_progress(homes[0].status).get("finalized", 0) >= 1, 90)
        nodes[3].kill()
        nodes[3].join()
        start(homes[3])
        for node in nodes:
            node.join(120)
        codes = [node.exitcode for node in nodes]

    assert codes == [0, 0, 0, -9, 0, 0]
    record = trio.run(read_record, [chain.rpc], load_config(homes[0]).network)
    told = record.run(FIRST_GOSSIP)
    assert [len(round_.attested) for round_ in told.rounds] == [5] * 4
    said = [
        (one.event.round, one.event.member) for one in record.logged if isinstance(one.event, Committed)
    ]
    assert len(said) == len(set(said))


def test_a_consortium_runs_both_kinds(waggle: Waggle, chain: Devnet) -> None:
    """The same members, homes and network: first a run with one model, then one that gossips."""
    waggle("authority", "deploy", "--rpc", chain.rpc, code=2)  # makes the account, finds it poor
    account = json.loads((waggle.folder / "authority-home" / "account.json").read_text())["address"]
    fund(chain.rpc, f"0x{account}", 10**21)
    assert "gossip " in waggle("authority", "deploy", "--rpc", chain.rpc)
    names = ("a", "b", "c")
    for index, name in enumerate(names):
        site = ("--site", f"{index}/3", "--listen", f"127.0.0.1:{free_port()}")
        network = ("--network", "authority-home/network.toml", "--task", "wdbc")
        waggle("node", "init", name, *network, *site)
    for name in names:
        waggle("authority", "admit", f"{name}/card.json")
        waggle("node", "peers", name, *(f"{other}/card.json" for other in names))
    for kind in ((), ("--gossip", "--neighbours", 2, "--merge", "nna:f=1")):
        said = waggle("authority", "open-run", "--task", "wdbc", "--seats", 3, "--rounds", 2, *kind)
        nodes = [waggle.start("node", "run", name) for name in names]
        assert [node.wait(120) for node in nodes] == [0, 0, 0]
    assert f"run {FIRST_GOSSIP} is open: nna:f=1 over 2 neighbours withstands 1 hostile" in said
    blobs = [part for name in names for part in ("--blobs", f"{name}/blobs")]
    assert "6 of 6 merges redone" in waggle("audit", "replay", "a", *blobs)
    assert "2 of 2 merges redone" in waggle("audit", "replay", "a", "--run", 1, *blobs)
    waggle("export", "b", "--out", "model.safetensors")
