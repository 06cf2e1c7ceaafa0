"""Something that is on or off, and can be waited for."""

from __future__ import annotations

import trio


class Switch:
    """On or off. Turned off by several, it is on again when all have taken that back."""

    def __init__(self) -> None:
        self._off = 0
        self._changed = trio.Event()

    @property
    def on(self) -> bool:
        """Whether nobody has it off."""
        return self._off == 0

    def turn(self, *, off: int) -> None:
        """Off once more; with -1, once less."""
        self._off += off
        if self.on:
            self._changed.set()
            self._changed = trio.Event()

    async def wait(self) -> None:
        """Wait until it is on."""
        while not self.on:
            await self._changed.wait()
