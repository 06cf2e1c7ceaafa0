"""What a world left, read once: what its promises are checked on, and the form of what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from authority.audit.record import Record
from node.blobs import Blobs
from node.digest import Digest
from node.testing import MemoryBlobs
from sim.world.world import Evidence

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that didn't hold, and how it shows."""

    promise: str
    how: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.how}"


class Facts:
    """The evidence, read once."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence, self.story = evidence, evidence.story
        self.logged, self.chronicle, self.run = evidence.chain.logged, evidence.chronicle, evidence.run
        self.honest = {m: node for m, node in evidence.nodes.items() if node.honest}
        self.members = {
            account: member for member, node in evidence.nodes.items() for account in node.accounts
        }

    @cached_property
    def record(self) -> Record:
        """What an auditor of the world's chain reads."""
        chain = self.evidence.chain
        times = {number: int(time) for number, time in chain.times().items()}
        return Record(chain.network, 0, self.logged, {}, self.chronicle, times)

    @cached_property
    def able(self) -> frozenset[int]:
        """Honest members but those that have lost a model of their own which nobody can make again."""
        return frozenset(m for m in self.honest if self._has_model(m))

    def _has_model(self, member: int) -> bool:
        """Whether what its model is made of is on honest disks, where it isn't on its own."""
        lived = self.run.lived_by(member)
        made = next((r for r in reversed(lived.rounds[:-1]) if r.finalized), None)
        own = self.honest[member].disk.blobs
        if self.story.neighbours is None or made is None or made.finalized is None:
            return True
        inputs = [made.revealed[m].digest for m in self.run.members_in(made.finalized.inputs)]
        disks = [node.disk.blobs for node in self.honest.values()]
        return own.has(made.finalized.merged) or all(any(d.has(i) for d in disks) for i in inputs)

    def signed_by_honest(self, kind: type[T]) -> Iterator[tuple[int, T]]:
        """Calls of a kind that honest members ever signed, with the member."""
        for signed in self.evidence.signatures.made:
            if isinstance(signed.call, kind) and self.members[signed.account] in self.honest:
                yield self.members[signed.account], signed.call


Check = Callable[[Facts], Iterator[str]]
"""Yields what is wrong, in words."""


class Disks:
    """Stores of a world as `Sources`."""

    def __init__(self, stores: Iterable[Blobs]) -> None:
        self.blobs = MemoryBlobs()
        self._disks = tuple(stores)

    def has(self, digest: Digest) -> bool:
        """See Sources."""
        return any(blobs.has(digest) for blobs in self._disks)

    def read(self, digest: Digest) -> bytes | None:
        """See Sources."""
        return next((bytes(b.view(digest)) for b in self._disks if b.has(digest)), None)

    def collect(self, digest: Digest) -> bool:
        """See Sources."""
        content = None if self.blobs.has(digest) else self.read(digest)
        if content is not None:
            self.blobs.put(content)
        return self.blobs.has(digest)

    def damaged(self, digest: Digest) -> str:
        """See Sources. Disks here lose files, they don't spoil them."""
        return ""

    def erased(self, digest: Digest) -> str:
        """See Sources. Nobody erases anything here."""
        return ""
