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
        self._awake, self._on_death = awake, on_death

    def step(self) -> None:
        """Count one more step, which may be the last."""
        self.steps += 1
        if self.steps == self.dies_at:
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
