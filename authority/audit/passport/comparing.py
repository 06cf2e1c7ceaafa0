"""Compares the blocks that a passport hangs on with other nodes of the chain."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from authority.audit.passport.evidence import Evidence
from authority.audit.passport.trail import Anchor
from node.errors import ChainUnreachable, WrongUse

_AT_ONCE = 64


async def differences(evidence: Evidence, chain_id: int, anchors: Sequence[Anchor]) -> tuple[str, ...]:
    """Which blocks an endpoint has with another hash, in words.

    Raises WrongUse for an endpoint of another chain, ChainUnreachable, also for one that lags behind.
    """
    there = await evidence.chain_id()
    if there != chain_id:
        raise WrongUse(f"{evidence.name} is on chain {there}, the passport's is chain {chain_id}")
    height = await evidence.height()
    if height < anchors[-1].number:
        raise ChainUnreachable(
            f"{evidence.name} has {height} blocks, the passport goes up to block {anchors[-1].number}: "
            "ask when it has caught up, or another"
        )
    found: list[str] = []
    for start in range(0, len(anchors), _AT_ONCE):
        async with trio.open_nursery() as nursery:
            for anchor in anchors[start : start + _AT_ONCE]:
                nursery.start_soon(_compare, evidence, anchor, found)
    return tuple(sorted(found))


async def _compare(evidence: Evidence, anchor: Anchor, found: list[str]) -> None:
    there = bytes((await evidence.block(anchor.number))["hash"])
    if there != anchor.hash:
        found.append(
            f"block {anchor.number} is {there.hex()[:8]} at {evidence.name}, "
            f"{anchor.hash.hex()[:8]} in the passport"
        )
