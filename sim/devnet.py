"""A chain on this machine: anvil, from the pinned npm package, for trying out and for tests.

Its state is kept in a file, so that the chain can be opened again for an audit. Its keys are public
knowledge: they fund the authority's account and nothing else. A guard beside anvil ends it when our end
of the guard's standard input closes, however we die.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

from node.errors import ChainUnreachable, WrongUse
from sim.signals import deferred

LOOPBACK = "127.0.0.1"
STATE = "state.json"
FRESH = "state.new"
START_SECONDS = 20.0
STOP_SECONDS = 10.0

_GUARD = """read -r _
kill -INT "$1"
for _ in 1 2 3 4 5 6; do kill -0 "$1" 2>/dev/null || break; sleep 0.5; done
kill -KILL "$1" 2>/dev/null
[ "$(tail -c 1 "$2")" = "}" ] && mv -f "$2" "$3"
"""
"""Ends a process with SIGINT, on which anvil writes its state, once standard input closes."""


class Devnet:
    """A running devnet. rpc: its address."""

    def __init__(self, rpc: str, anvil: _Anvil) -> None:
        self.rpc, self._anvil = rpc, anvil

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._anvil.pid

    @property
    def running(self) -> bool:
        """Whether it has been started and not been stopped since."""
        return self._anvil.running

    def ended(self) -> bool:
        """Whether its process ended by itself."""
        return self._anvil.ended()

    def stop(self) -> None:
        """Shut it down with its state written; `start` goes on from there, with every block."""
        self._anvil.stop()

    def start(self) -> None:
        """Start it again at the same address. Raises ChainUnreachable."""
        self._anvil.start()
        self._anvil.wait(self.rpc)

    def freeze(self) -> None:
        """Stop its process where it is: nothing is lost, nobody gets an answer."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)


@contextmanager
def devnet(folder: Path, port: int | None = None, host: str = LOOPBACK) -> Iterator[Devnet]:
    """Run a chain whose state lies in `folder` while the context is open. host: where it listens.

    Raises WrongUse when anvil is missing or the port is taken, ChainUnreachable when it won't start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    at = free_port() if port is None else _checked(port)
    state, fresh = folder / STATE, folder / FRESH
    flags = ["--dump-state", str(fresh), "--state-interval", "10"]
    with _running(host, at, flags, folder / "anvil.log", state) as chain:
        yield chain


@contextmanager
def reopened(folder: Path) -> Iterator[Devnet]:
    """Run a chain as it was left in `folder`, to look at: it is evidence, so nothing there is written.

    Raises WrongUse when its state is missing, ChainUnreachable when it can't be read.
    """
    state = next((path for path in (folder / STATE, folder / FRESH) if _is_whole(path)), None)
    if state is None:
        state = folder / STATE
        raise WrongUse(
            f"{state} is missing or broken off, and with it what the chain said: restore a backup"
        )
    with tempfile.TemporaryDirectory(prefix="waggle-") as scratch:
        log = Path(scratch) / "anvil.log"
        with _running(LOOPBACK, free_port(), ("--load-state", str(state)), log, state) as chain:
            yield chain


@contextmanager
def _running(host: str, port: int, flags: Sequence[str], log: Path, state: Path) -> Iterator[Devnet]:
    command = [
        _anvil(),
        *("--host", host, "--port", str(port)),
        *flags,
        "--no-request-size-limit",
        "--no-cors",
        "--quiet",
    ]
    anvil = _Anvil(command, log, state)
    try:
        anvil.start()
        rpc = f"http://{host}:{port}"
        anvil.wait(rpc)
        yield Devnet(rpc, anvil)
    finally:
        anvil.stop()


def fund(rpc: str, account: str, wei: int) -> None:
    """Give an account money of the devnet's own; the node holds the key of its first account."""
    payer = request(rpc, "eth_accounts")[0]
    request(rpc, "eth_sendTransaction", {"from": payer, "to": account, "value": hex(wei)})


def request(rpc: str, method: str, *params: Any) -> Any:
    """One JSON-RPC request to the devnet. Raises ChainUnreachable."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    headers = {"Content-Type": "application/json"}
    try:
        # The address is one that `devnet` made: http.
        ask = urllib.request.Request(rpc, body, headers)  # noqa: S310
        with urllib.request.urlopen(ask, timeout=5) as answer:  # noqa: S310
            return json.load(answer)["result"]
    except (OSError, ValueError, HTTPException) as error:
        raise ChainUnreachable(f"the devnet at {rpc} doesn't answer: {error}") from None
    except (KeyError, TypeError):
        raise ChainUnreachable(f"the devnet at {rpc} refuses {method}") from None


def free_port() -> int:
    """A TCP port of this machine that is free now."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """TCP ports of this machine that are free now, all different."""
    with ExitStack() as held:  # a port that is given back at once may be given out again
        servers = [held.enter_context(socket.create_server((LOOPBACK, 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in servers]


def _checked(port: int) -> int:
    try:
        socket.create_server((LOOPBACK, port)).close()
    except OSError:
        raise WrongUse(f"port {port} is in use: choose another, or end what uses it") from None
    return port


def _anvil() -> str:
    """The binary itself: the package's start script would leave it behind when killed."""
    here = Path(__file__).parent.parent / "node_modules" / "@foundry-rs"
    found = [*here.glob("anvil-*/bin/anvil*"), shutil.which("anvil")]
    if found[0] is None:
        raise WrongUse("anvil is not installed: run `make setup` (or `npm ci`) in Waggle's folder")
    return str(found[0])


class _Anvil:
    """A process that ends with `stop`, and soon if we don't get that far. It can be started again.

    anvil writes its state in place, so a full disk or a kill would cost the last one too: it writes
    under another name, and only what is whole gets the name.
    """

    def __init__(self, command: Sequence[str], log: Path, state: Path) -> None:
        self._command, self._log, self._state = command, log, state
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
            watched = [str(self._process.pid), str(self._fresh), str(self._state)]
            self._guard = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, "sh", *watched],
                stdin=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def wait(self, rpc: str) -> None:
        """Wait until it answers. Raises ChainUnreachable."""
        patience = time.monotonic() + START_SECONDS
        while time.monotonic() < patience:
            if self.ended():
                break
            try:
                request(rpc, "eth_chainId")
            except ChainUnreachable:
                time.sleep(0.02)
            else:
                return
        said = self._log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
        raise ChainUnreachable(f"anvil did not start: {said[0]}")

    def stop(self) -> None:
        """End it, if it runs, and keep its state."""
        if self._process is None or self._guard is None:
            return
        with deferred():
            _stop(self._process)
            self._guard.kill()
            self._guard.wait()
            if "--dump-state" in self._command and _is_whole(self._fresh):
                self._fresh.replace(self._state)
            self._process = self._guard = None


def _is_whole(path: Path) -> bool:
    """Whether it is there and a JSON object to the end."""
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"}"


def _stop(anvil: subprocess.Popen[bytes]) -> None:
    anvil.send_signal(signal.SIGINT)
    try:
        anvil.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        anvil.kill()
        anvil.wait()
