"""One account's transactions: signed, stored, sent, awaited, one at a time.

Goals: after a crash at any instruction a call is neither lost nor sent under a second nonce; a stuck
transaction gets a higher fee under the same nonce; what a reorganizing chain takes back is sent again;
EIP-1559, legacy and zero-gas chains all work.
Non-goals: what a call means, how requests travel (the `Node` protocol, filled by node/chain.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Any, Protocol

import trio
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from node.errors import ChainUnreachable, InfrastructureFault, WrongUse
from node.evm import Encoded
from node.outbox import Outbox

_DYNAMIC_FEE = 2

_SIGNED_AT_MOST = 5
"""How often a call is signed anew, each time under a nonce that the chain has made free."""


class _Overtaken(Exception):
    """The chain has moved so that a nonce is of no use any more: sign again under the next."""


class Signer(Protocol):
    """An account's key; `eth_account`'s LocalAccount is one."""

    @property
    def address(self) -> str:
        """The account."""
        ...

    def sign_transaction(self, transaction_dict: Any, /) -> Any:
        """Something whose `raw_transaction` is the signed bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Fees:
    """What to pay per gas, in wei. `base` is None on chains that know only a gas price."""

    tip: int
    base: int | None

    def fields(self) -> dict[str, int]:
        """A transaction's fee fields; the ceiling leaves the base fee room to double."""
        if self.base is None:
            return {"gasPrice": self.tip}
        ceiling = 2 * self.base + self.tip
        return {"maxFeePerGas": ceiling, "maxPriorityFeePerGas": self.tip, "type": 2}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a mined transaction. contract: what it deployed. sender: empty if unknown."""

    hash: bytes
    block: int
    gas: int
    succeeded: bool
    contract: str | None
    sender: str = ""


class Pooling(Enum):
    """What the chain's node did with a signed transaction."""

    TAKEN = "taken, now or before"
    SPENT = "its nonce is used up"
    UNDERPRICED = "its fee is too low at present"


class RpcRefusal(ChainUnreachable):
    """The chain's node answered a request with an error of its own, by JSON-RPC code and message.

    A kind of being unreachable: a rate limit or a full pool passes, and so is tried again.
    """

    def __init__(self, asked: str, code: int, message: str) -> None:
        self.code, self.message = code, message
        super().__init__(f"{asked} refused: {message} (JSON-RPC {code})")


class Node(Protocol):
    """The requests that sending takes."""

    async def nonce(self, account: str) -> int:
        """Transactions mined from an account."""
        ...

    async def fees(self) -> Fees:
        """What the chain asks at present."""
        ...

    async def submit(self, raw: bytes, account: str) -> Pooling:
        """Send a signed transaction. Raises WrongUse without funds, RpcRefusal, ChainUnreachable."""
        ...

    async def receipt(self, hash_: bytes) -> Receipt | None:
        """What became of a transaction, or None until it is mined."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what, in seconds.

    Fees are asked again after `fee_blocks` blocks, but not within `fee_seconds`: a chain that mines on
    demand makes as many in no time.
    """

    request: float = 10.0
    first_poll: float = 0.003
    slowest_poll: float = 0.25
    bump_after: float = 20.0
    mend_after: float = 3.0
    spent_grace: float = 3.0
    give_up_after: float = 300.0
    underpriced_pause: float = 0.5
    fee_blocks: int = 5
    fee_seconds: float = 2.0

    def after(self, pooling: Pooling) -> float:
        """How long to wait for a receipt before the fee is raised."""
        return {
            Pooling.TAKEN: self.bump_after,
            Pooling.SPENT: self.spent_grace,
            Pooling.UNDERPRICED: self.underpriced_pause,
        }[pooling]


