"""Blobs in memory: the same promises as those on disk, without files.

Goals: passes the suite that the real one passes; as cheap as a dict, since a simulated world keeps
many nodes' blobs. Non-goals: full and damaged disks: those are wrappers of the seam.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from node.blobs import Draft, Partial
from node.digest import Digest, Outline, chunk_hash, outline


class MemoryBlobs:
    """A `Blobs` whose content is gone with the process, unless `reopened`."""

    def __init__(self) -> None:
        self._content: dict[Digest, bytes] = {}
        self._outlines: dict[Digest, Outline] = {}
        self._partials: dict[Digest, _MemoryPartial] = {}

    def reopened(self) -> MemoryBlobs:
        """What the next process finds after this one was killed: blobs that were whole, nothing else.

        What is left of this process can't touch it.
        """
        later = MemoryBlobs()
        later._content, later._outlines = self._content.copy(), self._outlines.copy()
        return later

    def __iter__(self) -> Iterator[Digest]:
        return iter(list(self._content))

    def has(self, digest: Digest) -> bool:
        """See Blobs."""
        return digest in self._content

    def outline(self, digest: Digest) -> Outline:
        """See Blobs. It is computed once, when the blob comes."""
        return self._outlines[digest]

    def view(self, digest: Digest) -> memoryview:
        """See Blobs."""
        return memoryview(self._content[digest])

    def put(self, data: bytes | memoryview) -> Digest:
        """See Blobs."""
        whole = outline(data)
        digest = whole.digest
        if digest not in self._content:
            self.adopt(digest, whole, bytes(data))
        return digest

    @contextlib.contextmanager
    def draft(self, size: int) -> Iterator[Draft]:
        """See Blobs."""
        yield _MemoryDraft(self, size)

    def partial(self, outline: Outline) -> Partial:
        """See Blobs."""
        digest = outline.digest
        if digest not in self._partials:
            fresh = _MemoryPartial(self, digest, outline)
            if not outline.chunks:
                self.adopt(digest, outline, b"")
                return fresh
            self._partials[digest] = fresh
        return self._partials[digest]

    def drop(self, digest: Digest) -> None:
        """See Blobs."""
        self._content.pop(digest, None)
        self._outlines.pop(digest, None)
        if partial := self._partials.pop(digest, None):
            partial.abandon()

    def adopt(self, digest: Digest, outline: Outline, content: bytes) -> None:
        """Keep content that is known to be `outline`'s."""
        self._content[digest], self._outlines[digest] = content, outline
        if partial := self._partials.pop(digest, None):
            partial.abandon()


class _MemoryDraft:
    def __init__(self, blobs: MemoryBlobs, size: int) -> None:
        self._blobs, self._data = blobs, bytearray(size)

    def write(self, at: int, data: bytes | memoryview) -> None:
        # As in a file: what lies beyond the end lengthens it, with zeros between.
        view = memoryview(data).cast("B")
        self._data.extend(bytes(max(0, at + len(view) - len(self._data))))
        self._data[at : at + len(view)] = view

    def finish(self) -> Digest:
        whole = outline(self._data)
        digest = whole.digest
        self._blobs.adopt(digest, whole, bytes(self._data))
        return digest


class _MemoryPartial:
    def __init__(self, blobs: MemoryBlobs, digest: Digest, outline: Outline) -> None:
        self._blobs, self._digest, self._outline, self._next = blobs, digest, outline, 0
        self._chunks: list[bytes] = []

    def missing(self) -> range:
        return range(self._next, len(self._outline.chunks))

    def add(self, chunk: bytes | memoryview) -> bool:
        if not self.missing() or chunk_hash(chunk) != self._outline.chunks[self._next]:
            return False
        self._chunks.append(bytes(chunk))
        self._next += 1
        if not self.missing():
            self._blobs.adopt(self._digest, self._outline, b"".join(self._chunks))
        return True

    def abandon(self) -> None:
        """Nothing more can be added."""
        self._next = len(self._outline.chunks)
        self._chunks.clear()
