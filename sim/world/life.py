"""One life of a node's process, which can end between any two of its steps.

A step is one turn of one of its tasks, or one act on its disk. Whoever dies is cut off first and
cancelled afterwards: its seams refuse everything from that step on, so that no `finally` does what a
dead process couldn't.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

import trio
from trio.abc import Instrument
from trio.lowlevel import Task

from sim.world.switch import Switch

NEVER = -1

CIRCLE = 20_000
"""Steps at one instant that nobody has a reason to make: a whole world has fewer for each node."""


class Gone(BaseException):
    """The process is gone: nothing may catch this but the world."""


class Life:
    """From a start to a crash or to the end of the run. Every seam asks it first."""

    def __init__(self, name: str, awake: Switch, on_death: Callable[[], None]) -> None:
        self.name = name
        self.scope = trio.CancelScope()
        self.alive = True
        self.steps = 0
        self.dies_at = NEVER
        self.circling = False
        self._looked = -1.0
        self._awake, self._on_death = awake, on_death

    def step(self) -> None:
        """Count one more step, which may be the last."""
        self.steps += 1
        if self.steps == self.dies_at:
            self.die()
        elif not self.steps % CIRCLE:
            self._look_at_the_clock()

    def _look_at_the_clock(self) -> None:
        """A process that has made so many steps at one instant would go round in circles for ever."""
        now, before, self._looked = trio.current_time(), self._looked, trio.current_time()
        if now == before:
            self.circling = True
            self.die()

    def die_in(self, steps: int) -> None:
        """Die after so many more steps."""
        self.dies_at = self.steps + max(steps, 1)

    def die(self) -> None:
        """Cut off everything, then cancel."""
        if self.alive:
            self.alive = False
            self._on_death()
            self.scope.cancel()

    def check(self) -> None:
        """Raise Gone unless alive."""
        if not self.alive:
            raise Gone

    def act(self) -> None:
        """Before an act on the disk."""
        self.step()
        self.check()

    async def awake(self) -> None:
        """Before anything that takes time: a process that is stopped waits here."""
        self.check()
        await self._awake.wait()
        self.check()


LIVING: ContextVar[Life | None] = ContextVar("living", default=None)
"""Whose task this is."""


class Steps(Instrument):
    """Counts the steps of every life."""

    def before_task_step(self, task: Task) -> None:
        """See Instrument."""
        life = task.context.get(LIVING)
        if life is not None and life.alive:
            life.step()