@dataclass(slots=True)
class Sender:
    """Sends one account's transactions. `run_outbox` runs outbox methods where they may block."""

    node: Node
    account: Signer
    chain_id: int
    outbox: Outbox
    patience: Patience
    run_outbox: Callable[..., Any]
    _lock: trio.Lock = field(default_factory=trio.Lock)
    _nonce: int | None = None
    _fees: Fees | None = None
    _fees_until: int = 0
    _fees_at: float = 0.0

    async def send(self, call: Encoded) -> Receipt:
        """Send and wait until mined. A failed or cancelled call is finished by the next one first."""
        async with self._lock:
            for _ in range(_SIGNED_AT_MOST):
                nonce = self._nonce if self._nonce is not None else await self._recovered()
                self._nonce = None
                raw = self._sign(self._transaction(call, nonce) | (await self._fee_fields()))
                try:
                    receipt = await self._see_through(nonce, [raw], new=True)
                except _Overtaken:
                    continue
                await self._settle(nonce)
                self._nonce = nonce + 1
                self._forget_old_fees(receipt)
                return receipt
        raise ChainUnreachable(
            f"the chain keeps taking back what {self.account.address} sent: see whether it is healthy"
        )

    async def _recovered(self) -> int:
        """See what an earlier life left in flight through; then the next nonce."""
        left: dict[int, list[bytes]] = {}
        for nonce, raw in await self.run_outbox(self.outbox.unsettled, self.account.address):
            left.setdefault(nonce, []).append(raw)
        for nonce, raws in sorted(left.items()):
            if nonce >= await self.node.nonce(self.account.address):
                with contextlib.suppress(_Overtaken):
                    await self._see_through(nonce, raws)
            await self._settle(nonce)
        return await self.node.nonce(self.account.address)

    async def _see_through(self, nonce: int, raws: list[bytes], *, new: bool = False) -> Receipt:
        """Submit the newest of a nonce's transactions and wait until one of them is mined.

        new: nobody has been sent any of them yet.
        """
        started = trio.current_time()
        while trio.current_time() < started + self.patience.give_up_after:
            pooling = await self._submit(nonce, raws, new=new and len(raws) == 1)
            patience = self.patience.after(pooling)
            soon = min(patience, self.patience.mend_after)
            receipt = (
                await self._first_receipt(raws, soon)
                or await self._mended(nonce, raws)
                or await self._first_receipt(raws, patience - soon)
            )
            if receipt:
                return receipt
            if pooling is Pooling.SPENT:
                await self._lost(nonce)
            raws.append(self._bumped(raws[-1]))
        raise ChainUnreachable(
            f"a transaction of {self.account.address} (nonce {nonce}) was not mined in "
            f"{self.patience.give_up_after:.0f} s: see whether the chain still makes blocks, and "
            "whether its least gas price has risen"
        )

    async def _mended(self, nonce: int, raws: Sequence[bytes]) -> Receipt | None:
        """After a reorganization: send again what the chain took back below this nonce.

        The receipt, if it was only late. Raises _Overtaken when this nonce is used up by an earlier
        transaction of ours, or can't be reached since one below it is forgotten here.
        """
        mined = await self.node.nonce(self.account.address)
        if mined > nonce:
            return await self._own_receipt(nonce, raws)
        if mined < nonce:
            await self._send_again(nonce, range(mined, nonce))
        return None

    async def _own_receipt(self, nonce: int, raws: Sequence[bytes]) -> Receipt | None:
        """The receipt of one of `raws`. Raises _Overtaken if another of ours was mined instead."""
        for _, raw in await self._known(nonce, nonce):
            if receipt := await self.node.receipt(hash_of(raw)):
                if raw in raws:
                    return receipt
                raise _Overtaken
        return None

    async def _send_again(self, nonce: int, missing: range) -> None:
        known = await self._known(missing[0], missing[-1])
        if {number for number, _ in known} != set(missing):
            await self._settle(nonce)
            raise _Overtaken
        for _, raw in known:
            with contextlib.suppress(RpcRefusal):
                await self.node.submit(raw, self.account.address)

    async def _submit(self, nonce: int, raws: Sequence[bytes], *, new: bool) -> Pooling:
        """Store the newest, then send it. A new one that was refused for good is forgotten again."""
        raw, account = raws[-1], self.account.address
        await self.run_outbox(self.outbox.save, account, nonce, hash_of(raw), raw)
        try:
            pooling = await self.node.submit(raw, account)
        except (WrongUse, RpcRefusal) as refusal:
            if new:
                await self._settle(nonce)
            if new or (len(raws) == 1 and isinstance(refusal, WrongUse)):
                raise
            return Pooling.TAKEN  # the one before is still in the pool, or an earlier life's may be
        if pooling is Pooling.UNDERPRICED:
            self._fees = None
        return pooling

    async def _known(self, first: int, last: int) -> Sequence[tuple[int, bytes]]:
        asked = (self.account.address, first, last)
        found: Sequence[tuple[int, bytes]] = await self.run_outbox(self.outbox.known, *asked)
        return found

    async def _settle(self, nonce: int) -> None:
        await self.run_outbox(self.outbox.settle, self.account.address, nonce)

    async def _first_receipt(self, raws: Sequence[bytes], seconds: float) -> Receipt | None:
        """Poll for a receipt, fast at first: chains that mine on demand have it within milliseconds."""
        pause, until = self.patience.first_poll, trio.current_time() + seconds
        while True:
            await trio.sleep(pause)
            for raw in raws:
                if receipt := await self.node.receipt(hash_of(raw)):
                    return receipt
            if trio.current_time() >= until:
                return None
            pause = min(pause * 1.5, self.patience.slowest_poll)

    async def _lost(self, nonce: int) -> None:
        await self._settle(nonce)
        raise InfrastructureFault(
            f"another process used nonce {nonce} of {self.account.address}: one process per account; "
            "stop the other one"
        )

    def _transaction(self, call: Encoded, nonce: int) -> dict[str, Any]:
        """Everything but the fees. A deployment has no `to`."""
        to = {"to": call.to} if call.to else {}
        fixed = {"data": call.data, "value": call.value, "gas": call.gas}
        return {**to, **fixed, "nonce": nonce, "chainId": self.chain_id}

    async def _fee_fields(self) -> dict[str, int]:
        if self._fees is None:
            self._fees, self._fees_until = await self.node.fees(), 0
            self._fees_at = trio.current_time()
        return self._fees.fields()

    def _forget_old_fees(self, receipt: Receipt) -> None:
        if not self._fees_until:
            self._fees_until = receipt.block + self.patience.fee_blocks
        elif receipt.block >= self._fees_until and self._fee_age() >= self.patience.fee_seconds:
            self._fees = None

    def _fee_age(self) -> float:
        return trio.current_time() - self._fees_at

    def _sign(self, transaction: dict[str, Any]) -> bytes:
        return bytes(self.account.sign_transaction(transaction).raw_transaction)

    def _bumped(self, raw: bytes) -> bytes:
        """The same transaction for a quarter more; unchanged where gas is free or legacy."""
        if raw[0] != _DYNAMIC_FEE:
            return raw
        fields = dict(TypedTransaction.from_bytes(HexBytes(raw)).as_dict())
        for fee in ("maxFeePerGas", "maxPriorityFeePerGas"):
            fields[fee] = -(-fields[fee] * 5 // 4)
        return self._sign({key: value for key, value in fields.items() if key not in ("v", "r", "s")})


@lru_cache(maxsize=64)
def hash_of(raw: bytes) -> bytes:
    """A transaction's hash, known before it is sent. Asked for with every look for its receipt."""
    return keccak(raw)
