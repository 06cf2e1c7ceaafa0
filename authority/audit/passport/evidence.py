"""The seam to a chain's node: what a passport is made of, in the node's own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from node.ledger import Address


class Evidence(Protocol):
    """What is asked of an endpoint. Everything raises ChainUnreachable."""

    @property
    def name(self) -> str:
        """The endpoint, for messages."""
        ...

    async def chain_id(self) -> int:
        """Which chain it is on."""
        ...

    async def height(self) -> int:
        """The number of the newest block."""
        ...

    async def block(self, number: int) -> Mapping[str, Any]:
        """A block's header by JSON-RPC's names, with its hash and its transactions' hashes."""
        ...

    async def receipts(self, transactions: Sequence[bytes]) -> list[Mapping[str, Any]]:
        """Their receipts, by JSON-RPC's names."""
        ...

    async def calldata(self, transactions: Sequence[bytes]) -> list[bytes]:
        """What they were sent with."""
        ...

    async def first_log(self, address: Address) -> int:
        """The block of a contract's first log. Raises RpcRefusal where that is too much to ask."""
        ...

    async def code(self, address: Address, block: int) -> tuple[bytes, tuple[bytes, ...]]:
        """A contract's code and the nodes that prove its account, on the state after a block.

        Raises RpcRefusal where the endpoint proves nothing.
        """
        ...
