"""What an archive tells people: which rounds are complete, what is missing and why; a status file."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import trio

from authority.audit.archive.gathering import Gatherer
from authority.audit.archive.wanted import Wanted
from node.exchange import Exchange
from node.watch import Watch

PATIENCE_SECONDS = 30.0
"""How long a blob may be missing before a line says so."""

PAUSE_SECONDS = 1.0
"""Between two looks, however much happens."""

LISTED = 20
"""Missing blobs that are named; the others are counted."""

NAMED = 4
"""Peers that are named together; the others are counted."""

_Round = tuple[int, int]


class Teller:
    """Watches a gatherer. say: prints a line."""

    def __init__(
        self,
        *,
        watch: Watch,
        gatherer: Gatherer,
        exchange: Exchange,
        path: Path,
        name: str,
        say: Callable[[str], None],
    ) -> None:
        self._watch, self._gatherer, self._exchange = watch, gatherer, exchange
        self._path, self._name, self._say = path, name, say
        self._told: set[_Round] = set()
        self._since: dict[Wanted, float] = {}
        self._complained: set[Wanted] = set()
        self._started = False

    async def run(self) -> None:
        """For ever."""
        while True:
            told = self._gatherer.changes
            self.tell()
            await trio.sleep(PAUSE_SECONDS)
            if told == self._gatherer.changes:
                with trio.move_on_after(PATIENCE_SECONDS):
                    await self._gatherer.changed()

    def tell(self) -> None:
        """Say what is new, and write the status file."""
        complete = set(self._complete())
        if not self._started:  # of rounds before this life of the archive a number is enough
            self._started, self._told = True, complete
            kept, missing = len(self._gatherer.kept), len(self._gatherer.missing)
            self._say(f"{kept} blobs are here, {missing} are missing")
        for here in sorted(complete - self._told):
            self._say(f"run {here[0]} round {here[1]}: all is kept")
        self._told |= complete
        self._complain()
        self._write()

    def summary(self) -> Iterator[str]:
        """What is kept, and of what is missing why, in lines."""
        kept, missing = self._gatherer.kept, self._gatherer.missing
        yield f"{len(kept)} blobs are kept, {len(missing)} are missing"
        for one in list(missing.values())[:LISTED]:
            yield f"  {one}: {self._why(one)}"
        if len(missing) > LISTED:
            yield f"  and {len(missing) - LISTED} others"

    def _complete(self) -> Iterator[_Round]:
        """Rounds that are over and of which nothing is missing."""
        missing = {(one.run, one.round) for one in self._gatherer.missing.values()}
        for run in self._watch.chronicle.runs.values():
            here = ((run.number, round_.number) for round_ in run.rounds if round_.ended)
            yield from (one for one in here if one not in missing)

    def _complain(self) -> None:
        """A line for each blob that is missing for long; once."""
        missing = self._gatherer.missing.values()
        self._since = {one: self._since.get(one, trio.current_time()) for one in missing}
        for one, since in self._since.items():
            late = trio.current_time() - since >= PATIENCE_SECONDS
            if late and one not in self._complained:
                self._complained.add(one)
                self._say(f"{one} can't be had so far: {self._why(one)}")

    def _why(self, one: Wanted) -> str:
        said: dict[str, list[str]] = {}
        for who, why in self._gatherer.why.get(one.digest, {}).items():
            said.setdefault(why, []).append(who)
        words = "; ".join(f"{_some(peers)}: {why}" for why, peers in said.items())
        return words or "nobody who may have it has been asked yet"

    def _write(self) -> None:
        traffic = self._exchange.traffic()
        missing = list(self._gatherer.missing.values())
        facts: dict[str, Any] = {
            "name": self._name,
            "pid": os.getpid(),
            "doing": "fetching" if missing else "waiting",
            "block": self._watch.seen,
            "runs": len(self._watch.chronicle.runs),
            "kept": len(self._gatherer.kept),
            "missing": len(missing),
            "why": [f"{one}: {self._why(one)}" for one in missing[:LISTED]],
            "sent": traffic.sent,
            "received": traffic.received,
        }
        fresh = self._path.with_suffix(".new")
        # Not fsynced, and nothing ends for want of it; see node.progress.
        with contextlib.suppress(OSError):
            fresh.write_text(json.dumps(facts))
            fresh.replace(self._path)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} others" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
