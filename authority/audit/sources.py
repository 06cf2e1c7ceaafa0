"""Blobs from wherever they lie; a copy counts only if its bytes have the digest."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from node.blobs import DiskBlobs
from node.digest import Digest, outline_file
from node.erasure import erasure

SMALL = 1 << 20
"""Bytes that are read of what should be a receipt: 256 inputs take less than a tenth."""


LARGEST = 1 << 36
"""Bytes of a file that is still hashed: more than any model that a node could merge."""


class Sources(Protocol):
    """Where an audit finds blobs."""

    def has(self, digest: Digest) -> bool:
        """Whether there is a whole copy."""
        ...

    def read(self, digest: Digest) -> bytes | None:
        """The content of a whole copy, of what is small: at most SMALL bytes of it."""
        ...

    def collect(self, digest: Digest) -> bool:
        """Make a blob available where merges are redone; False when no whole copy exists."""
        ...

    def damaged(self, digest: Digest) -> str:
        """Where a damaged copy was seen; empty if none was."""
        ...

    def erased(self, digest: Digest) -> str:
        """When and why somebody deleted it on purpose, in words; empty if nobody said so."""
        ...


class FolderSources:
    """Blobs in any number of folders, named by digest; linked, never copied. For several threads."""

    def __init__(self, folders: Sequence[Path], into: DiskBlobs) -> None:
        self._folders, self._into = folders, into
        self._found: dict[Digest, Path | None] = {}
        self._damaged: dict[Digest, Path] = {}

    def has(self, digest: Digest) -> bool:
        """See Sources."""
        return self._find(digest) is not None

    def read(self, digest: Digest) -> bytes | None:
        """See Sources."""
        found = self._find(digest)
        if found is None:
            return None
        with found.open("rb") as file:
            return file.read(SMALL)

    def collect(self, digest: Digest) -> bool:
        """See Sources."""
        if self._into.has(digest):
            return True
        found = self._find(digest)
        if found is not None:
            with contextlib.suppress(FileExistsError):  # another thread was faster
                self._into.path(digest).symlink_to(found.resolve())
        return found is not None

    def damaged(self, digest: Digest) -> str:
        """See Sources."""
        return str(self._damaged.get(digest, ""))

    def erased(self, digest: Digest) -> str:
        """See Sources."""
        notes = (erasure(folder, digest) for folder in self._folders)
        return next((note for note in notes if note), "")

    def _find(self, digest: Digest) -> Path | None:
        """A whole copy; each is hashed once, and damaged ones are remembered."""
        if digest not in self._found:
            self._found[digest] = self._whole(digest)
        return self._found[digest]

    def _whole(self, digest: Digest) -> Path | None:
        for folder in self._folders:
            path = folder / digest.hex
            if is_copy(path, digest):
                return path
            if path.exists():
                self._damaged.setdefault(digest, path)
        return None


def is_copy(path: Path, digest: Digest) -> bool:
    """Whether a file holds exactly a blob; what is no file, or can't be read, isn't waited for."""
    try:
        small = path.is_file() and path.stat().st_size <= LARGEST
        return small and outline_file(path).digest == digest
    except OSError:
        return False
