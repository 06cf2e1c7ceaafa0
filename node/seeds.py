"""Seeds from seeds: one number behind everything pseudorandom in a run, told apart by words."""

from __future__ import annotations

import hashlib


def derive(seed: int, *words: str | int) -> int:
    """A seed for one purpose, from 0 to 2^63 - 1: the same for the same arguments on any machine.

    Each word is written with its kind and length, so no two lists of words give the same input:
    ("a", "bc") isn't ("ab", "c"), nor is 1 the same as "1".
    """
    parts = (f"{type(word).__name__}:{len(str(word).encode())}:{word}" for word in (seed, *words))
    state = hashlib.sha256(b"waggle/seed/1\x00" + "".join(parts).encode()).digest()
    return int.from_bytes(state[:8], "big") >> 1
