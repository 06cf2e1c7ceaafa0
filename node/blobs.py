"""Blobs on disk, named by digest.

A blob is written under a temporary name, fsynced, checked against its digest, and renamed: under its
final name it is whole. Reads are memory-mapped, so a blob costs no memory of its own. Temporary
files of a killed process are swept when the process that owns the folder opens the store.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, Self

from node.digest import CHUNK, Digest, Outline, chunk_hash, outline, outline_file
from node.durable import disk_faults, sync_folder
from node.errors import Damaged

_TEMPORARY = ".part-"


class Partial(Protocol):
    """A blob whose outline is known and whose chunks arrive one by one."""

    def missing(self) -> range:
        """The chunks still to come: chunks arrive in order, so this is a range to the end."""
        ...

    def add(self, chunk: bytes | memoryview) -> bool:
        """Take the next chunk; False, and nothing kept, when it isn't what the outline says."""
        ...


class Draft(Protocol):
    """A blob in the making, written anywhere in any order; its digest is known at the end."""

    def write(self, at: int, data: bytes | memoryview) -> None:
        """Write bytes at an offset. Raises DiskFull."""
        ...

    def finish(self) -> Digest:
        """Make it a blob. Raises DiskFull."""
        ...


class Blobs(Protocol):
    """What a node keeps by digest."""

    def has(self, digest: Digest) -> bool:
        """Whether the blob is here, whole."""
        ...

    def outline(self, digest: Digest) -> Outline:
        """Size and chunk hashes, checked against the digest. Raises KeyError, Damaged."""
        ...

    def view(self, digest: Digest) -> memoryview:
        """The content, memory-mapped and read-only. Raises KeyError."""
        ...

    def put(self, data: bytes | memoryview) -> Digest:
        """Keep a blob held in memory; it is on disk when this returns. Raises DiskFull."""
        ...

    def draft(self, size: int) -> contextlib.AbstractContextManager[Draft]:
        """Make a blob of `size` bytes piece by piece; nothing stays unless finished."""
        ...

    def partial(self, outline: Outline) -> Partial:
        """Receive a blob chunk by chunk, from several peers if need be; kept when complete."""
        ...

    def drop(self, digest: Digest) -> None:
        """Forget a blob, if it is here, and what was received of it so far."""
        ...


