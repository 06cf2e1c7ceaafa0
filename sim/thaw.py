"""A guard beside a swarm whose processes may be frozen: nobody stays frozen if we die.

What is frozen can't notice that its parent is gone. When our end of the guard's standard input closes,
however we die, the guard lets the clinics and the chain go on, so that they notice and leave, and ends
what hasn't left a while later.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

from sim.signals import deferred

_GUARD = """while read -r pid; do chain=$pid; done
for _ in 1 2 3 4 5 6 7 8 9 10; do
  kill -CONT "-$1" 2>/dev/null
  [ -n "$chain" ] && kill -CONT "$chain" 2>/dev/null
  sleep 0.5
done
kill -KILL "-$1" 2>/dev/null
"""
"""$1: the process group of the clinics. Each line of input: the chain's process from now on."""


class Guard:
    """Told of the chain's process whenever that is another one."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process, self._told = process, 0

    def chain(self, pid: int) -> None:
        """The chain's process from now on."""
        if pid == self._told or self._process.stdin is None:
            return
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{pid}\n".encode())
            self._process.stdin.flush()
        self._told = pid


@contextlib.contextmanager
def guard(group: int) -> Iterator[Guard]:
    """One that watches while the context is open. group: the clinics' process group."""
    with deferred():
        process = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "sh", str(group)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        yield Guard(process)
    finally:
        with deferred():
            process.kill()
            process.wait()
            if process.stdin is not None:
                process.stdin.close()
