"""Ends anvil when whoever started it is gone, however they died; run as a script of its own.

    python guard.py PID RPC FRESH STATE

Waits until standard input closes. The standard library alone, so that it starts at once and is small.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
import urllib.request
from http.client import HTTPException
from pathlib import Path

PATIENCE = 3.0
"""Seconds that anvil has to write its state."""

LOOK_SECONDS, QUIET_LOOKS = 0.05, 10
"""How often the chain's head is looked at, and how often in a row it must be the same."""


NO_ANSWER = (OSError, ValueError, HTTPException)
"""What may be raised where nobody answers, or nothing that makes sense."""


def main(pid: int, rpc: str, fresh: Path, state: Path) -> None:
    """Guard a process."""
    sys.stdin.buffer.read()
    stop_mining(rpc)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)
        _await_end(pid)
        os.kill(pid, signal.SIGKILL)
    if is_whole(fresh):
        fresh.replace(state)


def stop_mining(rpc: str) -> None:
    """Let anvil mine no more: what it mines while it writes gets into its state, not its blocks.

    A block that it is at when it hears of it comes late on a busy machine: it is waited for.
    """
    with contextlib.suppress(*NO_ANSWER, KeyError, TypeError):
        ask(rpc, "evm_setAutomine", False)
        head, quiet = None, 0
        while quiet < QUIET_LOOKS:
            time.sleep(LOOK_SECONDS)
            before, head = head, ask(rpc, "eth_blockNumber")
            quiet = quiet + 1 if head == before else 0


def is_whole(path: Path) -> bool:
    """Whether it is there and a JSON object to the end."""
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"}"


def ask(rpc: str, method: str, *params: object) -> object:
    """One JSON-RPC request. Raises NO_ANSWER; KeyError or TypeError for an answer that is a refusal."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    # The address is one that `sim.devnet` made: http.
    asked = urllib.request.Request(rpc, body, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(asked, timeout=5) as answer:  # noqa: S310
        return json.load(answer)["result"]


def _await_end(pid: int) -> None:
    patience = time.monotonic() + PATIENCE
    while time.monotonic() < patience:
        os.kill(pid, 0)
        time.sleep(0.1)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
