"""Updates that are wrong in their bytes: nobody takes them, and they must cost nobody anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from node.conduct import Conduct
from node.database import OwnUpdate
from node.digest import Digest
from node.header import UpdateMark, parse
from node.weights import Array, arrays, encode
from sim.adversary.planted import planting
from sim.adversary.stage import Sight, Stage

Tensors = dict[str, Array]

MOUNTAIN = 3 << 20
"""Bytes too many: more than the slack that nodes leave when they fetch."""

Misfit = Callable[[bytes, Tensors, UpdateMark], bytes]


def misfit(make: Misfit) -> Callable[[Stage], Conduct]:
    """The behaviour that promises what `make` makes of a good update."""

    def behaviour(stage: Stage) -> Conduct:
        sight = Sight()

        def plant(number: int, base: Digest, update: OwnUpdate) -> OwnUpdate:
            blobs = sight.seams.blobs
            view = blobs.view(update.digest)
            mark = parse(view).mark
            assert mark is not None, "what a node trains has a mark"
            return replace(update, digest=blobs.put(make(bytes(view), arrays(view), mark)))

        return planting(sight, plant)

    return behaviour


def wrong_shape(data: bytes, tensors: Tensors, mark: UpdateMark) -> bytes:
    """The first tensor has one more dimension."""
    name = min(tensors)
    return encode({**tensors, name: np.array(tensors[name])[None]}, mark)


def wrong_dtype(data: bytes, tensors: Tensors, mark: UpdateMark) -> bytes:
    """The first tensor has numbers of another kind."""
    name = min(tensors)
    other = np.float32 if tensors[name].dtype == np.float64 else np.float64
    return encode({**tensors, name: tensors[name].astype(other)}, mark)


def oversize(data: bytes, tensors: Tensors, mark: UpdateMark) -> bytes:
    """Megabytes of zeros at the end."""
    return data + bytes(MOUNTAIN)


def truncated(data: bytes, tensors: Tensors, mark: UpdateMark) -> bytes:
    """The first half."""
    return data[: len(data) // 2]


def malformed(data: bytes, tensors: Tensors, mark: UpdateMark) -> bytes:
    """A header of the right length that is nothing but opening brackets."""
    start = parse(data).data_start
    return data[:8] + b"[" * (start - 8) + data[start:]


def wrong_mark(data: bytes, tensors: Tensors, mark: UpdateMark) -> bytes:
    """Another member's name on it."""
    return encode(tensors, replace(mark, member=mark.member + 1))
