"""Makes node/vectors/merge.safetensors: `python -m tests.merge_vectors` from the project's folder.

The bits come from SHA-256 in counter mode, so that the file can be made again anywhere; the tests check
that it is what this page makes.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from node.weights import Array, encode

FILE = Path(__file__).parents[1] / "node" / "vectors" / "merge.safetensors"
ROWS = 8
PER_KIND = 21

_FLOATS = {"F16": (np.float16, 10, 15), "F32": (np.float32, 23, 127), "F64": (np.float64, 52, 1023)}


def random_bits(label: str, count: int) -> Array:
    """`count` 64-bit words that depend on nothing but the label."""
    blocks = (hashlib.sha256(f"{label} {i}".encode()).digest() for i in range(-(-count // 4)))
    return np.frombuffer(b"".join(blocks), "<u8")[:count].copy()


def make() -> bytes:
    """The vector file's bytes."""
    tables = {name.lower(): _floats(name) for name in _FLOATS}
    for name, dtype in (("i8", "i1"), ("i16", "i2"), ("i32", "i4"), ("i64", "i8"), ("u8", "u1")):
        tables[name] = random_bits(name, ROWS * 37).reshape(ROWS, 37).astype(dtype)
    tables["bool"] = (random_bits("bool", ROWS * 37).reshape(ROWS, 37) & 1).astype(np.bool_)
    return encode(tables)


def _floats(name: str) -> Array:
    dtype, mantissa, bias = _FLOATS[name]
    largest = min(bias, 127)
    kinds = [
        _patterns(f"{name} plain", dtype, mantissa, (bias - 8, bias + 2)),
        _patterns(f"{name} subnormal", dtype, mantissa, (0, 1)),
        _patterns(f"{name} near subnormal", dtype, mantissa, (0, 3)),
        _patterns(f"{name} large", dtype, mantissa, (bias + largest - 2, bias + largest)),
        _patterns(f"{name} mixed", dtype, mantissa, (bias - largest + 1, bias + largest)),
        _close(f"{name} close", dtype, mantissa),
        _zeros(f"{name} zeros", dtype, mantissa, bias),
    ]
    return np.concatenate(kinds, axis=1)


def _patterns(label: str, dtype: type, mantissa: int, exponents: tuple[int, int]) -> Array:
    """Random signs and mantissas, biased exponents from exponents[0] to exponents[1] - 1."""
    bits = random_bits(label, ROWS * PER_KIND).reshape(ROWS, PER_KIND)
    low, high = exponents
    exponent = low + (bits >> 53) % (high - low)
    word = np.dtype(dtype).itemsize * 8
    raw = (bits & ((1 << mantissa) - 1)) | (exponent << mantissa) | ((bits >> 52 & 1) << (word - 1))
    return raw.astype(f"u{word // 8}").view(dtype)


def _close(label: str, dtype: type, mantissa: int) -> Array:
    """100 and a little: values a few units in the last place apart, where halves tie."""
    bits = random_bits(label, ROWS * PER_KIND).reshape(ROWS, PER_KIND)
    return (100 + (bits % 5).astype(np.float64) * 2.0 ** (6 - mantissa)).astype(dtype)


def _zeros(label: str, dtype: type, mantissa: int, bias: int) -> Array:
    """Half signed zeros, half values around 1."""
    values = _patterns(label, dtype, mantissa, (bias - 1, bias + 1))
    return values * (random_bits(label + "?", values.size).reshape(values.shape) & 1).astype(dtype)


if __name__ == "__main__":
    FILE.write_bytes(make())
