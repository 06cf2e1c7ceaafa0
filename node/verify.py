"""Verification: the only way from a peer's bytes to something that a merge takes.

A pure function of the manifest, the base's layout, what the chain says of the update, and the bytes: no
clock, no chain, so every node and every auditor gets the same answer. That the bytes have the digest
is the blob store's and the exchange's to check; here the digest is only carried along.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from itertools import zip_longest

import numpy as np

from node.digest import Digest
from node.errors import BadUpdate
from node.header import DTYPES, Layout, Parsed, Tensor, UpdateMark, parse
from node.manifest import Manifest
from node.pages import give_back
from node.weights import Array

LARGEST = 1 << 128
"""Cap on a manifest's max_abs: with weights below 2^64 and 256 inputs no sum of a merge overflows."""

SLICE = 1 << 20
"""Bytes of an update that are looked at in one go."""

_SEAL = object()


@dataclass(frozen=True, slots=True)
class VerifiedUpdate:
    """An update that passed every check; only `verify` makes one. Data starts at byte `data_start`."""

    member: int
    digest: Digest
    layout: Layout
    data_start: int
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("only node.verify.verify makes a VerifiedUpdate")


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the chain says an update is: its author, its place in the run, its digest."""

    run: int
    round: int
    member: int
    digest: Digest


def verify(
    manifest: Manifest, base: Layout, claimed: Claimed, view: bytes | memoryview
) -> VerifiedUpdate:
    """Check an update, cheapest first: size, header, mark, tensors, values.

    A canonical header, the exact size, finite floats and booleans that are 0 or 1 leave one way to
    write given tensors, so decoding and encoding again gives the same bytes. Raises BadUpdate naming
    the first check that failed; ValueError never.
    """
    try:
        parsed = _read(manifest, view)
        _check_mark(parsed.mark, claimed)
        _check_layout(parsed.layout, base)
        _check_values(parsed, view, float(min(manifest.max_abs, LARGEST)))
    except ValueError as error:
        raise BadUpdate(f"the update of member {claimed.member} fails: {error}") from None
    return VerifiedUpdate(claimed.member, claimed.digest, parsed.layout, parsed.data_start, seal=_SEAL)


def _read(manifest: Manifest, view: bytes | memoryview) -> Parsed:
    if len(view) > manifest.max_blob_bytes:
        raise ValueError(f"size: {len(view)} bytes, at most {manifest.max_blob_bytes} are allowed")
    try:
        return parse(view)
    except ValueError as error:
        raise ValueError(f"header: {error}") from None


def _check_mark(mark: UpdateMark | None, claimed: Claimed) -> None:
    if mark is None:
        raise ValueError("mark: there is none")
    for name in ("run", "round", "member"):
        if getattr(mark, name) != getattr(claimed, name):
            raise ValueError(
                f"mark: it is of {name} {getattr(mark, name)}, not {getattr(claimed, name)}"
            )


def _check_layout(found: Layout, base: Layout) -> None:
    for mine, wanted in zip_longest(found.tensors, base.tensors):
        if mine != wanted:
            raise ValueError(f"tensors: {_say(mine)} where the base has {_say(wanted)}")


def _say(tensor: Tensor | None) -> str:
    return "none" if tensor is None else f"{tensor.name!r:.80} {tensor.dtype} {list(tensor.shape)}"


def _check_values(parsed: Parsed, view: bytes | memoryview, max_abs: float) -> None:
    data = np.frombuffer(view, np.uint8)[parsed.data_start :]
    for tensor in parsed.layout.tensors:
        for at in range(tensor.start, tensor.stop, SLICE):
            stop = min(at + SLICE, tensor.stop)
            _check_slice(tensor, data[at:stop], max_abs)
            give_back(view, parsed.data_start + at, parsed.data_start + stop)


def _check_slice(tensor: Tensor, raw: Array, max_abs: float) -> None:
    dtype = DTYPES[tensor.dtype]
    if dtype.kind == "f":
        values = raw.view(dtype)
        if not (-max_abs <= float(values.min()) and float(values.max()) <= max_abs):
            raise ValueError(f"values: {tensor.name!r:.80} has one that is not finite or too large")
    elif dtype.kind == "b" and raw.max() > 1:
        raise ValueError(f"values: {tensor.name!r:.80} has a boolean that is neither 0 nor 1")
