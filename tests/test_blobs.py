"""Blobs on disk: whole or not there, whatever fails."""

import errno
import itertools
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.blobs import DiskBlobs
from node.digest import CHUNK, digest, outline
from node.errors import Damaged, DiskFull, InfrastructureFault

LONG = b"a" * CHUNK + b"b" * CHUNK + b"tail"


@pytest.fixture
def blobs(tmp_path):
    """A store in a fresh folder."""
    return DiskBlobs(tmp_path / "blobs")


def files(blobs):
    """Names of all files in the store's folder."""
    return sorted(path.name for path in blobs._folder.iterdir())


@pytest.mark.parametrize("data", [b"", b"x", LONG], ids=["empty", "one byte", "chunks"])
def test_what_was_put_is_there(blobs, data):
    """Content, outline and digest of a blob read back, also by a store opened later."""
    name = blobs.put(data)
    later = DiskBlobs(blobs._folder)
    assert name == digest(data)
    assert bytes(later.view(name)) == data
    assert later.outline(name) == outline(data)
    assert list(later) == [name]


def test_a_view_is_read_only(blobs):
    """Nobody changes a blob through its view."""
    assert blobs.view(blobs.put(b"weights")).readonly


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
    assert files(blobs) == []
    with pytest.raises(KeyError):
        blobs.outline(name)


def test_leftovers_of_a_killed_process_are_swept(blobs):
    """Temporary files are gone after the store opens again; blobs stay."""
    name = blobs.put(b"weights")
    (blobs._folder / ".part-killed").write_bytes(b"half")
    assert files(DiskBlobs(blobs._folder)) == [name.hex]


def test_a_process_that_dies_while_drafting_leaves_no_blob(blobs):
    """A draft that was never finished is not there under any digest."""
    with blobs.draft(10) as draft:
        draft.write(0, b"half")
    assert files(blobs) == []


def test_a_draft_is_written_in_any_order(blobs):
    """Pieces at their offsets give the blob; what was not written is zero."""
    with blobs.draft(6) as draft:
        draft.write(4, b"f")
        draft.write(0, b"abc")
        name = draft.finish()
    assert bytes(blobs.view(name)) == b"abc\x00f\x00"
    assert blobs.outline(name) == outline(b"abc\x00f\x00")


@pytest.mark.parametrize("damage", [b"", b"weightz", b"weights and more"])
def test_damage_on_disk_is_found(blobs, damage):
    """A file that isn't what its name says raises Damaged, naming the file."""
    name = blobs.put(b"weights")
    blobs.path(name).write_bytes(damage)
    with pytest.raises(Damaged, match=name.hex):
        DiskBlobs(blobs._folder).outline(name)


def test_putting_again_does_not_vouch_for_what_lies_there(blobs):
    """A damaged file is still found damaged after the same content was put again."""
    name = blobs.put(b"weights")
    blobs.path(name).write_bytes(b"weightz")
    later = DiskBlobs(blobs._folder)
    later.put(b"weights")
    with pytest.raises(Damaged):
        later.outline(name)


def no_room(*_):
    """What the system answers on a full disk."""
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_said_and_leaves_nothing(blobs, monkeypatch):
    """Put, draft and partial raise DiskFull, and no file stays but the unfinished blob's."""
    partial = blobs.partial(outline(b"weights"))
    monkeypatch.setattr(os, "pwrite", no_room)
    with pytest.raises(DiskFull, match="no room"):
        blobs.put(b"other")
    with pytest.raises(DiskFull), blobs.draft(4) as draft:
        draft.write(0, b"half")
    with pytest.raises(DiskFull):
        partial.add(b"weights")
    assert len(files(blobs)) == 1


def test_a_partial_goes_on_after_the_disk_was_full(blobs, monkeypatch):
    """The chunk that found no room is taken when there is some."""
    partial = blobs.partial(outline(b"weights"))
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", no_room)
        with pytest.raises(DiskFull):
            partial.add(b"weights")
    assert partial.add(b"weights")
    assert blobs.has(digest(b"weights"))


def test_a_draft_takes_its_room_at_once(blobs, monkeypatch):
    """A full disk shows when the draft is begun, before any work."""
    monkeypatch.setattr(os, "posix_fallocate", no_room)
    with pytest.raises(DiskFull), blobs.draft(1 << 20):
        pytest.fail("the draft began")
    assert files(blobs) == []


def test_other_faults_of_the_disk_are_not_called_full(blobs, monkeypatch):
    """Only a lack of room is DiskFull."""

    def broken(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pwrite", broken)
    with pytest.raises(InfrastructureFault, match="Input/output") as caught:
        blobs.put(b"weights")
    assert not isinstance(caught.value, DiskFull)


def test_a_file_that_cannot_be_read_is_damage(blobs, monkeypatch):
    """A bad sector under a blob that a peer asks for is that blob's fault, not the node's end."""
    name = blobs.put(b"weights")

    def broken(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("node.blobs.Path.open", broken)
    with pytest.raises(Damaged, match="Input/output"):
        blobs.view(name)


def test_content_is_synced_before_it_gets_its_name(blobs, monkeypatch):
    """A crash can't leave the final name on unwritten content."""
    seen = []
    fsync = os.fsync

    def watch(fd):
        seen.append(any(not name.startswith(".part-") for name in files(blobs)))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", watch)
    blobs.put(b"weights")
    assert seen == [False, True]  # the content before the rename, the folder after it


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
