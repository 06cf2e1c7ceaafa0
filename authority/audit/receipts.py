"""The receipts that the chain names, as far as copies are found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from authority.audit.sources import SMALL, is_copy
from node.digest import Digest
from node.receipt import Input, Receipt

Receipts = Callable[[Digest], Receipt | None]
"""A whole copy of a receipt, or None."""


def receipts_in(folders: Sequence[Path]) -> Receipts:
    """Receipts from folders with blobs, each read once; a copy that isn't whole doesn't count."""

    @cache
    def found(digest: Digest) -> Receipt | None:
        for folder in folders:
            path = folder / digest.hex
            if path.is_file() and path.stat().st_size <= SMALL and is_copy(path, digest):
                try:
                    return Receipt.from_bytes(path.read_bytes())
                except ValueError:
                    return None  # attested by a quorum, and no receipt: the replay tells it
        return None

    return found


def input_of(receipt: Receipt | None, member: int) -> Input | None:
    """What a receipt says of a member's update, if there is one."""
    inputs = receipt.inputs if receipt else ()
    return next((one for one in inputs if one.member == member), None)
