"""Files that are whole and on disk, or not there at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from node.errors import DiskFull, InfrastructureFault, WrongUse

_OPERATORS = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOENT, errno.EISDIR, errno.EEXIST,
}  # fmt: skip
"""What is wrong with the place itself, and won't pass."""


def write_whole(path: Path, data: bytes | memoryview) -> None:
    """Write a file durably; it has its name only once it is complete. See `disk_faults`."""
    with writing_whole(path) as file:
        file.write(data)


@contextlib.contextmanager
def writing_whole(path: Path) -> Iterator[IO[bytes]]:
    """The same for a file that is written piece by piece; whatever fails meanwhile, nothing stays."""
    fresh = path.with_name(path.name + ".new")
    with disk_faults(path.parent):
        try:
            with fresh.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise
        sync_folder(path.parent)


@contextlib.contextmanager
def disk_faults(folder: Path) -> Iterator[None]:
    """A `folder` that can't be written is DiskFull, WrongUse (the place itself) or another fault."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskFull(f"no room left in {folder}: free some and start again") from None
        if error.errno in _OPERATORS:
            raise WrongUse(f"{folder} can't be written: {error.strerror}: choose or mend it") from None
        raise InfrastructureFault(f"{folder} can't be written: {error.strerror}") from None


def hold(file: IO[Any], busy: str) -> None:
    """Lock an open file for this process, until it is closed. Raises WrongUse, saying `busy`."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise WrongUse(busy) from None


def sync_folder(folder: Path) -> None:
    """Make renames within a folder durable."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
