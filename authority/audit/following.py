"""Following a run while it goes on: each round in a line, as soon as it is over."""

from __future__ import annotations

from collections.abc import Callable

import trio

from authority.audit.history import history_of, line
from authority.audit.place import Place
from authority.audit.reading import Reader

POLL_SECONDS = 1.0


def follow_run(place: Place, number: int | None, say: Callable[[str], None]) -> None:
    """Say each round of a run once it has ended, until the run is closed. Raises as `Reader`."""
    trio.run(_follow, place, number, say)


async def _follow(place: Place, number: int | None, say: Callable[[str], None]) -> None:
    reader, told = await Reader.connected(place.rpcs, place.network), 0
    while True:
        record = await reader.read()
        run = record.run(number or place.run)
        for row in history_of(record, run)[told:]:
            if row.over or run.closed is not None:
                say(line(row, place.name))
                told += 1
        for difference in record.differences:
            say(difference)
        if run.closed is not None:
            return say(f"run {run.number} is closed: {run.closed.name.lower().replace('_', ' ')}")
        await trio.sleep(POLL_SECONDS)
