"""Watches the chain and folds what it says; others wait for it to change."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

import trio

from node.errors import InfrastructureFault
from node.ledger import Event, Ledger
from node.state import Chronicle, apply_all

log = logging.getLogger(__name__)

MAX_POLL_SECONDS = 10.0

Fold = Callable[[Chronicle, Iterable[Event]], Chronicle]


class Watch:
    """The chronicle as far as the chain is final, kept up to date by `run`.

    confirmations: blocks on top before a block is acted on. fold: `apply_all`, or what does the same.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        poll_seconds: float = 1.0,
        confirmations: int = 0,
        fold: Fold = apply_all,
    ) -> None:
        self.chronicle = Chronicle()
        self.seen = ledger.network.deployed_block - 1
        self.confirmations = confirmations
        self._ledger = ledger
        self._poll_seconds, self._fold = poll_seconds, fold
        self._looking = trio.Lock()
        self._changed = trio.Event()
        self._hurry = trio.Event()

    async def run(self) -> None:
        """Follow the chain for ever; one that doesn't answer is asked again, ever less often."""
        pause = self._poll_seconds
        while True:
            try:
                await self.catch_up()
                pause = self._poll_seconds
            except InfrastructureFault as error:
                pause = min(2 * max(pause, 0.1), MAX_POLL_SECONDS)
                log.warning("%s; asking again in %.1f s", error, pause)
            with trio.move_on_after(pause):
                await self._hurry.wait()
            self._hurry = trio.Event()

    def hurry(self) -> None:
        """Look at once: there is something new."""
        self._hurry.set()

    async def catch_up(self) -> None:
        """Fold every event that is final by now. Raises ChainUnreachable."""
        async with self._looking:
            last = (await self._ledger.head()).number - self.confirmations
            if last > self.seen:
                found = await self._ledger.events(self.seen + 1, last)
                self.chronicle = self._fold(self.chronicle, (logged.event for logged in found))
                self.seen = last
                self.notify()

    async def start_over(self, confirmations: int) -> None:
        """Forget what was seen; `run` reads it again, and no further than so deep."""
        async with self._looking:
            self.chronicle, self.seen = Chronicle(), self._ledger.network.deployed_block - 1
            self.confirmations = confirmations
        self.hurry()

    def notify(self) -> None:
        """Wake whoever waits: the chain has said something new, or our own work is done."""
        self._changed.set()
        self._changed = trio.Event()

    async def changed(self) -> None:
        """Wait until there is something new."""
        await self._changed.wait()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition on the chronicle holds."""
        while not condition():
            await self.changed()
