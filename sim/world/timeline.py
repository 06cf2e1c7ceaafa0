"""What happened in a world, in the order of its time, for whoever looks for the reason."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import trio

from sim.world.life import LIVING

WORLD = "world"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. at: virtual seconds. who: a node, the chain, the world."""

    at: float
    who: str
    what: str

    def __str__(self) -> str:
        return f"{self.at:9.2f} s  {self.who:9} {self.what}"


class Timeline(logging.Handler):
    """Collects entries. Nodes' own log lines come here too, while it is open."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.entries: list[Entry] = []

    def note(self, who: str, what: str) -> None:
        """Something happened now."""
        self.entries.append(Entry(trio.current_time(), who, what))

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        life = LIVING.get()
        self.note(life.name if life else WORLD, record.getMessage())

    def __enter__(self) -> Timeline:
        self._log, self._level = logging.getLogger("node"), logging.getLogger("node").level
        self._log.addHandler(self)
        self._log.setLevel(logging.INFO)
        return self

    def __exit__(self, *_: object) -> None:
        self._log.removeHandler(self)
        self._log.setLevel(self._level)
