"""A node's exchange in the world: the one in memory, over wires; the world sees who got what first."""

from __future__ import annotations

from collections.abc import Callable, Set
from contextlib import AbstractAsyncContextManager

from node.digest import Digest
from node.errors import PeerUnreachable
from node.exchange import PeerKey, Traffic
from node.testing import MemoryExchange
from sim.world.life import Life
from sim.world.wires import Wires


class WorldExchange:
    """An `Exchange` whose requests and answers take time and get lost.

    place: the party behind a peer key, None for a key that nobody has now. seen: told of each blob
    that this node got from somebody.
    """

    def __init__(
        self,
        inner: MemoryExchange,
        wires: Wires,
        member: int,
        life: Life,
        place: Callable[[PeerKey], int | None],
        seen: Callable[[Digest], None],
    ) -> None:
        self._inner, self._wires, self._member, self._life = inner, wires, member, life
        self._place, self._seen = place, seen

    def serve(self) -> AbstractAsyncContextManager[None]:
        """See Exchange."""
        return self._inner.serve()

    def admit(self, members: Set[PeerKey]) -> None:
        """See Exchange."""
        self._life.check()
        self._inner.admit(members)

    def traffic(self) -> Traffic:
        """See Exchange."""
        return self._inner.traffic()

    async def fetch(self, digest: Digest, peer: PeerKey, max_bytes: int) -> None:
        """See Exchange."""
        await self._life.awake()
        other = self._place(peer)
        if other is None or not await self._wires.ask(self._member, other, lambda: True):
            raise PeerUnreachable(f"member {other}: no answer")
        await self._life.awake()
        await self._inner.fetch(digest, peer, max_bytes)
        self._seen(digest)
