"""Seams laid over seams: each passes everything on, and attackers change one method."""

from __future__ import annotations

from collections.abc import Mapping, Set
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING

from node.blobs import Blobs, Draft, Partial
from node.database import Database, OwnUpdate
from node.digest import Digest, Outline
from node.exchange import Exchange, PeerKey, Traffic
from node.weights import Array

if TYPE_CHECKING:
    from node.task import Data
    from node.train import Trained, Trainer


class OverBlobs:
    """Blobs over blobs."""

    def __init__(self, under: Blobs) -> None:
        self.under = under

    def has(self, digest: Digest) -> bool:
        """See Blobs."""
        return self.under.has(digest)

    def outline(self, digest: Digest) -> Outline:
        """See Blobs."""
        return self.under.outline(digest)

    def view(self, digest: Digest) -> memoryview:
        """See Blobs."""
        return self.under.view(digest)

    def put(self, data: bytes | memoryview) -> Digest:
        """See Blobs."""
        return self.under.put(data)

    def draft(self, size: int) -> AbstractContextManager[Draft]:
        """See Blobs."""
        return self.under.draft(size)

    def partial(self, outline: Outline) -> Partial:
        """See Blobs."""
        return self.under.partial(outline)

    def drop(self, digest: Digest) -> None:
        """See Blobs."""
        self.under.drop(digest)


class OverDatabase:
    """A database over a database."""

    def __init__(self, under: Database) -> None:
        self.under = under

    def own_update(self, run: int, round_: int, base: Digest) -> OwnUpdate | None:
        """See Database."""
        return self.under.own_update(run, round_, base)

    def promise(self, run: int, round_: int, base: Digest, update: OwnUpdate) -> OwnUpdate:
        """See Database."""
        return self.under.promise(run, round_, base, update)

    def promises_from(self, run: int, round_: int) -> int:
        """See Database."""
        return self.under.promises_from(run, round_)


class OverExchange:
    """An exchange over an exchange."""

    def __init__(self, under: Exchange) -> None:
        self.under = under

    def serve(self) -> AbstractAsyncContextManager[None]:
        """See Exchange."""
        return self.under.serve()

    def admit(self, members: Set[PeerKey]) -> None:
        """See Exchange."""
        self.under.admit(members)

    async def fetch(self, digest: Digest, peer: PeerKey, max_bytes: int) -> None:
        """See Exchange."""
        await self.under.fetch(digest, peer, max_bytes)

    def traffic(self) -> Traffic:
        """See Exchange."""
        return self.under.traffic()


class OverTrainer:
    """A trainer over a trainer."""

    def __init__(self, under: Trainer) -> None:
        self.under = under

    def initial(self, seed: int) -> dict[str, Array]:
        """See Trainer."""
        return self.under.initial(seed)

    def fit(self, base: Mapping[str, Array], seed: int) -> Trained:
        """See Trainer."""
        return self.under.fit(base, seed)

    def evaluate(self, tensors: Mapping[str, Array], data: Data | None = None) -> dict[str, float]:
        """See Trainer."""
        return self.under.evaluate(tensors, data)
