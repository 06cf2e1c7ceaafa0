"""What proven bytes of a block say: its header's fields, its receipts' logs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak

from authority.audit.passport.merkle import decoded

_FIELDS = 15
"""Of the first headers there were; later forks appended more."""

_BLOOM = 256


@dataclass(frozen=True, slots=True)
class Header:
    """A block's header. hash: of its bytes, which is the block's hash."""

    hash: bytes
    parent: bytes
    state_root: bytes
    receipts_root: bytes
    bloom: bytes
    number: int
    time: int

    def may_hold(self, addresses: Iterable[bytes]) -> bool:
        """Whether a log of one of these contracts can be in the block; by the bloom, which has all."""
        bits = int.from_bytes(self.bloom, "big")
        return any(bits & mask == mask for mask in map(bloom_bits, addresses))


@dataclass(frozen=True, slots=True)
class Log:
    """One log. index: in its block."""

    index: int
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class TransactionLogs:
    """What one transaction of a block said. gas: what it used."""

    position: int
    gas: int
    logs: tuple[Log, ...]


def read_header(raw: bytes | memoryview) -> Header:
    """The header that hashes to its block's hash. Raises ValueError."""
    fields = decoded(raw)
    if len(fields) < _FIELDS or not all(isinstance(field, bytes) for field in fields):
        raise ValueError("no block header")
    for position, length in ((0, 32), (3, 32), (5, 32), (6, _BLOOM)):
        if len(fields[position]) != length:
            raise ValueError(f"no block header: field {position} has {len(fields[position])} bytes")
    return Header(
        hash=keccak(bytes(raw)),
        parent=fields[0],
        state_root=fields[3],
        receipts_root=fields[5],
        bloom=fields[6],
        number=_number(fields[8]),
        time=_number(fields[11]),
    )


def read_receipts(receipts: Sequence[bytes]) -> list[TransactionLogs]:
    """What the transactions of a block said, from all of the block's receipts. Raises ValueError."""
    found, index, before = [], 0, 0
    for position, receipt in enumerate(receipts):
        used, logs = _receipt(receipt, index)
        if used < before:
            raise ValueError(f"receipt {position} takes gas back")
        found.append(TransactionLogs(position, used - before, logs))
        before, index = used, index + len(logs)
    return found


def bloom_bits(item: bytes) -> int:
    """The three bits that an address or a topic sets in a bloom."""
    found = keccak(item)
    bits = 0
    for at in (0, 2, 4):
        bits |= 1 << (int.from_bytes(found[at : at + 2], "big") & 2047)
    return bits


def bloom_of(logs: Iterable[tuple[bytes, Sequence[bytes]]]) -> bytes:
    """The bloom of logs, given as address and topics."""
    bits = 0
    for address, topics in logs:
        for item in (address, *topics):
            bits |= bloom_bits(item)
    return bits.to_bytes(_BLOOM, "big")


def _receipt(raw: bytes, first: int) -> tuple[int, tuple[Log, ...]]:
    """Gas used in the block up to this transaction, and its logs."""
    # A type below 0x80 comes first, but for the oldest kind of transaction, which has none.
    fields = decoded(raw[1:] if raw[:1] < b"\x80" else raw)
    if len(fields) != 4 or not isinstance(fields[3], list):
        raise ValueError("no receipt")
    return _number(fields[1]), tuple(_log(log, first + at) for at, log in enumerate(fields[3]))


def _log(fields: Any, index: int) -> Log:
    if not isinstance(fields, list) or len(fields) != 3 or not isinstance(fields[1], list):
        raise ValueError("no log")
    address, topics, data = fields
    if not all(isinstance(item, bytes) for item in (address, data, *topics)):
        raise ValueError("no log")
    return Log(index, address, tuple(topics), data)


def _number(raw: Any) -> int:
    if not isinstance(raw, bytes) or len(raw) > 8:
        raise ValueError("no number")
    return int.from_bytes(raw, "big")
