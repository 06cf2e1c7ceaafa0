"""A passport's outer form: a line that says what it is, then entries with lengths and checksums.

Goals: whatever is read is bounded; a flipped byte is found and named by the entry that it is in, before
anything is made of its content. Non-goals: proof. Whoever alters an entry can make its checksum anew:
then the proofs, which don't go by checksums, are what finds it. docs/formats.md has the bytes.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO

from node.errors import BadAnswer, WrongUse

FORMAT = 1
_SAYS = b"waggle passport "
_HEAD = 1 + 8 + 8 + 32
_LINE = len(_SAYS) + 8
"""Bytes among which the first line ends."""


class Kind(Enum):
    """What an entry is, in the order in which they come; its byte, and its content's most bytes."""

    FACTS = (b"F", 1 << 16)
    HEADER = (b"H", 1 << 16)
    RECEIPTS = (b"R", 1 << 23)
    CODE = (b"C", 1 << 20)
    ACCOUNT = (b"A", 1 << 18)
    BLOB = (b"B", 1 << 62)
    END = (b"E", 32)


_KINDS = {kind.value[0]: kind for kind in Kind}
_NAMES = {
    Kind.FACTS: "the facts",
    Kind.HEADER: "the header of block {}",
    Kind.RECEIPTS: "the receipts of block {}",
    Kind.CODE: "the code of contract {}",
    Kind.ACCOUNT: "the account proof of contract {}",
    Kind.BLOB: "blob {}",
    Kind.END: "the end",
}


def name_of(kind: Kind, number: int) -> str:
    """What people call an entry."""
    return _NAMES[kind].format(number)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry whose content has its checksum. position: in the file, from 1."""

    kind: Kind
    number: int
    content: memoryview
    checksum: bytes
    position: int

    @property
    def name(self) -> str:
        """For messages."""
        return f"entry {self.position} ({name_of(self.kind, self.number)})"


class Writer:
    """Writes entries one after the other, and the end that seals them."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._seal = file, hashlib.sha256()
        file.write(_SAYS + b"%d\n" % FORMAT)

    def add(self, kind: Kind, number: int, *parts: bytes | memoryview) -> None:
        """One entry, its content in parts."""
        head = kind.value[0] + number.to_bytes(8, "big") + sum(map(len, parts)).to_bytes(8, "big")
        checksum = _checksum(head, *parts)
        self._seal.update(checksum)
        for piece in (head, checksum, *parts):
            self._file.write(piece)

    def end(self) -> bytes:
        """The last entry; gives the seal: a digest of all the others."""
        seal = self._seal.digest()
        self.add(Kind.END, 0, seal)
        return seal


def content_of(path: Path) -> memoryview:
    """A passport's bytes after the first line, memory-mapped. Raises WrongUse for what is none."""
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise WrongUse(f"{path} is no file: give a passport that `waggle audit export` wrote")
            start = _start(path, file.read(_LINE))
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))[start:]
    except OSError as error:
        raise WrongUse(f"{path} can't be read: {error.strerror}") from None


def _start(path: Path, first: bytes) -> int:
    line, end, _ = first.partition(b"\n")
    version = line.removeprefix(_SAYS)
    if not end or version == line or not version.isdigit():
        raise WrongUse(f"{path} is no passport: give a file that `waggle audit export` wrote")
    if version != b"%d" % FORMAT:
        raise WrongUse(
            f"{path} is a passport of format {int(version)}, this release knows {FORMAT}: verify it "
            "with the release that wrote it"
        )
    return len(line) + 1


def entries(data: memoryview) -> Iterator[Entry]:
    """All entries up to the end. Raises BadAnswer naming the first that is damaged."""
    seal, at, position = hashlib.sha256(), 0, 0
    while True:
        position += 1
        entry, at = _entry(data, at, position)
        if entry.kind is Kind.END:
            if entry.number or entry.content != seal.digest():
                raise BadAnswer(f"{entry.name} seals other entries: one was taken out, put in or moved")
            if at != len(data):
                raise BadAnswer(f"{len(data) - at} bytes follow after {entry.name}")
            yield entry
            return
        seal.update(entry.checksum)
        yield entry


def _entry(data: memoryview, at: int, position: int) -> tuple[Entry, int]:
    head = bytes(data[at : at + _HEAD])
    kind = _KINDS.get(head[:1])
    if len(head) < _HEAD:
        raise BadAnswer(f"entry {position} is missing: the file is cut off")
    if kind is None:
        raise BadAnswer(f"entry {position} is damaged: it is of no kind")
    number, length = int.from_bytes(head[1:9], "big"), int.from_bytes(head[9:17], "big")
    name = f"entry {position} ({name_of(kind, number)})"
    at += _HEAD
    if length > min(kind.value[1], len(data) - at):
        raise BadAnswer(f"{name} is damaged, or the file is cut off: it can't have {length} bytes")
    content = data[at : at + length]
    if _checksum(head[:17], content) != head[17:]:
        raise BadAnswer(f"{name} is damaged: it doesn't have its checksum")
    return Entry(kind, number, content, head[17:], position), at + length


def _checksum(*parts: bytes | memoryview) -> bytes:
    made = hashlib.sha256()
    for part in parts:
        made.update(part)
    return made.digest()
