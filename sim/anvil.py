"""anvil as a process: started, watched over, ended with its state written.

A guard beside it ends it when our end of the guard's standard input closes, however we die.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from node.errors import ChainUnreachable
from sim.guard import NO_ANSWER, ask, is_whole, stop_mining
from sim.signals import deferred, interrupted

FRESH = "state.new"
START_SECONDS = 20.0
STOP_SECONDS = 10.0

_GUARD = Path(__file__).with_name("guard.py")


class Anvil:
    """A process that ends with `stop`, and soon if we don't get that far. It can be started again.

    anvil writes its state in place, so a full disk or a kill would cost the last one too: it writes
    under another name, and only what is whole gets the name.
    """

    def __init__(self, command: Sequence[str], log: Path, state: Path, rpc: str) -> None:
        self._command, self._log, self._state, self._rpc = command, log, state, rpc
        self._fresh = state.with_name(FRESH)
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process, which must run."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has been started and not been stopped since."""
        return self._process is not None

    def ended(self) -> bool:
        """Whether it ended without being told to."""
        return self._process is not None and self._process.poll() is not None

    def start(self) -> None:
        """Start it, with the state that it had when it was stopped."""
        dumps = "--dump-state" in self._command
        loads = ["--load-state", str(self._state)] if dumps and self._state.exists() else []
        with deferred(), self._log.open("ab") as out:
            self._process = subprocess.Popen(
                [*self._command, *loads],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
            watched = [str(self._process.pid), self._rpc, str(self._fresh), str(self._state)]
            self._guard = subprocess.Popen(
                [sys.executable, "-S", str(_GUARD), *watched],
                stdin=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Wait until it answers. Raises ChainUnreachable."""
        patience = time.monotonic() + START_SECONDS
        while time.monotonic() < patience:
            if self.ended():
                break
            try:
                request(self._rpc, "eth_chainId")
            except ChainUnreachable:
                time.sleep(0.02)
            else:
                return
        said = self._log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
        raise ChainUnreachable(f"anvil did not start: {said[0]}")

    def stop(self) -> bool:
        """End it, if it runs, and keep its state; False: it had to be killed, and blocks are lost."""
        if self._process is None or self._guard is None:
            return True
        with deferred():
            stop_mining(self._rpc)
            ended = interrupted(self._process, STOP_SECONDS)
            self._guard.kill()
            self._guard.wait()
            if "--dump-state" in self._command and is_whole(self._fresh):
                self._fresh.replace(self._state)
            self._process = self._guard = None
        return ended


def request(rpc: str, method: str, *params: Any) -> Any:
    """One JSON-RPC request to the devnet. Raises ChainUnreachable."""
    try:
        return ask(rpc, method, *params)
    except NO_ANSWER as error:
        raise ChainUnreachable(f"the devnet at {rpc} doesn't answer: {error}") from None
    except (KeyError, TypeError):
        raise ChainUnreachable(f"the devnet at {rpc} refuses {method}") from None
