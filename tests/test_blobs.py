"""Blobs, on disk and in memory: whole or not there. What only a disk does is in test_blobs_disk.py."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.digest import CHUNK, digest, outline
from node.testing import MemoryBlobs
from tests.stores import STORES, reopened

LONG = b"a" * CHUNK + b"b" * CHUNK + b"tail"


@pytest.fixture(params=STORES)
def blobs(request, tmp_path):
    """An empty store, of each kind."""
    return STORES[request.param](tmp_path)


@pytest.mark.parametrize("data", [b"", b"x", LONG], ids=["empty", "one byte", "chunks"])
def test_what_was_put_is_there(blobs, data):
    """Content, outline and digest of a blob read back, also by a store opened later."""
    name = blobs.put(data)
    later = reopened(blobs)
    assert name == digest(data)
    assert later.has(name)
    assert bytes(later.view(name)) == data
    assert later.outline(name) == outline(data)
    assert list(later) == [name]


def test_a_view_is_read_only(blobs):
    """Nobody changes a blob through its view."""
    assert blobs.view(blobs.put(b"weights")).readonly


def test_a_blob_is_its_own_copy(blobs):
    """Bytes that change after they were put don't change the blob."""
    data = bytearray(b"weights")
    name = blobs.put(memoryview(data))
    data[0] = 0
    assert bytes(blobs.view(name)) == b"weights"


def test_putting_again_changes_nothing(blobs):
    """The same content has the same name, once."""
    assert blobs.put(b"weights") == blobs.put(b"weights")
    assert list(blobs) == [digest(b"weights")]


def test_a_missing_blob_is_a_key_error(blobs):
    """Content and outline of what isn't here raise KeyError."""
    for ask in (blobs.view, blobs.outline):
        with pytest.raises(KeyError):
            ask(digest(b"never"))
    assert not blobs.has(digest(b"never"))


def test_a_dropped_blob_is_gone(blobs):
    """Dropping forgets content and outline; dropping again does nothing."""
    name = blobs.put(b"weights")
    blobs.drop(name)
    blobs.drop(name)
    assert not blobs.has(name)
    assert list(blobs) == []
    with pytest.raises(KeyError):
        blobs.outline(name)


def test_blobs_can_be_dropped_while_they_are_listed(blobs):
    """Whoever tidies up needn't copy the list first."""
    blobs.put(b"one")
    blobs.put(b"two")
    for name in blobs:
        blobs.drop(name)
    assert list(blobs) == []


def test_a_draft_that_is_not_finished_leaves_no_blob(blobs):
    """It is not there under any digest, now or later."""
    with blobs.draft(10) as draft:
        draft.write(0, b"half")
    assert list(blobs) == []
    assert list(reopened(blobs)) == []


def test_a_draft_is_written_in_any_order(blobs):
    """Pieces at their offsets give the blob; what was not written is zero."""
    with blobs.draft(6) as draft:
        draft.write(4, b"f")
        draft.write(0, b"abc")
        name = draft.finish()
    assert bytes(blobs.view(name)) == b"abc\x00f\x00"
    assert blobs.outline(name) == outline(b"abc\x00f\x00")


def test_a_draft_grows_when_written_beyond_its_end(blobs):
    """The size that it was begun with takes room, it is no limit."""
    with blobs.draft(2) as draft:
        draft.write(4, b"e")
        name = draft.finish()
    assert bytes(blobs.view(name)) == b"\x00\x00\x00\x00e"


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.data())
def test_a_draft_in_pieces_is_the_same_blob(blobs, data, draw):
    """However the content is cut and in whatever order it is written, the digest is its own."""
    cuts = sorted(draw.draw(st.sets(st.integers(0, len(data)))) | {0, len(data)})
    pieces = [(a, data[a:b]) for a, b in itertools.pairwise(cuts)]
    with blobs.draft(len(data)) as draft:
        for at, piece in draw.draw(st.permutations(pieces)):
            draft.write(at, piece)
        assert draft.finish() == digest(data)


def test_the_killed_life_of_a_store_in_memory_cannot_touch_the_next():
    """What still runs of a crashed node changes nothing that its next life sees, nor the other way."""
    before = MemoryBlobs()
    name = before.put(b"weights")
    later = before.reopened()
    before.drop(name)
    before.put(b"written by a ghost")
    assert list(later) == [name]
