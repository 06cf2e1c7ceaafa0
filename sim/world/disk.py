"""A node's disk: blobs and database survive its process; while a life lasts, it may be full.

Both stores keep their promise that what a call wrote is there when it returns. Each act is a step of
the life, so a process can die before any of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from node.blobs import Draft, Partial
from node.database import DiskDatabase, OwnUpdate
from node.digest import Digest, Outline
from node.errors import DiskFull
from node.testing import MemoryBlobs
from sim.world.life import Life
from sim.world.switch import Switch


class Disk:
    """What a crash leaves."""

    def __init__(self) -> None:
        self.room = Switch()
        self.blobs, self.lost = MemoryBlobs(), MemoryBlobs()
        self.database = DiskDatabase(Path(":memory:"))

    def lose(self, digest: Digest) -> None:
        """A blob is gone; `lost` has what somebody may have copied before."""
        self.lost.put(self.blobs.view(digest))
        self.blobs.drop(digest)

    def wipe(self) -> None:
        """A new, empty disk."""
        for digest in list(self.blobs):
            self.lose(digest)
        self.blobs = MemoryBlobs()
        self.database = DiskDatabase(Path(":memory:"))

    def restart(self) -> None:
        """What was not whole is gone."""
        self.blobs = self.blobs.reopened()

    def check_room(self) -> None:
        """Raises DiskFull."""
        if not self.room.on:
            raise DiskFull("no room left on the world's disk: free some and start the node again")


class LivingBlobs:
    """The `Blobs` that one life sees."""

    def __init__(self, disk: Disk, life: Life) -> None:
        self._disk, self._blobs, self._life = disk, disk.blobs, life

    def __iter__(self) -> Iterator[Digest]:
        return iter(self._blobs)

    def has(self, digest: Digest) -> bool:
        """See Blobs."""
        self._life.check()
        return self._blobs.has(digest)

    def outline(self, digest: Digest) -> Outline:
        """See Blobs."""
        self._life.check()
        return self._blobs.outline(digest)

    def view(self, digest: Digest) -> memoryview:
        """See Blobs."""
        self._life.check()
        return self._blobs.view(digest)

    def put(self, data: bytes | memoryview) -> Digest:
        """See Blobs."""
        self._before_writing()
        return self._blobs.put(data)

    @contextlib.contextmanager
    def draft(self, size: int) -> Iterator[Draft]:
        """See Blobs."""
        self._before_writing()
        with self._blobs.draft(size) as draft:
            yield draft
            self._life.check()

    def partial(self, outline: Outline) -> Partial:
        """See Blobs."""
        self._before_writing()
        return self._blobs.partial(outline)

    def drop(self, digest: Digest) -> None:
        """See Blobs."""
        self._life.act()
        self._blobs.drop(digest)

    def _before_writing(self) -> None:
        self._life.act()
        self._disk.check_room()


class LivingDatabase:
    """The `Database`, and the outbox, that one life sees."""

    def __init__(self, disk: Disk, life: Life) -> None:
        self._disk, self._database, self._life = disk, disk.database, life

    def own_update(self, run: int, round_: int, base: Digest) -> OwnUpdate | None:
        """See Database."""
        self._life.check()
        return self._database.own_update(run, round_, base)

    def promise(self, run: int, round_: int, base: Digest, update: OwnUpdate) -> OwnUpdate:
        """See Database."""
        self._before_writing()
        return self._database.promise(run, round_, base, update)

    def promises_from(self, run: int, round_: int) -> int:
        """See Database."""
        self._before_writing()
        return self._database.promises_from(run, round_)

    def save(self, account: str, nonce: int, hash_: bytes, raw: bytes, /) -> None:
        """See Outbox."""
        self._before_writing()
        self._database.save(account, nonce, hash_, raw)

    def unsettled(self, account: str, /) -> Sequence[tuple[int, bytes]]:
        """See Outbox."""
        self._life.check()
        return self._database.unsettled(account)

    def known(self, account: str, first: int, last: int, /) -> Sequence[tuple[int, bytes]]:
        """See Outbox."""
        self._life.check()
        return self._database.known(account, first, last)

    def settle(self, account: str, nonce: int, /) -> None:
        """See Outbox."""
        self._before_writing()
        self._database.settle(account, nonce)

    def _before_writing(self) -> None:
        self._life.act()
        self._disk.check_room()
