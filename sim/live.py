"""What a swarm is doing, while it does it: a table that redraws itself, or plain lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from node.config import Home
from node.progress import read_progress

LOOK_SECONDS = 0.1

Facts = dict[str, Any]


def snapshot(homes: Sequence[Home]) -> list[Facts]:
    """What each node wrote of itself last."""
    return [{"name": home.folder.name, **read_progress(home.status)} for home in homes]


def headline(facts: Sequence[Facts], rounds: int) -> str:
    """Where the swarm is: round, phase, time left to the deadline."""
    known = [f for f in facts if {"round", "phase", "deadline"} <= f.keys()]
    if not known:
        return "nodes are starting"
    newest = max(known, key=lambda f: (f["round"], f.get("finalized", 0)))
    if newest["phase"] == "closed":
        return f"all {rounds} rounds are over"
    left = max(newest["deadline"] - time.time(), 0)
    return f"round {newest['round'] + 1} of {rounds} · {newest['phase']} · {left:.0f} s left"


def table(facts: Sequence[Facts], rounds: int) -> Table:
    """One row a node."""
    view = Table(title=headline(facts, rounds), title_justify="left", header_style="bold")
    for name in ("clinic", "phase", "doing", "rounds done", "model", "sent", "received"):
        view.add_column(name, justify="right" if name in ("sent", "received") else "left")
    for f in facts:
        view.add_row(
            f["name"],
            f.get("phase", "-"),
            f.get("error") or f.get("doing", "starting"),
            str(f.get("finalized", "-")),
            f.get("model", "")[:8],
            in_bytes(f.get("sent", 0)),
            in_bytes(f.get("received", 0)),
        )
    return view


def in_bytes(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def say(console: Console, *lines: str) -> None:
    """Print prose: on a terminal it wraps between words, elsewhere a line stays one line."""
    for line in lines:
        console.print(line, soft_wrap=not console.is_terminal, highlight=False)


def watch(console: Console, homes: Sequence[Home], rounds: int, running: Callable[[], bool]) -> None:
    """Show the swarm until nothing runs any more."""
    with _display(console) as show:
        while running():
            show(snapshot(homes), rounds)
            time.sleep(LOOK_SECONDS)
        show(snapshot(homes), rounds)


@contextmanager
def _display(console: Console) -> Iterator[Callable[[Sequence[Facts], int], None]]:
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Live(console=console, refresh_per_second=10, transient=True) as live:
        yield lambda facts, rounds: live.update(table(facts, rounds))


class _Lines:
    """A line whenever the round or phase changes, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console, self._last = console, ""

    def __call__(self, facts: Sequence[Facts], rounds: int) -> None:
        where = headline(facts, rounds)
        key = where.rsplit(" · ", 1)[0]
        if key != self._last:
            doing = ", ".join(f"{f['name']} {f.get('doing', 'starting')}" for f in facts)
            say(self._console, f"{where}: {doing}")
            self._last = key
