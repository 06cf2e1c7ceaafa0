"""A chain's node in memory that loses requests and answers, is slow, forgets what it pooled, takes back
what it mined; and a process that can be killed at any step of its own.

What happens is a script, drawn by a test; when it has been played all is well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

import trio
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from node.errors import ChainUnreachable
from node.transactions import Fees, Pooling, Receipt, RpcRefusal

T = TypeVar("T")


class Fault(Enum):
    """What becomes of a request."""

    NONE = "answered"
    LOST = "never arrives"
    UNHEARD = "arrives, its answer doesn't"
    REFUSED = "refused, with no effect"
    SLOW = "answered late"


class Block(Enum):
    """What the chain does each second."""

    MINE = "mines all it can"
    REST = "mines nothing"
    FORGET = "forgets what is pooled"
    ECHO = "hears from elsewhere of the first transaction that it could still mine"
    BACK = "takes its last block back, into the pool"
    GONE = "takes its last block back and forgets it"


class Killed(BaseException):
    """The process is dead: nothing of it runs any more."""


@dataclass(frozen=True)
class Script:
    """faults: of successive requests. blocks: of successive seconds. killed_at: before which step of
    the process it is killed, counting requests and their answers, and writes and their returns."""

    faults: Sequence[Fault] = ()
    blocks: Sequence[Block] = ()
    killed_at: int | None = None


def fields(raw: bytes) -> dict[str, Any]:
    """What a signed transaction says."""
    transaction = TypedTransaction.from_bytes(HexBytes(raw))
    return dict(transaction.as_dict())


def call_of(raw: bytes) -> bytes:
    """The call in a signed transaction."""
    return bytes(fields(raw)["data"])


@dataclass
class RoughChain:
    """A `node.transactions.Node` for one account, whose nonce is the number of mined transactions."""

    asks: Fees
    mined: list[bytes] = field(default_factory=list)
    pool: dict[int, bytes] = field(default_factory=dict)
    submitted: list[bytes] = field(default_factory=list)
    refused: set[bytes] = field(default_factory=set)
    script: Script = Script()
    _tried: set[bytes] = field(default_factory=set)
    _requests: int = 0
    _steps: int = 0

    def play(self, script: Script) -> None:
        """What happens from now on."""
        self.script, self._requests, self._steps = script, 0, 0

    async def mining(self) -> None:
        """A block each second, for ever."""
        for block in self.script.blocks:
            await trio.sleep(1)
            self.do(block)
        while True:
            await trio.sleep(1)
            self.do(Block.MINE)

    def step(self) -> None:
        """A step of the process. Raises Killed at the script's."""
        self._steps += 1
        if self._steps - 1 == self.script.killed_at:
            raise Killed

    async def write(self, method: Callable[..., T], *arguments: Any) -> T:
        """The process calls its outbox."""
        await trio.lowlevel.checkpoint()
        self.step()
        result = method(*arguments)
        self.step()
        return result

    async def nonce(self, account: str) -> int:
        """See Node."""
        return await self._request(lambda: len(self.mined))

    async def fees(self) -> Fees:
        """See Node."""
        return await self._request(lambda: self.asks)

    async def submit(self, raw: bytes, account: str) -> Pooling:
        """See Node. Calls that are refused at the first attempt are noted: nobody has them."""
        first = call_of(raw) not in self._tried
        self._tried.add(call_of(raw))
        try:
            return await self._request(lambda: self._pooled(raw))
        except RpcRefusal:
            self.refused |= {call_of(raw)} if first else set()
            raise

    async def receipt(self, hash_: bytes) -> Receipt | None:
        """See Node."""
        return await self._request(lambda: self._receipt(hash_))

    async def _request(self, effect: Callable[[], T]) -> T:
        self.step()
        faults, number = self.script.faults, self._requests
        self._requests += 1
        fault = faults[number] if number < len(faults) else Fault.NONE
        await trio.sleep(5 if fault is Fault.SLOW else 0)
        if fault is Fault.REFUSED:
            raise RpcRefusal("a rough chain", -32005, "too many requests")
        result = effect() if fault is not Fault.LOST else None
        if fault in (Fault.LOST, Fault.UNHEARD):
            raise ChainUnreachable("the line is down")
        self.step()
        return result  # type: ignore[return-value]

    def _pooled(self, raw: bytes) -> Pooling:
        self.submitted.append(raw)
        nonce = fields(raw)["nonce"]
        if nonce < len(self.mined):
            return Pooling.SPENT
        there = self.pool.get(nonce, raw)
        if there != raw and _tip(raw) <= _tip(there) * 1.1:
            return Pooling.UNDERPRICED
        self.pool[nonce] = raw
        return Pooling.TAKEN

    def _receipt(self, hash_: bytes) -> Receipt | None:
        hashes = [keccak(raw) for raw in self.mined]
        found = hash_ in hashes
        return Receipt(hash_, hashes.index(hash_), 1, True, None) if found else None

    def do(self, block: Block) -> None:
        """A second of the chain's life."""
        if block is Block.MINE:
            while raw := self.pool.pop(len(self.mined), None):
                self.mined.append(raw)
        elif block is Block.FORGET:
            self.pool.clear()
        elif block is Block.ECHO:
            self._echo()
        elif block in (Block.BACK, Block.GONE) and self.mined:
            raw = self.mined.pop()
            if block is Block.BACK:
                self.pool[len(self.mined)] = raw

    def _echo(self) -> None:
        for raw in self.submitted:
            nonce = fields(raw)["nonce"]
            if nonce >= len(self.mined):
                self.pool[nonce] = raw
                return


def _tip(raw: bytes) -> int:
    said = fields(raw)
    return int(said.get("maxPriorityFeePerGas", said.get("gasPrice", 0)))
