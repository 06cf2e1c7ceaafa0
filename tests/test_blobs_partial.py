"""Blobs received chunk by chunk, on disk and in memory: in order, from anyone, not here until whole."""

import pytest

from node.digest import CHUNK, outline
from tests.stores import STORES, reopened

LONG = b"a" * CHUNK + b"b" * CHUNK + b"tail"


@pytest.fixture(params=STORES)
def blobs(request, tmp_path):
    """An empty store, of each kind."""
    return STORES[request.param](tmp_path)


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


def test_a_partial_keeps_its_own_copy(blobs):
    """The buffer that a chunk came in may be used again for the next."""
    whole = outline(LONG)
    partial = blobs.partial(whole)
    buffer = bytearray(CHUNK)
    for at in range(0, len(LONG), CHUNK):
        piece = LONG[at : at + CHUNK]
        buffer[: len(piece)] = piece
        assert partial.add(memoryview(buffer)[: len(piece)])
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


def test_a_restart_forgets_what_was_received(blobs):
    """Of an unfinished blob nothing is left to the next process, which receives it from the start."""
    whole = outline(LONG)
    blobs.partial(whole).add(LONG[:CHUNK])
    later = reopened(blobs)
    assert list(later) == []
    assert later.partial(whole).missing() == range(3)


def test_dropping_forgets_what_was_received(blobs):
    """A partial that was dropped takes nothing more; asked for again it is a new one."""
    whole = outline(LONG)
    dropped = blobs.partial(whole)
    dropped.add(LONG[:CHUNK])
    blobs.drop(whole.digest)
    assert not dropped.add(LONG[CHUNK : 2 * CHUNK])
    assert not dropped.missing()
    assert blobs.partial(whole).missing() == range(3)


def test_a_blob_that_comes_another_way_ends_its_partial(blobs):
    """Nothing more is received of a blob that was put meanwhile."""
    whole = outline(LONG)
    partial = blobs.partial(whole)
    partial.add(LONG[:CHUNK])
    blobs.put(LONG)
    assert not partial.missing()
    assert bytes(blobs.view(whole.digest)) == LONG


def test_an_empty_partial_is_complete_at_once(blobs):
    """There is nothing to receive of an empty blob, also after it was dropped."""
    empty = outline(b"")
    for _ in range(2):
        assert not blobs.partial(empty).missing()
        assert blobs.has(empty.digest)
        blobs.drop(empty.digest)
