"""A chain on this machine: anvil, from the pinned npm package, for trying out and for tests.

Its state is kept in a file, so that the chain can be opened again for an audit. Its keys are public
knowledge: they fund the authority's account and nothing else.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from node.errors import ChainUnreachable, WrongUse
from sim.anvil import FRESH, Anvil, request
from sim.guard import is_whole

LOOPBACK = "127.0.0.1"
STATE = "state.json"


class Devnet:
    """A running devnet. rpc: its address."""

    def __init__(self, rpc: str, anvil: Anvil) -> None:
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
        """Shut it down with its state written; `start` goes on from there, with every block.

        Raises ChainUnreachable when it had to be killed, since then it would have forgotten some.
        """
        if not self._anvil.stop():
            raise ChainUnreachable("the chain didn't shut down in time, so its last blocks are lost")

    def start(self) -> None:
        """Start it again at the same address. Raises ChainUnreachable."""
        self._anvil.start()
        self._anvil.wait()

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
    state = next((path for path in (folder / STATE, folder / FRESH) if is_whole(path)), None)
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
    rpc = f"http://{host}:{port}"
    anvil = Anvil(command, log, state, rpc)
    try:
        anvil.start()
        anvil.wait()
        yield Devnet(rpc, anvil)
    finally:
        anvil.stop()


def fund(rpc: str, account: str, wei: int) -> None:
    """Give an account money of the devnet's own; the node holds the key of its first account."""
    payer = request(rpc, "eth_accounts")[0]
    request(rpc, "eth_sendTransaction", {"from": payer, "to": account, "value": hex(wei)})


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
