"""Signing without keys: who signed which call under which nonce, kept for the whole world.

Real signatures cost more than the rest of a world together. Here a transaction is its account, its
nonce and a number for its call. What was ever signed is on record, as for somebody who saw it travel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from node.ledger import Address, Call
from node.transactions import hash_of


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed transaction."""

    account: Address
    nonce: int
    call: Call
    hash: bytes


@dataclass(frozen=True, slots=True)
class _Transaction:
    raw_transaction: bytes


class Signatures:
    """All that was signed, in order."""

    def __init__(self) -> None:
        self.made: list[Signed] = []
        self._calls: list[Call] = []
        self._numbers: dict[Call, bytes] = {}
        self._known: dict[bytes, Signed] = {}

    def write(self, call: Call) -> bytes:
        """A call as a transaction's data."""
        if call not in self._numbers:
            self._numbers[call] = len(self._calls).to_bytes(8, "big")
            self._calls.append(call)
        return self._numbers[call]

    def read(self, raw: bytes) -> Signed:
        """A transaction that was signed once."""
        return self._known[raw]

    def sign(self, account: Address, nonce: int, data: bytes) -> bytes:
        """The transaction's bytes."""
        raw = account.encode() + nonce.to_bytes(8, "big") + data
        if raw not in self._known:
            call = self._calls[int.from_bytes(data, "big")]
            self._known[raw] = Signed(account, nonce, call, hash_of(raw))
            self.made.append(self._known[raw])
        return raw


class WorldSigner:
    """One account, as `node.transactions.Signer`."""

    def __init__(self, address: Address, signatures: Signatures) -> None:
        self._address, self._signatures = address, signatures

    @property
    def address(self) -> str:
        """See Signer."""
        return self._address

    def sign_transaction(self, transaction: Any, /) -> _Transaction:
        """See Signer."""
        raw = self._signatures.sign(self._address, transaction["nonce"], transaction["data"])
        return _Transaction(raw)
