"""The inputs of a merge as columns: the same bytes of every update and of the base, slice by slice.

The data of equal layouts lines up byte by byte, so a model is a handful of runs of one dtype, cut into
slices. Rows are views of memory-mapped blobs; what was read is given back to the system, so resident
memory depends neither on the model's size nor on the number of peers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from node.header import DTYPES, Layout
from node.merge.kernels import CHUNK
from node.merge.rule import Slice
from node.merge.threads import THREADS, spread
from node.pages import give_back

Result = TypeVar("Result")

Run = tuple[np.dtype[np.generic], int, int]
"""Columns of one dtype: the dtype, their first byte, the byte after the last."""

COLUMNS = 8 * CHUNK
"""Columns of a slice: a dozen rows of float32 fit a processor's second-level cache."""


class Inputs:
    """A Stack over whole files; also gives the columns that no rule sees: integers, booleans."""

    def __init__(
        self,
        layout: Layout,
        files: Sequence[tuple[bytes | memoryview, int]],
        base: tuple[bytes | memoryview, int],
        columns: int = COLUMNS,
        threads: int = THREADS,
    ) -> None:
        """files, base: content and the byte at which data starts; all of one layout.

        columns: of a slice, a multiple of CHUNK. It and threads change memory and speed only.
        """
        if columns % CHUNK:
            raise ValueError(f"a slice has a multiple of {CHUNK} columns, not {columns}")
        self._runs = _runs(layout)
        self._files = (*files, base)
        self._data = tuple(np.frombuffer(view, np.uint8)[start:] for view, start in self._files)
        self._columns, self._threads = columns, threads

    @property
    def count(self) -> int:
        """See Stack."""
        return len(self._files) - 1

    def map(self, work: Callable[[Slice], Result]) -> Iterator[Result]:
        """See Stack."""
        floats = [run for run in self._runs if run[0].kind == "f"]
        return (result for _, result in self._spread(work, floats))

    def map_all(self, work: Callable[[Slice], Result]) -> Iterator[tuple[Slice, Result]]:
        """Every column of the model, also those that no rule sees: slices, each with its result."""
        return self._spread(work, self._runs)

    def _spread(
        self, work: Callable[[Slice], Result], runs: Sequence[Run]
    ) -> Iterator[tuple[Slice, Result]]:
        pieces = [piece for run in runs for piece in self._cut(run)]
        slices = (self._slice(*piece) for piece in pieces)
        # A small model isn't worth a thread, however many dtypes it has.
        full = sum(stop - start for _, start, stop in pieces) // (4 * self._columns)
        found = spread(work, slices, max(min(self._threads, len(pieces), full), 1))
        for (_, start, stop), (piece, result) in zip(pieces, found, strict=True):
            yield piece, result
            self._give_back(start, stop)

    def _cut(self, run: Run) -> Iterator[Run]:
        dtype, first, last = run
        width = self._columns * dtype.itemsize
        return ((dtype, start, min(start + width, last)) for start in range(first, last, width))

    def _slice(self, dtype: np.dtype[np.generic], start: int, stop: int) -> Slice:
        *rows, base = (data[start:stop].view(dtype) for data in self._data)
        return Slice(start, tuple(rows), base)

    def _give_back(self, start: int, stop: int) -> None:
        for view, data_start in self._files:
            give_back(view, data_start + start, data_start + stop)


def _runs(layout: Layout) -> list[Run]:
    """Neighbouring tensors of one dtype."""
    runs: list[Run] = []
    for tensor in layout.tensors:
        dtype = DTYPES[tensor.dtype]
        if runs and runs[-1][0] == dtype:
            runs[-1] = (dtype, runs[-1][1], tensor.stop)
        else:
            runs.append((dtype, tensor.start, tensor.stop))
    return runs
