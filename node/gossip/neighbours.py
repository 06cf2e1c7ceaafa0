"""Who hears whom in a round of a gossip run: a pure function of what the chain says.

Members that revealed stand on a ring, in an order that the round's seed draws; everybody's neighbours
are those within k / 2 places on either side. So neighbours are mutual, everybody has equally many,
and nobody knows who they will be before all have revealed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from eth_utils.crypto import keccak


def drawn(seed: bytes, members: Iterable[int], k: int) -> Mapping[int, tuple[int, ...]]:
    """Each member's neighbours, ascending. k: even; with k members or fewer all hear each other."""
    return _drawn(seed, tuple(sorted(members)), k)


@lru_cache(maxsize=64)
def _drawn(seed: bytes, members: tuple[int, ...], k: int) -> Mapping[int, tuple[int, ...]]:
    ring = sorted(members, key=lambda member: keccak(seed + member.to_bytes(32, "big")))
    reach = min(k // 2, len(ring) // 2)
    steps = [step for step in range(-reach, reach + 1) if step]
    return {
        member: tuple(sorted({ring[(place + step) % len(ring)] for step in steps} - {member}))
        for place, member in enumerate(ring)
    }
