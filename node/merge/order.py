"""Order statistics by compare-exchange: columns sorted with elementwise min and max alone.

min and max of finite numbers are exact, so there is nothing to differ between machines, except the
order of -0.0 and 0.0: rows have 0.0 added before. The network is Batcher's merge exchange (Knuth, The
Art of Computer Programming 3, algorithm 5.2.2M), less what doesn't reach a wanted rank.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from node.weights import Array


@dataclass(frozen=True, slots=True)
class Exchange:
    """Put the smaller of two rows at `low`, the larger at `high`; unwanted halves are left out."""

    low: int
    high: int
    keep_low: bool
    keep_high: bool


def ranked(rows: Sequence[Array], first: int, last: int) -> list[Array]:
    """Per column the values of rank first..last (from 0, both included), ascending.

    rows: n arrays of one dtype and length, finite, left as they are.
    """
    work = [_fresh(row) for row in rows]
    spare = np.empty_like(work[0])
    for step in network(len(work), first, last):
        low, high = work[step.low], work[step.high]
        if step.keep_low and step.keep_high:
            np.minimum(low, high, out=spare)
            np.maximum(low, high, out=high)
            work[step.low], spare = spare, low
        elif step.keep_low:
            np.minimum(low, high, out=low)
        else:
            np.maximum(low, high, out=high)
    return work[first : last + 1]


def lower_median(rows: Sequence[Array]) -> Array:
    """Per column the exact lower median: rank (n-1)//2. Integers and booleans merge by it."""
    middle = (len(rows) - 1) // 2
    return ranked(rows, middle, middle)[0]


@lru_cache(maxsize=64)
def network(n: int, first: int, last: int) -> tuple[Exchange, ...]:
    """The exchanges that bring ranks first..last of n rows to their places."""
    wanted, kept = set(range(first, last + 1)), []
    for low, high in reversed(list(_merge_exchange(n))):
        if low in wanted or high in wanted:
            kept.append(Exchange(low, high, low in wanted, high in wanted))
            wanted |= {low, high}
    return tuple(reversed(kept))


def _merge_exchange(n: int) -> Iterator[tuple[int, int]]:
    top = 1 << max((n - 1).bit_length() - 1, 0)
    p = top
    while p:
        q, r, d = top, 0, p
        while True:
            yield from ((i, i + d) for i in range(n - d) if i & p == r)
            if q == p:
                break
            d, q, r = q - p, q >> 1, p
        p >>= 1


def _fresh(row: Array) -> Array:
    """A copy to work in, without -0.0; float16 as float32, where min and max are fast and exact."""
    if row.dtype.kind != "f":
        return row.copy()
    wide = row.dtype if row.dtype.itemsize > 2 else np.dtype(np.float32)
    return np.add(row, wide.type(0.0), dtype=wide)
