"""What a passport is about: its first entry. Nothing here is believed; the rest must bear it out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from node.canonical import dump, load
from node.ledger import Network
from node.network import network_from


@dataclass(frozen=True, slots=True)
class Facts:
    """Which run of which network, in blocks `network.deployed_block` to `head`.

    salt: the registry's constructor got it; with it the network id follows from the first block's
    parent, so that no block before it can have been left out. Empty where nobody knows it.
    sparse: blocks in which the contracts can't have said anything are left out.
    """

    network: Network
    run: int
    head: int
    salt: bytes = b""
    sparse: bool = False

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        network: dict[str, Any] = {**asdict(self.network), "network_id": self.network.network_id.hex()}
        return dump(
            {
                "head": self.head,
                "network": network,
                "run": self.run,
                "salt": self.salt.hex(),
                "sparse": self.sparse,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Facts:
        """Raises ValueError."""
        try:
            found = load(data)
            facts = cls(
                network=network_from(found["network"]),
                run=int(found["run"]),
                head=int(found["head"]),
                salt=bytes.fromhex(found["salt"]),
                sparse=found["sparse"] is True,
            )
            same = facts.to_bytes() == data
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"facts that can't be read: {error}") from None
        if not same:
            raise ValueError("facts with other fields than those of this format")
        if not 0 <= facts.network.deployed_block <= facts.head < 1 << 63:
            raise ValueError("facts whose blocks are in no order")
        addresses = (facts.network.registry, facts.network.ledger, facts.network.gossip)
        if len({*addresses}) < len(addresses):
            raise ValueError("facts in which two contracts have one address")
        if len(facts.network.network_id) != 32 or len(facts.salt) not in (0, 32):
            raise ValueError("facts with a network id or a salt of another length than 32 bytes")
        return facts
