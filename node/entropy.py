"""The entropy seam: salts that can be computed again after a crash, nonces that never can.

A salt hides a commitment until it is revealed; a nonce makes an update's digest say nothing about its
content. `SeededEntropy` is for `waggle up --seed` and tests only: who knows the seed knows both.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Protocol

from node.digest import Digest
from node.ledger import Network


class Entropy(Protocol):
    """Where a node's secrets of a round come from."""

    def salt(self, network: Network, run: int, round_: int, base: Digest, member: int) -> bytes:
        """32 bytes; the same again for the same arguments."""
        ...

    def nonce(self, run: int, round_: int, member: int) -> bytes:
        """32 bytes for an update's header."""
        ...


class SystemEntropy:
    """Salts keyed with the node's secret; nonces from the operating system."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def salt(self, network: Network, run: int, round_: int, base: Digest, member: int) -> bytes:
        """HMAC-SHA-256 of everything that names the commitment."""
        context = b"".join(
            (
                b"waggle/salt/1",
                network.network_id,
                bytes.fromhex(network.ledger_of(run).removeprefix("0x")),
                _numbers(run, round_, member),
                base.raw,
            )
        )
        return hmac.digest(self._secret, context, "sha256")

    def nonce(self, run: int, round_: int, member: int) -> bytes:
        """32 fresh bytes."""
        return os.urandom(32)


class SeededEntropy:
    """The same salts and nonces for the same seed, on any chain. Hides nothing."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def salt(self, network: Network, run: int, round_: int, base: Digest, member: int) -> bytes:
        """Depends on the seed and on who, which run and round."""
        return self._bytes(b"salt", run, round_, member)

    def nonce(self, run: int, round_: int, member: int) -> bytes:
        """Depends on the seed and on who, which run and round."""
        return self._bytes(b"nonce", run, round_, member)

    def _bytes(self, what: bytes, *numbers: int) -> bytes:
        return hashlib.sha256(what + _numbers(self._seed, *numbers)).digest()


def _numbers(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(8, "big") for number in numbers)
