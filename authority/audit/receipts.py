"""The receipts that the chain names, as far as copies are found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from node.digest import Digest, outline_file
from node.receipt import Input, Receipt

LARGEST = 1 << 20
"""Bytes of a receipt that are looked at: 256 inputs take less than a tenth."""

Receipts = Callable[[Digest], Receipt | None]
"""A whole copy of a receipt, or None."""


def receipts_in(folders: Sequence[Path]) -> Receipts:
    """Receipts from folders with blobs; a copy that isn't whole doesn't count."""

    def found(digest: Digest) -> Receipt | None:
        for folder in folders:
            path = folder / digest.hex
            if (
                path.is_file()
                and path.stat().st_size <= LARGEST
                and outline_file(path).digest == digest
            ):
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
