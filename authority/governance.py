"""What the authority does on the chain: admits and revokes members, opens and closes runs.

It aggregates nothing and sees no weights. Each function is one decision; the chain records it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.errors import WrongUse
from node.exchange import PeerKey
from node.ledger import (
    Address,
    Admit,
    CloseRun,
    Evict,
    Ledger,
    Mined,
    OpenRun,
    Revoke,
)
from node.manifest import Manifest
from node.state import Chronicle, apply_all

GAS_MONEY = 10**18
"""Wei forwarded to a new member: pays for thousands of rounds on a permissioned chain."""

REASONS = {"unspecified": 0, "consent": 1, "misbehaviour": 2, "key-lost": 3, "left": 4}
"""Reason codes of a revocation; the words behind a code stay off the chain."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a node tells the authority to be admitted; see `waggle node init`."""

    name: str
    account: Address
    peer_key: PeerKey
    addresses: tuple[str, ...]

    def to_json(self) -> str:
        """The card as a file's content."""
        fields = {
            "name": self.name,
            "account": self.account,
            "peer_key": self.peer_key.hex(),
            "addresses": list(self.addresses),
        }
        return json.dumps(fields, indent=2) + "\n"


def read_card(path: Path) -> Card:
    """Read a node's card. Raises WrongUse."""
    try:
        fields: dict[str, Any] = json.loads(path.read_text())
        key = PeerKey(bytes.fromhex(fields["peer_key"]))
        if len(key) != 32:
            raise ValueError("peer_key has not 32 bytes")
        return Card(fields["name"], Address(fields["account"]), key, tuple(fields["addresses"]))
    except FileNotFoundError:
        raise WrongUse(f"{path} is missing: it is made by `waggle node init`") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WrongUse(f"{path} is no node's card: {error}") from None


async def chronicle_of(ledger: Ledger) -> Chronicle:
    """Everything the chain says now. Raises ChainUnreachable."""
    head = await ledger.head()
    found = await ledger.events(ledger.network.deployed_block, head.number)
    return apply_all(Chronicle(), (logged.event for logged in found))


async def admit(ledger: Ledger, card: Card, organization: str, funding: int = GAS_MONEY) -> int:
    """Admit a node and fund its account; its member number. Raises LedgerRefusal."""
    await ledger.send(Admit(card.account, card.peer_key, _hidden(organization, card), funding))
    member = (await chronicle_of(ledger)).member_of(card.account)
    assert member is not None
    return member.number


async def revoke(ledger: Ledger, member: int, reason: str) -> tuple[int, ...]:
    """Revoke a member and take its seat out of every open run; those runs. Raises WrongUse."""
    chronicle = await chronicle_of(ledger)
    if member not in chronicle.members:
        raise WrongUse(f"there is no member {member}: there are {sorted(chronicle.members)}")
    if not chronicle.members[member].active:
        raise WrongUse(f"member {member} is revoked already")
    runs = tuple(n for n, r in chronicle.runs.items() if r.closed is None and member in r.seats)
    await ledger.send(Revoke(member, runs, REASONS[reason]))
    return runs


async def open_run(ledger: Ledger, manifest: Manifest) -> int:
    """Open a run; its number. Raises LedgerRefusal."""
    data = manifest.to_bytes()
    mined = await ledger.send(OpenRun(manifest.terms, data))
    runs = (await chronicle_of(ledger)).runs
    return max(number for number, run in runs.items() if run.manifest == data and mined.block)


async def close_run(ledger: Ledger, run: int) -> Mined:
    """End a run. Raises LedgerRefusal."""
    return await ledger.send(CloseRun(run))


async def evict(ledger: Ledger, run: int, member: int) -> Mined:
    """Take a revoked member's seat out of a run that the revocation didn't name."""
    return await ledger.send(Evict(run, member))


def _hidden(organization: str, card: Card) -> bytes:
    """A hash that the authority can open with its books: the random account salts the name."""
    return hashlib.sha256(f"{card.account}/{organization}".encode()).digest()
