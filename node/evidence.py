"""What an endpoint says of blocks and accounts in the chain's own terms, for whoever proves something.

Goals: the raw material, unjudged, in JSON-RPC's standard methods only. Non-goals: events, see
`node.chain`; what follows from it, see `authority.audit.passport`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from node.chain import Endpoint
from node.ledger import Address
from node.transactions import Patience


class RpcEvidence:
    """Asks one endpoint. rpc: a URL, or a web3 provider in tests."""

    def __init__(self, rpc: Any, patience: Patience | None = None) -> None:
        self._endpoint = Endpoint(rpc, patience or Patience())

    @property
    def name(self) -> str:
        """The endpoint, for messages: no secrets of its address."""
        return self._endpoint.name

    async def chain_id(self) -> int:
        """Which chain it is on. Raises ChainUnreachable."""
        return await self._endpoint.ask(lambda eth: eth.chain_id)

    async def height(self) -> int:
        """The number of the newest block. Raises ChainUnreachable."""
        return await self._endpoint.ask(lambda eth: eth.block_number)

    async def block(self, number: int) -> Mapping[str, Any]:
        """A block's header by JSON-RPC's names, with its hash and its transactions' hashes."""
        return await self._endpoint.ask(lambda eth: eth.get_block(number))

    async def receipts(self, transactions: Sequence[bytes]) -> list[Mapping[str, Any]]:
        """Their receipts. One by one: not every client gives a block's at once."""
        return [await self._receipt(transaction) for transaction in transactions]

    async def calldata(self, transactions: Sequence[bytes]) -> list[bytes]:
        """What they were sent with."""
        return [await self._calldata(transaction) for transaction in transactions]

    async def first_log(self, address: Address) -> int:
        """The block of a contract's first log. Raises RpcRefusal where that is too much to ask."""
        wanted: Any = {"fromBlock": 0, "toBlock": "latest", "address": address}
        logs = await self._endpoint.ask(lambda eth: eth.get_logs(wanted))
        return min((log["blockNumber"] for log in logs), default=0)

    async def code(self, address: Address, block: int) -> tuple[bytes, tuple[bytes, ...]]:
        """A contract's code and the nodes that prove its account, on the state after a block.

        Raises RpcRefusal where the endpoint proves nothing, ChainUnreachable.
        """
        where: Any = address
        # web3 annotates it as if it took a tuple.
        proof: Any = await self._endpoint.ask(lambda eth: cast(Any, eth).get_proof(where, [], block))
        code = await self._endpoint.ask(lambda eth: eth.get_code(where, block))
        return bytes(code), tuple(map(bytes, proof["accountProof"]))

    async def _receipt(self, transaction: bytes) -> Mapping[str, Any]:
        asked: Any = transaction
        return await self._endpoint.ask(lambda eth: eth.get_transaction_receipt(asked))

    async def _calldata(self, transaction: bytes) -> bytes:
        asked: Any = transaction
        found = await self._endpoint.ask(lambda eth: eth.get_transaction(asked))
        given: Any = found.get("input", found.get("data", b""))
        return bytes.fromhex(given.removeprefix("0x")) if isinstance(given, str) else bytes(given)
