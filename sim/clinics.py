"""A clinic's process on this machine, over all its lives."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from multiprocessing.process import BaseProcess

from node.config import Home
from sim.cutoff import cut_file


class Clinic:
    """One clinic. begin: starts its process anew. Whoever made it ends what `begin` has started."""

    def __init__(self, home: Home, begin: Callable[[], BaseProcess]) -> None:
        self.home, self.name = home, home.folder.name
        self._begin = begin
        cut_file(home).unlink(missing_ok=True)
        self._process = begin()

    @property
    def alive(self) -> bool:
        """Whether its process runs, frozen or not."""
        return self._process.is_alive()

    @property
    def exitcode(self) -> int:
        """How its last life ended; 0 also while it runs."""
        return self._process.exitcode or 0

    @property
    def pid(self) -> int:
        """Its process id, of its last life if it is dead."""
        return self._process.pid or 0

    def start(self) -> None:
        """Start again, unless it runs."""
        if not self.alive:
            self._process = self._begin()

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._process.kill()
        self._process.join()

    def freeze(self) -> None:
        """Stop it where it is."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def cut(self) -> None:
        """Cut it off from peers and chain."""
        cut_file(self.home).touch()

    def mend(self) -> None:
        """Let it reach them again."""
        cut_file(self.home).unlink(missing_ok=True)

    def _signal(self, number: signal.Signals) -> None:
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
