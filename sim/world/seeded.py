"""Trio in virtual time, with its scheduler seeded: the same seed gives the same order of steps.

Trio runs the tasks that are ready in a random order on purpose. Here that order is drawn from our seed,
so that a world can be repeated to the letter and other seeds still try other orders. Time passes
when nobody has anything to do, and jumps to whatever comes next. This is the only module that knows how
trio does it; trio's own clock for tests does the same in twice the time.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeVar

import trio
from trio._core import _run
from trio.abc import Clock, Instrument
from trio.lowlevel import Abort, Task

T = TypeVar("T")


class JumpClock(Clock):
    """Virtual seconds, from 0. It wakes its own sleepers, which costs less than a cancelled wait."""

    def __init__(self) -> None:
        self._now = 0.0
        self._sleepers: list[tuple[float, int, list[Task]]] = []
        self._order = count()

    def start_clock(self) -> None:
        """See Clock."""

    def current_time(self) -> float:
        """See Clock."""
        return self._now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """See Clock. Asked when nobody has anything to do: now is when time passes."""
        first = self._sleepers[0][0] if self._sleepers else math.inf
        self._now = max(self._now, min(first, deadline))
        while self._sleepers and self._sleepers[0][0] <= self._now:
            for task in heappop(self._sleepers)[2]:
                trio.lowlevel.reschedule(task)
        return 0

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        waiting = [trio.lowlevel.current_task()]
        heappush(self._sleepers, (self._now + seconds, next(self._order), waiting))

        def abort(_: object) -> Abort:
            waiting.clear()
            return Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)


async def sleep(seconds: float) -> None:
    """Wait for virtual seconds, cheaply. Only under `run`."""
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, JumpClock)
    await clock.sleep(seconds)


def run(seed: int, work: Callable[[], Awaitable[T]], instruments: Sequence[Instrument] = ()) -> T:
    """Run an async function to its end in virtual time."""
    with _ordered(seed):
        return trio.run(work, clock=JumpClock(), instruments=instruments)


@contextmanager
def _ordered(seed: int) -> Iterator[None]:
    scheduler: Any = _run
    before = scheduler._ALLOW_DETERMINISTIC_SCHEDULING, scheduler._r.getstate()
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True
    scheduler._r.seed(seed)
    try:
        yield
    finally:
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING = before[0]
        scheduler._r.setstate(before[1])
