"""Blobs received chunk by chunk: in order, from anyone, not here before they are whole."""

import pytest

from node.blobs import DiskBlobs
from node.digest import CHUNK, outline

LONG = b"a" * CHUNK + b"b" * CHUNK + b"tail"


@pytest.fixture
def blobs(tmp_path):
    """A store in a fresh folder."""
    return DiskBlobs(tmp_path / "blobs")


def files(blobs):
    """Names of all files in the store's folder."""
    return sorted(path.name for path in blobs._folder.iterdir())


def test_a_partial_takes_its_chunks_in_order(blobs):
    """A chunk out of order or with a wrong byte is refused and nothing of it is kept."""
    whole = outline(LONG)
    chunks = [LONG[at : at + CHUNK] for at in range(0, len(LONG), CHUNK)]
    partial = blobs.partial(whole)
    assert not partial.add(chunks[1])
    assert not partial.add(b"\xff" + chunks[0][1:])
    assert partial.missing() == range(3)
    assert all(partial.add(chunk) for chunk in chunks)
    assert bytes(blobs.view(whole.digest)) == LONG


def test_a_chunk_too_many_is_refused(blobs):
    """A complete blob takes nothing more."""
    partial = blobs.partial(outline(b"one"))
    assert partial.add(b"one")
    assert not partial.add(b"one")


def test_a_partial_goes_on_where_it_was(blobs):
    """Asking again for an unfinished blob gives the same one, whoever sends the rest."""
    whole = outline(LONG)
    blobs.partial(whole).add(LONG[:CHUNK])
    assert blobs.partial(whole).missing() == range(1, 3)


def test_an_unfinished_blob_is_not_here(blobs):
    """What was received in part is not served."""
    whole = outline(LONG)
    blobs.partial(whole).add(LONG[:CHUNK])
    assert not blobs.has(whole.digest)
    assert list(blobs) == []


def test_dropping_gives_back_what_was_received(blobs):
    """The temporary file of an unfinished blob goes with it."""
    whole = outline(LONG)
    blobs.partial(whole).add(LONG[:CHUNK])
    blobs.drop(whole.digest)
    assert files(blobs) == []
    assert blobs.partial(whole).missing() == range(3)


def test_an_empty_partial_is_complete_at_once(blobs):
    """There is nothing to receive of an empty blob, also after it was dropped."""
    empty = outline(b"")
    for _ in range(2):
        assert not blobs.partial(empty).missing()
        assert blobs.has(empty.digest)
        blobs.drop(empty.digest)
