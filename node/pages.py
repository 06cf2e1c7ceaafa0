"""Memory goes back to the system as soon as it isn't needed, so that a model's size hardly shows.

Two places keep what was used: the pages of a mapped file that were read, and glibc's heaps, which by
default learn from the first large tensor to keep up to 64 MiB in each thread.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap

_AROUND = 1 << 21
"""Bytes before a slice that are given back once more: a page fault maps its neighbours too."""

_LARGE = 4 << 20
"""From so many bytes on, memory is taken from the system and given back at once, one by one."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def give_back(view: bytes | memoryview, start: int, stop: int) -> None:
    """These bytes of a mapped file were read and may go; they can be read again. Else nothing."""
    if isinstance(view, memoryview) and isinstance(view.obj, mmap.mmap):
        first = max(0, start - _AROUND) // mmap.PAGESIZE * mmap.PAGESIZE
        view.obj.madvise(mmap.MADV_DONTNEED, first, stop - first)


def keep_heaps_small() -> None:
    """Fix glibc's thresholds for this process and its forks; other C libraries have none to fix."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE)
        library.mallopt(_M_TRIM_THRESHOLD, _LARGE)
