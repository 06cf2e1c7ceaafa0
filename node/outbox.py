"""Where an account's signed transactions are kept: the outbox seam, and the one that may forget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol


class Outbox(Protocol):
    """Where signed transactions are kept, by account; a crash must not empty it.

    A transaction is settled once its nonce is used up. It is kept all the same, since a chain that
    reorganizes may take it back.
    """

    def save(self, account: str, nonce: int, hash_: bytes, raw: bytes, /) -> None:
        """Record a signed transaction, durably, before it is sent."""
        ...

    def unsettled(self, account: str, /) -> Sequence[tuple[int, bytes]]:
        """Transactions whose fate is unknown: (nonce, raw), oldest first."""
        ...

    def known(self, account: str, first: int, last: int, /) -> Sequence[tuple[int, bytes]]:
        """All transactions with nonces first..last, settled ones too: (nonce, raw), oldest first."""
        ...

    def settle(self, account: str, nonce: int, /) -> None:
        """One transaction with this nonce was mined, so that the others never can be."""
        ...


class MemoryOutbox:
    """An outbox for accounts that may forget: tests, and one-off commands of the authority."""

    def __init__(self) -> None:
        self._sent: dict[bytes, tuple[str, int]] = {}
        self._settled: set[tuple[str, int]] = set()

    def save(self, account: str, nonce: int, hash_: bytes, raw: bytes, /) -> None:
        """See Outbox."""
        self._sent.setdefault(raw, (account, nonce))
        self._settled.discard((account, nonce))

    def unsettled(self, account: str, /) -> Sequence[tuple[int, bytes]]:
        """See Outbox."""
        return self._found(lambda key: key[0] == account and key not in self._settled)

    def known(self, account: str, first: int, last: int, /) -> Sequence[tuple[int, bytes]]:
        """See Outbox."""
        return self._found(lambda key: key[0] == account and first <= key[1] <= last)

    def settle(self, account: str, nonce: int, /) -> None:
        """See Outbox."""
        self._settled.add((account, nonce))

    def _found(self, wanted: Callable[[tuple[str, int]], bool]) -> list[tuple[int, bytes]]:
        found = [(key[1], raw) for raw, key in self._sent.items() if wanted(key)]
        return sorted(found, key=lambda sent: sent[0])
