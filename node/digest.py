"""Digests: 32 bytes that commit to the content and the size of a blob.

digest = SHA-256(TAG ‖ size as 8 bytes, big-endian ‖ SHA-256 of each 1 MiB chunk, in order)

Two levels, so that each chunk can be checked as it arrives and a wrong byte is noticed within one
chunk. FIPS 180-4 SHA-256 throughout: processors have it in hardware. `tests/vectors/digest.json`
fixes the values for other implementations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

CHUNK = 1 << 20
"""Bytes of every chunk but the last."""

TAG = b"waggle/blob/1\x00"
"""Keeps blob digests apart from every other use of SHA-256."""


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """32 bytes that name a blob. Equal digests mean equal content and size."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != 32:
            raise ValueError(f"a digest has 32 bytes, not {len(self.raw)}")

    @classmethod
    def from_hex(cls, text: str) -> Digest:
        """Read 64 hex digits, with or without 0x. Raises ValueError."""
        digits = text.removeprefix("0x")
        if len(digits) != 64:  # bytes.fromhex skips white space
            raise ValueError(f"a digest has 64 hex digits, not {len(digits)}")
        return cls(bytes.fromhex(digits))

    @property
    def hex(self) -> str:
        """64 hex digits."""
        return self.raw.hex()

    @property
    def short(self) -> str:
        """The first 8 hex digits, for people."""
        return self.raw.hex()[:8]

    def __str__(self) -> str:
        return self.hex


ZERO = Digest(bytes(32))


@dataclass(frozen=True, slots=True)
class Outline:
    """A blob's size in bytes and the SHA-256 of each of its chunks: all that a digest commits to."""

    size: int
    chunks: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.chunks) != chunk_count(self.size):
            raise ValueError(f"{len(self.chunks)} chunk hashes can't outline {self.size} bytes")
        if any(len(chunk) != 32 for chunk in self.chunks):
            raise ValueError("a chunk hash has 32 bytes")

    @property
    def digest(self) -> Digest:
        """The digest that this outline stands for."""
        head = TAG + self.size.to_bytes(8, "big")
        return Digest(hashlib.sha256(head + b"".join(self.chunks)).digest())

    def length_of(self, index: int) -> int:
        """Bytes in chunk `index`."""
        return min(CHUNK, self.size - index * CHUNK)


def chunk_count(size: int) -> int:
    """Chunks in a blob of `size` bytes; an empty blob has none."""
    return -(-size // CHUNK)


def chunk_hash(chunk: bytes | bytearray | memoryview) -> bytes:
    """SHA-256 of one chunk."""
    return hashlib.sha256(chunk).digest()


def outline(data: bytes | bytearray | memoryview) -> Outline:
    """Outline a blob held in memory."""
    view = memoryview(data).cast("B")
    return _outline(view[at : at + CHUNK] for at in range(0, len(view), CHUNK))


def digest(data: bytes | bytearray | memoryview) -> Digest:
    """Digest of a blob held in memory."""
    return outline(data).digest


def outline_file(path: Path) -> Outline:
    """Outline a file, one chunk in memory at a time. Raises OSError."""
    return _outline(_file_chunks(path))


def _outline(chunks: Iterable[bytes | memoryview]) -> Outline:
    size, hashes = 0, []
    for chunk in chunks:
        size += len(chunk)
        hashes.append(chunk_hash(chunk))
    return Outline(size, tuple(hashes))


def _file_chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
