"""RLP and Merkle-Patricia tries, by the libraries; the only module that imports `rlp` and `trie`.

Goals: whatever a passport's author wrote is read or refused with ValueError. Bounds are the caller's:
entries have a most size. Non-goals: what the bytes mean, see `authority.audit.passport.blocks`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rlp
from eth_utils.crypto import keccak
from rlp.codec import consume_length_prefix
from rlp.exceptions import RLPException
from trie.exceptions import BadTrieProof, InvalidNibbles, InvalidNode, MissingTrieNode, ValidationError
from trie.hexary import HexaryTrie

_DEPTH = 8
"""Lists within each other: four in a receipt, few in a node of a trie.

The library reads as deep as the bytes say, and py_ecc raises Python's recursion limit: a file
could overflow the stack and end the process.
"""

MOST_ITEMS = 1 << 16
"""Items in a list of receipts or nodes: more than any block has."""

_BROKEN = (
    BadTrieProof, InvalidNibbles, InvalidNode, MissingTrieNode, ValidationError,
    RLPException, ValueError, TypeError, LookupError, AssertionError, AttributeError, RecursionError,
)  # fmt: skip
"""What the libraries raise on bytes that nobody honest wrote."""


def encoded(value: Any) -> bytes:
    """RLP of bytes, numbers and lists of them."""
    return bytes(rlp.encode(value))


def decoded(raw: bytes | memoryview) -> list[Any]:
    """The list that RLP bytes stand for. Raises ValueError for anything that isn't exactly one."""
    try:
        found = _item(bytes(raw))
    except _BROKEN as error:
        raise ValueError(f"no RLP: {type(error).__name__}") from None
    if not isinstance(found, list):
        raise ValueError("no RLP of a list")
    return found


def byte_strings(raw: bytes | memoryview) -> list[bytes]:
    """The byte strings in an RLP list. Raises ValueError."""
    found = decoded(raw)
    if len(found) > MOST_ITEMS or not all(isinstance(item, bytes) for item in found):
        raise ValueError(f"no list of at most {MOST_ITEMS} byte strings")
    return found


def root_of(values: Sequence[bytes]) -> bytes:
    """The root of the trie that has these values at positions 0, 1, ….

    One value more, less or elsewhere gives another root: it proves each, and that there are no more.
    """
    trie = HexaryTrie({}, prune=True)
    for position, value in enumerate(values):
        trie[encoded(position)] = value
    return bytes(trie.root_hash)


def account_code_hash(state_root: bytes, address: bytes, nodes: Sequence[bytes]) -> bytes:
    """The code hash of an account, proven by nodes of the state trie. Raises ValueError."""
    try:
        proof = [_item(node) for node in nodes]
        found = HexaryTrie.get_from_proof(state_root, keccak(address), proof)  # type: ignore[no-untyped-call]
    except _BROKEN as error:
        raise ValueError(f"the nodes don't lead from the state root to it: {error}"[:200]) from None
    account = decoded(found)
    if len(account) != 4 or not isinstance(account[3], bytes):
        raise ValueError("no account")
    return account[3]


def _item(raw: bytes) -> Any:
    """What exactly these bytes stand for. Raises what the library does, and ValueError."""
    found, end = _nested(raw, 0, _DEPTH)
    if end != len(raw):
        raise ValueError("bytes follow")
    return found


def _nested(raw: bytes, at: int, room: int) -> tuple[Any, int]:
    """The item that starts there, and where it ends."""
    _, kind, length, start = consume_length_prefix(raw, at)
    end = start + length
    if end > len(raw):
        raise ValueError("cut off")
    if kind is bytes:
        return raw[start:end], end
    if not room:
        raise ValueError(f"lists nested deeper than {_DEPTH}")
    items = []
    while start < end:
        item, start = _nested(raw, start, room - 1)
        items.append(item)
    if start != end:
        raise ValueError("an item longer than its list")
    return items, end
