"""A swarm under chaos for as long as one likes: does it get on, do its merges replay, does it leak?

Half of the clinics are never killed, see sim.chaos: those are the lives that are looked at.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.table import Table

from node.errors import BadAnswer
from sim.bench import memory as bench_memory
from sim.bench.lives import SLACK, Watcher, judged
from sim.bench.watch import Say, facts_of
from sim.live import headline, in_bytes
from sim.signals import interrupted, tidy_end

LOOK_SECONDS = 2.0
TELL_SECONDS = 30.0
START_SECONDS = 120.0
END_SECONDS = 60.0
REPLAY_SECONDS = 3600.0
ROUNDS = 100_000
"""More than any soak gets to."""

SHOWN = 2
"""Findings that are shown."""


def soak(minutes: float, nodes: int, seed: int, say: Say, keep: Path | None = None) -> dict[str, Any]:
    """Run one, watch it, end it, replay it. Raises BadAnswer when it doesn't get going."""
    with tidy_end(), _place(keep) as folder:
        watcher = Watcher()
        with _swarm(folder, nodes, seed) as swarm:
            seconds = _watch(swarm, folder, 60 * minutes, watcher, say)
            facts = facts_of(folder / "run")
        say("redoing every merge")
        replayed = _replay(folder)
        faults = (folder / "run/chaos.log").read_text().splitlines()
        return _result(seconds, nodes, seed, facts, replayed, faults, watcher)


def table(result: dict[str, Any]) -> Table:
    """For people: a row for each life, from the middle to the end."""
    merges = f"{result['merges_good']} of {result['merges']} merges replay"
    if result["contradictions"]:
        merges += ", and the chain's record contradicts itself"
    head = f"{result['minutes']:.0f} minutes, {result['nodes']} clinics, {result['faults']} faults: "
    shown = Table(title=head + merges, title_justify="left", header_style="bold")
    shown.add_column("process")
    for name in SLACK:
        shown.add_column(name, justify="right")
    shown.add_column("grows")
    for life in [*result["lives"], *result["chain"]]:
        cells = (_cell(name, life[name]) for name in SLACK)
        shown.add_row(life["name"], *cells, ", ".join(life["grown"]) or "no")
    return shown


def _cell(name: str, held: dict[str, float]) -> str:
    show = in_bytes if name == "memory" else lambda value: f"{value:.0f}"
    return f"{show(held['middle'])} → {show(held['end'])}"


def _result(
    seconds: float,
    nodes: int,
    seed: int,
    facts: list[dict[str, Any]],
    replayed: dict[str, Any],
    faults: list[str],
    watcher: Watcher,
) -> dict[str, Any]:
    lives = judged(watcher.lives(), seconds)
    clinics = [life for life in lives if life["name"] != "chain"]
    rounds = replayed["rounds"]
    good = sum(bool(one["good"]) for one in rounds)
    return {
        "minutes": round(seconds / 60, 2),
        "nodes": nodes,
        "seed": seed,
        "rounds": max((f["round"] for f in facts if "round" in f), default=0),
        "merges": len(rounds),
        "merges_good": good,
        "contradictions": len(replayed["record"]),
        "faults": sum(", for " in line for line in faults),
        "lives": clinics,
        "chain": [life for life in lives if life["name"] == "chain"],
        "grown": sorted({name for life in clinics for name in life["grown"]}),
        "good": bool(clinics and rounds)
        and good == len(rounds)
        and not replayed["record"]
        and not any(c["grown"] for c in clinics),
    }


@contextmanager
def _place(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="waggle-soak-") as temporary:
        yield Path(temporary)


@contextmanager
def _swarm(folder: Path, nodes: int, seed: int) -> Iterator[subprocess.Popen[bytes]]:
    """`waggle up --chaos` as a process; it and all that it started have ended when this closes."""
    asked = ("--chaos", "--nodes", str(nodes), "--rounds", str(ROUNDS), "--seed", str(seed))
    with (folder / "up.log").open("wb") as log:
        swarm = subprocess.Popen(
            [sys.executable, "-m", "waggle", "up", *asked, "--dir", str(folder / "run")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield swarm
    finally:
        interrupted(swarm, END_SECONDS)


def _watch(
    swarm: subprocess.Popen[bytes], folder: Path, seconds: float, watcher: Watcher, say: Say
) -> float:
    """Look until time is up; how long that was, from the first round on."""
    started, told = _first_round(swarm, folder), 0.0
    while (passed := time.monotonic() - started) < seconds:
        if swarm.poll() is not None:
            raise BadAnswer(f"the swarm ended by itself: see {folder / 'up.log'}")
        pids = _pids(swarm.pid, folder)
        watcher.look(passed, pids)
        if passed - told >= TELL_SECONDS:
            told = passed
            say(f"{passed / 60:.1f} minutes: {headline(facts_of(folder / 'run'), ROUNDS)}")
        time.sleep(LOOK_SECONDS)
    return passed


def _first_round(swarm: subprocess.Popen[bytes], folder: Path) -> float:
    patience = time.monotonic() + START_SECONDS
    while time.monotonic() < patience and swarm.poll() is None:
        if any(f.get("phase") == "commit" for f in facts_of(folder / "run")):
            return time.monotonic()
        time.sleep(0.2)
    raise BadAnswer(f"the swarm didn't get going: {(folder / 'up.log').read_text()[-300:].strip()}")


def _pids(root: int, folder: Path) -> dict[str, int]:
    """Clinics by name, and the chain."""
    alive = set(bench_memory.descendants(root))
    pids = {f["name"]: f["pid"] for f in facts_of(folder / "run") if f.get("pid") in alive}
    chain = [pid for pid in alive if bench_memory.command(pid) == "anvil"]
    return {**pids, **({"chain": chain[0]} if chain else {})}


def _replay(folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "waggle", "audit", "replay", str(folder / "run"), "--json"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=REPLAY_SECONDS,
        check=False,
    )
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise BadAnswer(f"the audit failed: {done.stderr.strip()[-300:]}") from None
    return found
