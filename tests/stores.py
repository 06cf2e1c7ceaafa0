"""Both stores of blobs, for the suites that both must pass."""

from node.blobs import DiskBlobs
from node.testing import MemoryBlobs

STORES = {"disk": lambda folder: DiskBlobs(folder / "blobs"), "memory": lambda _: MemoryBlobs()}


def reopened(blobs):
    """What the next process finds after this one was killed."""
    return blobs.reopened() if isinstance(blobs, MemoryBlobs) else DiskBlobs(blobs._folder)
