"""Blobs on disk: what files, modes and faults of the disk do to them. The rest is in test_blobs.py."""

import errno
import os

import pytest

from node.blobs import DiskBlobs
from node.digest import CHUNK, digest, outline
from node.errors import Damaged, DiskFull, InfrastructureFault

LONG = b"a" * CHUNK + b"tail"


@pytest.fixture
def blobs(tmp_path):
    """A store in a fresh folder."""
    return DiskBlobs(tmp_path / "blobs")


def files(blobs):
    """Names of all files in the store's folder."""
    return sorted(path.name for path in blobs._folder.iterdir())


def test_dropping_leaves_no_file(blobs):
    """Neither of a blob nor of what was received of one."""
    blobs.drop(blobs.put(b"weights"))
    blobs.partial(outline(LONG)).add(LONG[:CHUNK])
    blobs.drop(digest(LONG))
    assert files(blobs) == []


def test_a_draft_that_is_not_finished_leaves_no_file(blobs):
    """Its temporary file goes with it."""
    with blobs.draft(10) as draft:
        draft.write(0, b"half")
    assert files(blobs) == []


def test_leftovers_of_a_killed_process_are_swept(blobs):
    """Temporary files are gone after its owner opens the store again; blobs stay."""
    name = blobs.put(b"weights")
    (blobs._folder / ".part-killed").write_bytes(b"half")
    assert files(DiskBlobs.owned(blobs._folder)) == [name.hex]


def test_who_looks_into_a_store_takes_nothing_from_its_owner(blobs):
    """A command on a running node's folder leaves what the node is fetching."""
    whole = outline(b"weights")
    arriving = blobs.partial(whole)
    DiskBlobs(blobs._folder)
    assert arriving.add(b"weights")
    assert blobs.has(whole.digest)


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
