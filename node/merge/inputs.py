"""The inputs of a merge as columns: the same bytes of every update and of the base, slice by slice.

The data of equal layouts lines up byte by byte, so a model is a handful of runs of one dtype, cut into
slices. Rows are views of memory-mapped blobs; what was read is given back to the system, so resident
memory depends neither on the model's size nor on the number of peers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from node.header import DTYPES, Layout
from node.merge.rule import Slice
from node.pages import give_back

COLUMNS = 1 << 15
"""Columns of a slice: a dozen rows of float32 fit a processor's second-level cache."""


class Inputs:
    """A Stack over whole files; also gives the columns that no rule sees: integers, booleans."""

    def __init__(
        self,
        layout: Layout,
        files: Sequence[tuple[bytes | memoryview, int]],
        base: tuple[bytes | memoryview, int],
        columns: int = COLUMNS,
    ) -> None:
        """files, base: content and the byte at which data starts; all of one layout."""
        self._runs = _runs(layout)
        self._files = (*files, base)
        self._data = tuple(np.frombuffer(view, np.uint8)[start:] for view, start in self._files)
        self._columns = columns

    @property
    def count(self) -> int:
        """See Stack."""
        return len(self._files) - 1

    def slices(self) -> Iterator[Slice]:
        """See Stack."""
        return (piece for piece in self.pieces() if piece.base.dtype.kind == "f")

    def pieces(self) -> Iterator[Slice]:
        """Every column of the model, in the order of its bytes."""
        for dtype, first, last in self._runs:
            width = self._columns * dtype.itemsize
            for start in range(first, last, width):
                stop = min(start + width, last)
                *rows, base = (data[start:stop].view(dtype) for data in self._data)
                yield Slice(start, tuple(rows), base)
                self._give_back(start, stop)

    def _give_back(self, start: int, stop: int) -> None:
        for view, data_start in self._files:
            give_back(view, data_start + start, data_start + stop)


def _runs(layout: Layout) -> list[tuple[np.dtype[np.generic], int, int]]:
    """Neighbouring tensors of one dtype, as (dtype, first byte, byte after the last)."""
    runs: list[tuple[np.dtype[np.generic], int, int]] = []
    for tensor in layout.tensors:
        dtype = DTYPES[tensor.dtype]
        if runs and runs[-1][0] == dtype:
            runs[-1] = (dtype, runs[-1][1], tensor.stop)
        else:
            runs.append((dtype, tensor.start, tensor.stop))
    return runs
