"""Commitments: salted hashes that promise an update before anybody else's is known.

The formula is `commitmentOf` in contracts/src/interfaces/IRounds.sol, in words of 32 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from eth_utils.crypto import keccak

from node.digest import Digest
from node.ledger import Network

DOMAIN = keccak(text="waggle/commitment/1")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a node says of its update.

    weight: samples, rounded to a power of two. privacy: micro-epsilon declared spent so far.
    """

    weight: int
    privacy: int = 0


def commitment(
    network: Network,
    run: int,
    round_: int,
    base: Digest,
    member: int,
    update: Digest,
    claims: Claims,
    salt: bytes,
) -> bytes:
    """The 32 bytes that `commit` takes and `reveal` is checked against."""
    words = (
        DOMAIN,
        network.network_id,
        _word(int(network.ledger_of(run), 16)),
        _word(run),
        _word(round_),
        base.raw,
        _word(member),
        update.raw,
        _word(claims.weight),
        _word(claims.privacy),
        salt,
    )
    return keccak(b"".join(words))


def rounded_weight(samples: int) -> int:
    """Samples rounded down to a power of two, at least 1: the chain carries no exact counts."""
    return 1 << max(samples.bit_length() - 1, 0)


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")
