"""What a node is doing, for people and for benchmarks: one small JSON file, replaced as a whole."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a command that only reads starts fast
    from node.exchange import Exchange
    from node.ledger import Mined
    from node.round import Action
    from node.state import Run

DOING = {
    "Wait": "waiting",
    "Send": "sending",
    "Promise": "committing",
    "OpenPromise": "revealing",
    "Train": "training",
    "FetchModel": "fetching the model",
    "Fetch": "fetching",
    "Merge": "merging",
    "Finish": "done",
}

_KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("name", "phase", "doing", "model", "error"), str),
    **dict.fromkeys(("member", "run", "rounds", "round", "finalized", "sent", "received"), int),
    "deadline": (int, float),
    "model_round": (int, type(None)),
}
"""What others read of it, so that one spoilt file never spoils what they show."""


class Progress:
    """Keeps count of what a node does and writes it to a file that others may read at any time."""

    def __init__(self, path: Path, name: str, member: int, exchange: Exchange) -> None:
        self._path, self._exchange = path, exchange
        self._facts: dict[str, Any] = {"name": name, "member": member, "pid": os.getpid()}
        self._gas = 0
        self._seconds: dict[str, float] = defaultdict(float)
        self._phases: dict[str, float] = defaultdict(float)
        self._since, self._doing, self._phase = time.monotonic(), "", ""

    def show(self, run: Run, action: Action, *, training: bool = False) -> None:
        """An action starts; the one before is over. training: that goes on beside it."""
        doing, phase = DOING[type(action).__name__], run.phase.name.lower()
        if training and doing == DOING["Wait"]:
            doing = DOING["Train"]
        self._count_time()
        self._doing, self._phase = doing, phase
        traffic = self._exchange.traffic()
        self._facts |= {
            "run": run.number,
            "rounds": run.terms.rounds,
            "round": run.rounds[-1].number if run.rounds else 0,
            "phase": phase,
            "deadline": run.deadline,
            "doing": doing,
            "finalized": sum(r.finalized is not None for r in run.rounds),
            "model": run.model.hex,
            "model_round": max((r.number for r in run.rounds if r.finalized), default=None),
            "sent": traffic.sent,
            "received": traffic.received,
            "gas": self._gas,
            "seconds": {name: round(value, 4) for name, value in self._seconds.items()},
            "cpu": round(time.process_time(), 2),
            "phases": {name: round(value, 4) for name, value in self._phases.items()},
        }
        self._write()

    def sent(self, mined: Mined) -> None:
        """A call was mined."""
        self._gas += mined.gas

    def _count_time(self) -> None:
        """What ends now gets its time, by what it was and by the phase that it began in."""
        now = time.monotonic()
        if self._doing:
            self._seconds[self._doing] += now - self._since
            self._phases[self._phase] += now - self._since
        self._since = now

    def _write(self) -> None:
        # Not fsynced: after a crash nobody needs it. A node doesn't die for want of it either: when the
        # disk is full, whatever matters says so.
        fresh = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):
            fresh.write_text(json.dumps(self._facts))
            fresh.replace(self._path)


def read_progress(path: Path) -> dict[str, Any]:
    """What a node wrote last; empty before it wrote anything, and when what is there makes no sense."""
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    known = isinstance(facts, dict) and all(
        isinstance(facts[name], kind) for name, kind in _KINDS.items() if name in facts
    )
    return facts if known else {}
