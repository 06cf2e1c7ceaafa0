"""Reproducible sums over inputs: one row after the other, multiplied then added, in float64.

Elementwise IEEE operations in a fixed order give the same bits on every processor; dot products,
fused multiply-adds and reductions along a row don't.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from node.weights import Array


def weighted_mean(rows: Sequence[Array], weights: Sequence[int]) -> Array:
    """sum(w x) / sum(w) per column, in float64.

    The weights are whole, so their sum is exact in whatever way Python adds. No overflow:
    verification bounds values by 2^128, and weights are below 2^64.
    """
    total = np.zeros(len(rows[0]))
    part = np.empty_like(total)
    for row, weight in zip(rows, weights, strict=True):
        part[:] = row
        if weight != 1:
            part *= float(weight)
        total += part
    total /= float(sum(weights))
    return total


def settle(values: Array, dtype: np.dtype[np.floating]) -> Array:
    """Merged columns in the model's dtype, rounded once; -0.0 becomes 0.0.

    A mean lies between its inputs up to float64's rounding, so rounding to a narrower dtype can't
    overflow.
    """
    return np.add(values.astype(dtype, copy=False), dtype.type(0.0))
