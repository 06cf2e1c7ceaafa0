"""What a swarm or a single node is doing, from the files that nodes keep up to date."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any

from rich.console import Console

from node.config import Home
from node.errors import WrongUse
from node.progress import read_progress
from sim.folder import RunFolder
from sim.live import table


def status_of(folder: Path) -> list[dict[str, Any]]:
    """One entry a node. Raises WrongUse when the folder is neither a run nor a node's home."""
    if (folder / "node.toml").exists():
        return [_node(Home(folder))]
    run = RunFolder(folder)
    if not run.file.exists():
        raise WrongUse(f"{folder} is neither a run's folder nor a node's home")
    return [_node(home) for home in run.homes()]


def report(console: Console, nodes: list[dict[str, Any]]) -> None:
    """Print it as a table."""
    rounds = max((node.get("rounds", 0) for node in nodes), default=0)
    console.print(table(nodes, rounds))


def _node(home: Home) -> dict[str, Any]:
    facts = {"name": home.folder.name, **read_progress(home.status), "running": _running(home)}
    if not facts["running"] and facts.get("doing") not in (None, "done"):
        facts["doing"] = "stopped"
    return facts


def _running(home: Home) -> bool:
    """A node's process holds the lock on its home."""
    lock = home.folder / "lock"
    if not lock.exists():
        return False
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
