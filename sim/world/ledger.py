"""A node's ledger in the world: the real sending of transactions, over wires to the world's chain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import trio

from node.errors import ChainUnreachable
from node.evm import Encoded
from node.ledger import Address, Block, Call, Logged, Mined, Network
from node.outbox import Outbox
from node.transactions import Fees, Patience, Pooling, Receipt, Sender
from sim.world.chain import BEAT, WorldChain
from sim.world.life import Life
from sim.world.signatures import Signatures, WorldSigner
from sim.world.wires import CHAIN, Wires

T = TypeVar("T")

_PATIENCE = Patience(first_poll=BEAT, slowest_poll=2 * BEAT)


class Link:
    """The requests of one node's process; what `node.transactions` and the ledger seam ask."""

    def __init__(
        self, chain: WorldChain, wires: Wires, signatures: Signatures, member: int, life: Life
    ) -> None:
        self._chain, self._wires, self._signatures = chain, wires, signatures
        self._member, self._life = member, life

    async def ask(self, answer: Callable[[], T]) -> T:
        """A request and its answer, either of which may get lost. Raises ChainUnreachable."""
        await self._life.awake()
        answered = await self._wires.ask(self._member, CHAIN, lambda: (answer(),))
        await self._life.awake()
        if answered is None:
            raise ChainUnreachable("no answer from the world's chain")
        return answered[0]

    async def nonce(self, account: str) -> int:
        """See node.transactions.Node."""
        return await self.ask(lambda: self._chain.nonce(account))

    async def fees(self) -> Fees:
        """See node.transactions.Node. Gas is free, so nobody is asked."""
        return self._chain.fees()

    async def submit(self, raw: bytes, account: str) -> Pooling:
        """See node.transactions.Node."""
        return await self.ask(lambda: self._chain.submit(self._signatures.read(raw)))

    async def receipt(self, hash_: bytes) -> Receipt | None:
        """See node.transactions.Node."""
        return await self.ask(lambda: self._chain.receipt(hash_))


class WorldLedger:
    """One account's `Ledger`."""

    def __init__(
        self, link: Link, chain: WorldChain, signatures: Signatures, account: Address, outbox: Outbox
    ) -> None:
        self._link, self._chain, self._signatures = link, chain, signatures
        self._account = account
        signer = WorldSigner(account, signatures)
        self._sender = Sender(link, signer, chain.network.chain_id, outbox, _PATIENCE, _inline)

    @property
    def network(self) -> Network:
        """See Ledger."""
        return self._chain.network

    @property
    def account(self) -> Address:
        """See Ledger."""
        return self._account

    async def head(self) -> Block:
        """See Ledger."""
        return await self._link.ask(lambda: self._chain.contracts.head)

    async def events(self, first: int, last: int) -> Sequence[Logged]:
        """See Ledger."""
        return await self._link.ask(lambda: self._chain.contracts.events(first, last))

    async def send(self, call: Call) -> Mined:
        """See Ledger."""
        receipt = await self._sender.send(Encoded("", self._signatures.write(call), 0, 0))
        if receipt.succeeded:
            return Mined(receipt.block, receipt.gas, receipt.hash)
        refusal = await self._link.ask(lambda: self._chain.refusal(receipt.hash))
        raise refusal or ChainUnreachable("the block with the refused call was taken back")


async def _inline(work: Callable[..., T], *args: Any) -> T:
    await trio.lowlevel.checkpoint()
    return work(*args)
