"""Chains to test on, and how to move their time: memory, py-evm in the process, anvil as a process."""

from __future__ import annotations

import ast
import ctypes
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, Self

import requests
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_tester import EthereumTester
from eth_tester.exceptions import TransactionFailed, ValidationError
from web3.providers import BaseProvider
from web3.providers.eth_tester import EthereumTesterProvider

from node.chain import Chain, connect, deploy
from node.contracts.chain import MemoryChain
from node.exchange import PeerKey
from node.ledger import Address, Admit, Ledger, Network

NODES = 7
RICH = Account.from_key("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
NODE_KEYS = [Account.from_key(bytes(31) + bytes([number + 1])) for number in range(NODES + 2)]


def organization(number: int) -> bytes:
    """What the authority's books call a member."""
    return bytes([number]) * 32


def peer_key(number: int) -> PeerKey:
    """A member's peer key; nothing is signed with it here."""
    return PeerKey(bytes([100 + number]) * 32)


class World(Protocol):
    """A chain with members 1..NODES admitted and no runs, whose time a test moves."""

    authority: Ledger
    nodes: list[Ledger]
    strangers: list[Ledger]

    def travel(self, seconds: int) -> None:
        """Let the next block be this much later."""
        ...


async def admit_all(world: World) -> None:
    """Admit the nodes as members 1..NODES, with gas money."""
    for number, node in enumerate(world.nodes, 1):
        await world.authority.send(Admit(node.account, peer_key(number), organization(number), 10**18))


class MemoryWorld:
    """The in-memory twin on a clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000
        self.chain = MemoryChain(Address(RICH.address), clock=lambda: self.now)
        self.authority: Ledger = self.chain.ledger(Address(RICH.address))
        ledgers = [self.chain.ledger(Address(key.address)) for key in NODE_KEYS]
        self.nodes: list[Ledger] = [*ledgers[:NODES]]
        self.strangers: list[Ledger] = [*ledgers[NODES:]]

    @classmethod
    async def deployed(cls) -> Self:
        """A chain with its members."""
        world = cls()
        await admit_all(world)
        return world

    def travel(self, seconds: int) -> None:
        """Let the next block be this much later."""
        self.now += seconds


class EvmWorld:
    """The real contracts behind `node.chain`."""

    authority: Ledger
    nodes: list[Ledger]
    strangers: list[Ledger]
    network: Network

    def __init__(self, rpc: str | BaseProvider) -> None:
        self.rpc = rpc

    async def prepare(self) -> Self:
        """Deploy, connect everybody, admit the nodes."""
        self.network = await deploy(self.rpc, RICH, 3600, bytes(32))
        await self.connect()
        await admit_all(self)
        return self

    async def connect(self) -> None:
        """Connect every account anew."""
        self.authority = await self.ledger(RICH)
        ledgers: list[Ledger] = [await self.ledger(key) for key in NODE_KEYS]
        self.nodes, self.strangers = ledgers[:NODES], ledgers[NODES:]

    async def ledger(self, account: LocalAccount) -> Chain:
        """One account's view."""
        return await connect(self.rpc, self.network, account)

    def forget_nonces(self) -> None:
        """After a snapshot is restored, what accounts remember of the chain is wrong."""
        for ledger in (self.authority, *self.nodes, *self.strangers):
            ledger._sender._nonce = None  # type: ignore[attr-defined]


class PyEvm(EthereumTesterProvider):
    """py-evm, with its Python exceptions turned into the JSON-RPC errors that nodes answer."""

    def __init__(self) -> None:
        super().__init__(EthereumTester())
        self._lock = threading.Lock()

    def make_request(self, method: Any, params: Any) -> Any:
        """One request at a time: py-evm knows no threads."""
        try:
            with self._lock:
                return super().make_request(method, params)
        except TransactionFailed as failure:
            return error_answer(3, "execution reverted", revert_bytes(str(failure)))
        except ValidationError as failure:
            return error_answer(-32000, str(failure))


def error_answer(code: int, message: str, data: bytes = b"") -> dict[str, Any]:
    """What a node says instead of a result."""
    error = {"code": code, "message": message} | ({"data": "0x" + data.hex()} if data else {})
    return {"jsonrpc": "2.0", "id": 1, "error": error}


def revert_bytes(message: str) -> bytes:
    """eth-tester gives revert data as the text of a bytes literal."""
    text = message.removeprefix("execution reverted: ")
    found = ast.literal_eval(text) if text.startswith(("b'", 'b"')) else b""
    return bytes(found)


class PyEvmWorld(EvmWorld):
    """The contracts on py-evm, in this process."""

    def __init__(self) -> None:
        self.provider = PyEvm()
        self.tester: EthereumTester = self.provider.ethereum_tester
        super().__init__(self.provider)

    @classmethod
    async def deployed(cls) -> Self:
        """The contracts with their members."""
        world = cls()
        rich = {
            "to": RICH.address,
            "value": 10**23,
            "gas": 21000,
            "from": world.tester.get_accounts()[0],
        }
        world.tester.send_transaction(rich)
        return await world.prepare()

    def travel(self, seconds: int) -> None:
        """Let the next block be this much later."""
        latest = self.tester.get_block_by_number("latest")["timestamp"]
        self.tester.time_travel(latest + seconds)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Undo what is done meanwhile."""
        snapshot = self.tester.take_snapshot()
        try:
            yield
        finally:
            self.tester.revert_to_snapshot(snapshot)
            self.forget_nonces()


class AnvilWorld(EvmWorld):
    """The contracts on an anvil process."""

    def __init__(self, url: str) -> None:
        self.url = url
        super().__init__(url)

    @classmethod
    async def deployed(cls, url: str) -> Self:
        """The contracts with their members, and gas money for strangers."""
        for key in NODE_KEYS[NODES:]:
            anvil_request(url, "anvil_setBalance", key.address, hex(10**18))
        return await cls(url).prepare()

    def request(self, method: str, *params: Any) -> Any:
        """One of anvil's own methods, for tests only."""
        return anvil_request(self.url, method, *params)

    def travel(self, seconds: int) -> None:
        """Let the next block be this much later."""
        latest = self.request("eth_getBlockByNumber", "latest", False)["timestamp"]
        self.request("evm_setNextBlockTimestamp", int(latest, 16) + seconds)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Undo what is done meanwhile."""
        snapshot = self.request("evm_snapshot")
        try:
            yield
        finally:
            self.request("evm_revert", snapshot)
            self.forget_nonces()


def anvil_request(url: str, method: str, *params: Any) -> Any:
    """A JSON-RPC request that expects a result."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return requests.post(url, json=body, timeout=10).json()["result"]


@contextmanager
def anvil(*arguments: str) -> Iterator[str]:
    """A fresh anvil on a free port, ended by its process id; it dies with this process, too.

    It writes to a file: a pipe that nobody empties would block it after some hundred calls.
    """
    (binary,) = Path("node_modules/@foundry-rs").glob("anvil-*/bin/anvil")
    with tempfile.NamedTemporaryFile("w+") as said:
        command = [binary, "--port", "0", *arguments]
        process = subprocess.Popen(command, stdout=said, preexec_fn=_die_with_parent)
        try:
            yield _listening(process, Path(said.name))
        finally:
            process.kill()
            process.wait()


def _die_with_parent() -> None:
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _listening(process: subprocess.Popen[bytes], said: Path) -> str:
    """The URL, as soon as anvil says it."""
    while process.poll() is None:
        if found := re.search(r"Listening on (\S+)\n", said.read_text()):
            return f"http://{found[1]}"
        time.sleep(0.01)
    raise AssertionError(f"anvil ended: {said.read_text()}")
