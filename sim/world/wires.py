"""What connects nodes with each other and with the chain: slow, lossy, and cut now and then.

Every message takes a drawn time, so that messages overtake each other. One that is lost is noticed by
whoever waits for the answer after `PATIENCE`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from random import Random
from typing import TypeVar

from sim.world.seeded import sleep

CHAIN = 0
"""The chain's place among the parties; nodes are at their member numbers."""

PATIENCE = 10.0
"""Seconds after which a silent party is given up, as the real exchange and the real chain do."""

TICK, SLOWEST = 0.1, 3
"""Seconds of which a request and its answer take 1 to `SLOWEST` times as many.

Coarse on purpose: much then happens at once, in an order that the seed draws, and that costs less."""

T = TypeVar("T")


class Wires:
    """One wire for each ordered pair of parties."""

    def __init__(self, lots: Random) -> None:
        self._lots = lots
        self._cut: dict[tuple[int, int], int] = defaultdict(int)
        self._slow: dict[int, int] = defaultdict(int)
        self._lossy: dict[int, int] = defaultdict(int)
        self._deaf: dict[int, int] = defaultdict(int)

    async def ask(self, sender: int, receiver: int, answer: Callable[[], T]) -> T | None:
        """A request, what the receiver does about it, and its answer; None when either was lost.

        All of the time is spent on the way there: who asks can't tell.
        """
        if self._is_lost(sender, receiver):
            await sleep(PATIENCE)
            return None
        slow = 50 if self._slow[sender] or self._slow[receiver] else 1
        await sleep(slow * TICK * self._lots.randint(1, SLOWEST))
        answered = None if self._cut[sender, receiver] else answer()
        if answered is None or self._is_lost(receiver, sender):
            await sleep(PATIENCE)
            return None
        return answered

    def cut(self, senders: set[int], receivers: set[int], times: int = 1) -> None:
        """Cut all wires from these senders to these receivers; `times` = -1 mends them."""
        for sender in senders:
            for receiver in receivers - {sender}:
                self._cut[sender, receiver] += times

    def slow(self, member: int, times: int = 1) -> None:
        """Make all wires of a node slow; `times` = -1 takes it back."""
        self._slow[member] += times

    def lossy(self, member: int, times: int = 1) -> None:
        """Make all wires of a node lose a fifth of their messages; `times` = -1 takes it back."""
        self._lossy[member] += times

    def deafen(self, member: int, times: int = 1) -> None:
        """Let a node hear nothing; `times` = -1 takes it back."""
        self._deaf[member] += times

    def is_cut(self, sender: int, receiver: int) -> bool:
        """Whether nothing gets through now."""
        return bool(self._cut[sender, receiver])

    def _is_lost(self, sender: int, receiver: int) -> bool:
        if self._cut[sender, receiver] or self._deaf[receiver]:
            return True
        lossy = self._lossy[sender] or self._lossy[receiver]
        return bool(lossy) and self._lots.random() < 0.2
