"""Digests: the committed values, and that each byte and the size count."""

import hashlib
import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.digest import CHUNK, TAG, ZERO, Digest, Outline, chunk_count, digest, outline, outline_file

VECTORS = json.loads((Path(__file__).parent / "vectors" / "digest.json").read_text())
SIZES = [case["size"] for case in VECTORS["cases"]]


@cache
def pattern(size: int) -> bytes:
    """The bytes that the vector file describes."""
    return bytes((7 * i + i // 251) % 256 for i in range(size))


@pytest.mark.parametrize("case", VECTORS["cases"], ids=SIZES)
def test_digests_are_those_of_the_vector_file(case):
    """Another implementation of the format gets the committed digests."""
    assert digest(pattern(case["size"])).hex == case["digest"]


def test_the_vector_file_states_the_constants():
    """Chunk size and tag in the vector file are the code's."""
    assert (CHUNK, TAG.hex()) == (VECTORS["chunk"], VECTORS["tag"])


def test_a_digest_is_the_formula_of_the_docstring():
    """SHA-256 over tag, size and the chunks' SHA-256, computed here by hand."""
    data = pattern(CHUNK + 5)
    chunks = hashlib.sha256(data[:CHUNK]).digest() + hashlib.sha256(data[CHUNK:]).digest()
    by_hand = hashlib.sha256(b"waggle/blob/1\x00" + len(data).to_bytes(8, "big") + chunks)
    assert digest(data).raw == by_hand.digest()


@pytest.mark.parametrize("size", SIZES)
def test_files_and_memory_agree(tmp_path, size):
    """Outlining a file gives what outlining its content gives."""
    path = tmp_path / "blob"
    path.write_bytes(pattern(size))
    assert outline_file(path) == outline(pattern(size))


def test_lengths_of_chunks_add_up():
    """Every chunk but the last is full, the last has the rest."""
    whole = outline(pattern(3 * CHUNK + 7))
    assert [whole.length_of(i) for i in range(len(whole.chunks))] == [CHUNK, CHUNK, CHUNK, 7]


@given(st.binary(max_size=300), st.integers(0, 299), st.integers(1, 255))
def test_any_changed_byte_changes_the_digest(data, at, change):
    """Flipping bits of one byte gives another digest."""
    if at < len(data):
        other = bytearray(data)
        other[at] ^= change
        assert digest(other) != digest(data)


@given(st.binary(max_size=100))
def test_trailing_zeros_change_the_digest(data):
    """The size is part of the digest."""
    assert digest(data + b"\x00") != digest(data)


def test_an_outline_holds_as_many_hashes_as_its_size_needs():
    """A size that doesn't match the chunk hashes is refused."""
    with pytest.raises(ValueError, match="can't outline"):
        Outline(CHUNK + 1, (bytes(32),))
    with pytest.raises(ValueError, match="can't outline"):
        Outline(-1, ())
    with pytest.raises(ValueError, match="32 bytes"):
        Outline(1, (bytes(31),))


@given(st.binary(min_size=32, max_size=32))
def test_hex_goes_there_and_back(raw):
    """A digest's text reads back, with or without 0x."""
    found = Digest(raw)
    assert Digest.from_hex(found.hex) == Digest.from_hex("0x" + found.hex) == found


@pytest.mark.parametrize("text", ["", "00", "0x", "zz" * 32, " " + "00" * 32, "00 " * 32, "00" * 33])
def test_other_text_is_no_digest(text):
    """White space, wrong lengths and other letters are refused."""
    with pytest.raises(ValueError):  # noqa: PT011  # bytes.fromhex words its own
        Digest.from_hex(text)


def test_the_empty_blob_has_no_chunks():
    """An empty blob has a digest of its own, which isn't zero."""
    assert chunk_count(0) == 0
    assert digest(b"") != ZERO
