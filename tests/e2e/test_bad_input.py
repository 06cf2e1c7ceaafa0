"""Kills, broken tasks and hostile peers, on real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from pathlib import Path

import pytest

from node.config import Home, load_config
from node.progress import read_progress
from tests.e2e.conftest import Waggle, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ENDLESS = ("up", "--dir", "run", "--nodes", 4, "--rounds", 400, "--json")
NAN_AT_ONE = """
_load, _loss, _at = load, loss, {}
def load(site):
    _at["bad"] = site.index == 1
    return _load(site)
def loss(outputs, targets):
    return _loss(outputs, targets) * (float("nan") if _at.get("bad") else 1)
"""


def home(waggle: Waggle, number: int = 1) -> Home:
    return Home(waggle.folder / "run" / "nodes" / f"clinic-{number}")


def some_rounds(waggle: Waggle) -> bool:
    return int(read_progress(home(waggle).status).get("finalized", 0)) >= 1


def task(waggle: Waggle, more: str) -> str:
    """wdbc with changes."""
    shipped = Path(__file__).parents[2] / "node" / "tasks" / "wdbc.py"
    (waggle.folder / "mine.py").write_text(shipped.read_text() + more)
    return "mine.py"


def test_killing_up_leaves_no_orphan_and_a_chain_that_can_be_audited(waggle: Waggle) -> None:
    """SIGKILL of the parent: children and chain end within seconds, what was finalized replays."""
    up = waggle.start(*ENDLESS)
    eventually(lambda: some_rounds(waggle), 90)

    up.kill()
    up.wait()

    eventually(lambda: not waggle.living(), 10)
    before = (waggle.folder / "run" / "chain" / "state.json").read_bytes()
    assert "merges redone" in waggle("audit", "replay", "run")
    assert (waggle.folder / "run" / "chain" / "state.json").read_bytes() == before
    waggle("export", "run", "--out", "model.safetensors")


def test_a_chain_that_dies_ends_up_with_a_line(waggle: Waggle) -> None:
    """Nobody waits for ever."""
    up = waggle.start(*ENDLESS)
    eventually(lambda: some_rounds(waggle), 90)

    (chain,) = [
        int(process.name)
        for process in Path("/proc").glob("[0-9]*")
        if "--dump-state" in waggle._command(process) and "/bin/sh" not in waggle._command(process)
    ]
    os.kill(chain, signal.SIGKILL)

    assert up.wait(20) == 1
    (log,) = waggle.folder.glob("*.log")
    assert "the chain's process ended under the nodes" in log.read_text()


def test_broken_tasks_fail_before_the_run_and_leave_nothing(waggle: Waggle) -> None:
    """Metrics and held-out patients would otherwise only be asked for at the end."""
    broken = {
        "evaluating failed: RuntimeError: no": "\ndef metrics(o, t):\n    raise RuntimeError('no')\n",
        "must return Data": "\ndef load(site):\n    return None\n",
    }
    for said, more in broken.items():
        assert said in waggle("up", "--task", task(waggle, more), "--dir", "run", code=2)
        assert not (waggle.folder / "run").exists()


def test_one_clinic_with_nan_losses_sits_out_and_is_named(waggle: Waggle) -> None:
    """It promises nothing; the others finish, and the report says why it has no figures."""
    asked = ("--nodes", 4, "--rounds", 1, "--commit-seconds", 8, "--dir", "run")
    result = waggle.json("up", "--task", task(waggle, NAN_AT_ONE), *asked)

    assert (result["good"], result["finalized"]) == (True, 1)
    (problem,) = result["problems"]
    assert problem.startswith("clinic-2: training ended with a loss of nan")
    assert [clinic["alone"] is None for clinic in result["clinics"]] == [False, True, False, False]


def test_strangers_at_the_port_cost_a_node_nothing(waggle: Waggle) -> None:
    """Silence, garbage, huge headers and hundreds of connections: the run ends as any other."""
    up = waggle.start("up", "--dir", "run", "--nodes", 4, "--rounds", 12)
    eventually(lambda: some_rounds(waggle), 90)
    over = threading.Event()
    at = load_config(home(waggle, 2)).listen_at

    strangers = threading.Thread(target=_pester, args=(at, over))
    strangers.start()
    try:
        code = up.wait(150)
    finally:
        over.set()
        strangers.join()

    assert code == 0
    report = json.loads((waggle.folder / "run" / "report.json").read_text())
    assert (report["finalized"], report["merges_good"], report["problems"]) == (12, 12, [])


def _pester(at: tuple[str, int], over: threading.Event) -> None:
    """At most 400 connections open at a time: some silent, some with garbage, some closed at once."""
    says = [
        b"",
        b"\x00\xff" * 4000,
        b"\x13/multistream/1.0.0\n",
        b"\xff\xff\xff\xff\x7f",
        b"GET / HTTP/1.1\r\n",
    ]
    held: list[socket.socket] = []
    for number in range(4000):
        if over.is_set():
            break
        try:
            stranger = socket.create_connection(at, timeout=1)
            stranger.sendall(says[number % len(says)])
            held.append(stranger)
        except OSError:
            over.wait(0.05)
        if (number % 3 == 0 and held) or len(held) > 400:
            held.pop(0).close()
        over.wait(0.002)
    for stranger in held:
        stranger.close()