class DiskBlobs:
    """Blobs as files in one folder; the file name is the digest in hex."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._outlines: dict[Digest, Outline] = {}
        self._partials: dict[Digest, _DiskPartial] = {}
        folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    def owned(cls, folder: Path) -> Self:
        """The store of the one process that fetches into a folder; others may look into it."""
        store = cls(folder)
        for stale in folder.glob(f"{_TEMPORARY}*"):
            stale.unlink()
        return store

    def path(self, digest: Digest) -> Path:
        """Where the blob lies, or would lie."""
        return self._folder / digest.hex

    def __iter__(self) -> Iterator[Digest]:
        names = (path.name for path in self._folder.iterdir())
        return (Digest.from_hex(name) for name in names if not name.startswith("."))

    def has(self, digest: Digest) -> bool:
        """See Blobs."""
        return self.path(digest).exists()

    def outline(self, digest: Digest) -> Outline:
        """See Blobs. The file is hashed once; the outline is remembered."""
        if digest not in self._outlines:
            with self._readable(digest) as path:
                found = outline_file(path)
            if found.digest != digest:
                raise Damaged(
                    f"blob {self.path(digest)} has digest {found.digest.short}: it is damaged; "
                    "delete it and the node fetches it again"
                )
            self._outlines[digest] = found
        return self._outlines[digest]

    def view(self, digest: Digest) -> memoryview:
        """See Blobs."""
        with self._readable(digest) as path, path.open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return memoryview(b"")
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def put(self, data: bytes | memoryview) -> Digest:
        """See Blobs."""
        whole = outline(data)
        if not self.has(whole.digest):
            with disk_faults(self._folder), _Temporary(self._folder) as file:
                file.write(0, data)
                self.adopt(file, whole)
        return whole.digest

    @contextlib.contextmanager
    def draft(self, size: int) -> Iterator[Draft]:
        """See Blobs."""
        with disk_faults(self._folder), _Temporary(self._folder) as file:
            file.reserve(size)
            yield _DiskDraft(self, file)

    def partial(self, outline: Outline) -> Partial:
        """See Blobs."""
        digest = outline.digest
        if digest not in self._partials:
            with disk_faults(self._folder):
                fresh = _DiskPartial(self, outline)
            if not fresh.missing():
                return fresh
            self._partials[digest] = fresh
        return self._partials[digest]

    def drop(self, digest: Digest) -> None:
        """See Blobs."""
        self._outlines.pop(digest, None)
        if partial := self._partials.pop(digest, None):
            partial.abandon()
        self.path(digest).unlink(missing_ok=True)

    def adopt(self, file: _Temporary, outline: Outline) -> None:
        """Keep a temporary file whose content is known to be `outline`'s."""
        file.keep(self.path(outline.digest))
        self._outlines[outline.digest] = outline
        if partial := self._partials.pop(outline.digest, None):
            partial.abandon()

    @contextlib.contextmanager
    def _readable(self, digest: Digest) -> Iterator[Path]:
        """Faults of reading as KeyError and Damaged: a peer's request must not end the node."""
        path = self.path(digest)
        try:
            yield path
        except FileNotFoundError:
            raise KeyError(digest) from None
        except OSError as error:
            raise Damaged(f"blob {path} can't be read ({error.strerror}): mend the disk") from None


class _DiskDraft:
    def __init__(self, blobs: DiskBlobs, file: _Temporary) -> None:
        self._blobs, self._file = blobs, file

    def write(self, at: int, data: bytes | memoryview) -> None:
        self._file.write(at, data)

    def finish(self) -> Digest:
        whole = outline_file(self._file.path)
        self._blobs.adopt(self._file, whole)
        return whole.digest


class _DiskPartial:
    def __init__(self, blobs: DiskBlobs, outline: Outline) -> None:
        self._blobs, self._outline, self._next = blobs, outline, 0
        self._file = _Temporary(blobs._folder)
        self._finish_if_complete()

    def missing(self) -> range:
        return range(self._next, len(self._outline.chunks))

    def add(self, chunk: bytes | memoryview) -> bool:
        if not self.missing() or chunk_hash(chunk) != self._outline.chunks[self._next]:
            return False
        with disk_faults(self._file.path.parent):
            self._file.write(self._next * CHUNK, chunk)
            self._next += 1
            self._finish_if_complete()
        return True

    def abandon(self) -> None:
        """Give the room back; nothing more can be added."""
        self._next = len(self._outline.chunks)
        self._file.close()

    def _finish_if_complete(self) -> None:
        if not self.missing():
            self._blobs.adopt(self._file, self._outline)
            self._file.close()


class _Temporary:
    """A file under a temporary name, gone unless kept."""

    def __init__(self, folder: Path) -> None:
        self._fd, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=folder)
        self.path = Path(name)

    def __enter__(self) -> _Temporary:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def reserve(self, size: int) -> None:
        """Take the room now, so that a full disk shows before the work, not after."""
        if size:
            os.posix_fallocate(self._fd, 0, size)

    def write(self, at: int, data: bytes | memoryview) -> None:
        """Write all of `data` at an offset."""
        view = memoryview(data).cast("B")
        while view:
            done = os.pwrite(self._fd, view, at)
            view, at = view[done:], at + done

    def keep(self, final: Path) -> None:
        """Make it durable under its final name."""
        os.fsync(self._fd)
        self.path.replace(final)
        sync_folder(final.parent)

    def close(self) -> None:
        """Close the file; remove it unless it was kept."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self.path.unlink(missing_ok=True)
