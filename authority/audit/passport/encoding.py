"""Headers and receipts as a chain hashes them, from what JSON-RPC says of them.

Goals: the bytes whose hash is the block's; of chains that keep validators' signatures out of it, too.
Non-goals: judging forks. A field that this release doesn't know makes another hash, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from eth_utils.crypto import keccak

from authority.audit.passport.blocks import bloom_of
from authority.audit.passport.merkle import decoded, encoded
from node.errors import ChainUnreachable

_FIELDS = (
    "parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom",
    "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce",
    "baseFeePerGas",                                        # London
    "withdrawalsRoot",                                      # Shanghai
    "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot",  # Cancun
    "requestsHash",                                         # Prague
)  # fmt: skip
_EXTRA = _FIELDS.index("extraData")


def header_bytes(block: Mapping[str, Any], name: str) -> bytes:
    """A block's header, hashing to the block's hash. name: the endpoint's. Raises ChainUnreachable."""
    try:
        given = takewhile(lambda field: block.get(field) is not None, _FIELDS)
        fields = [_bytes(block[field]) for field in given]
        for candidate in _candidates(fields):
            raw = encoded(candidate)
            if keccak(raw) == bytes(block["hash"]):
                return raw
    except (LookupError, TypeError, ValueError):
        pass
    raise ChainUnreachable(
        f"{name} tells of block {block.get('number')} otherwise than the block's hash: the chain's "
        "headers have fields that this release doesn't know, or the endpoint is wrong"
    )


def receipt_bytes(receipt: Mapping[str, Any], name: str) -> bytes:
    """A receipt as it is in the receipts trie. Raises ChainUnreachable."""
    try:
        kind = _number(receipt.get("type", 0))
        logs = [_log(log) for log in receipt["logs"]]
        bloom = bloom_of((address, topics) for address, topics, _ in logs)
        used = _number(receipt["cumulativeGasUsed"])
        body = encoded([_minimal(_number(receipt["status"])), _minimal(used), bloom, logs])
        return (bytes([kind]) if kind else b"") + body
    except (LookupError, TypeError, ValueError) as error:
        raise ChainUnreachable(f"{name} sent a receipt that makes no sense: {error}") from None


def _candidates(fields: list[bytes]) -> Iterator[list[bytes]]:
    """What a hash may be of. QBFT's leaves out seals and round, IBFT 2's in another form."""
    yield fields
    try:
        vanity, validators, vote, _, _ = decoded(fields[_EXTRA])
    except (ValueError, IndexError):
        return
    for extra in ([vanity, validators, vote, 0, []], [vanity, validators, vote]):
        yield [*fields[:_EXTRA], encoded(extra), *fields[_EXTRA + 1 :]]


def _log(log: Mapping[str, Any]) -> tuple[bytes, Sequence[bytes], bytes]:
    return _bytes(log["address"]), [_bytes(topic) for topic in log["topics"]], _bytes(log["data"])


def _bytes(value: Any) -> bytes:
    if isinstance(value, int):
        return _minimal(value)
    return bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else bytes(value)


def _minimal(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _number(value: Any) -> int:
    return int(value, 16) if isinstance(value, str) else int(value)
