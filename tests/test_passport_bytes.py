"""Whatever bytes are given for a passport, damage is named by its place and nothing taken on trust."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authority.audit.passport.blocks import bloom_bits, read_header
from authority.audit.passport.checking import verify_passport
from authority.audit.passport.facts import Facts
from authority.audit.passport.frames import Kind, Writer, content_of, entries
from authority.audit.passport.merkle import account_code_hash, byte_strings, decoded
from authority.audit.passport.trail import Trail
from node.errors import BadAnswer, WrongUse
from tests.passports import export, forged, paper_network, parts, passport, swarm

__all__ = ["passport", "swarm"]
pytestmark = pytest.mark.timeout(60)

HEAD = 49
"""Bytes of an entry before its content."""
LINE = len(b"waggle passport 1\n")

quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def starts(path):
    """Where each entry starts in a passport, and where the last one ends."""
    found = [LINE]
    for entry in entries(content_of(path)):
        found.append(found[-1] + HEAD + len(entry.content))
    return found


def flipped(path, out, at, mask=1):
    """The same file with one byte altered."""
    data = bytearray(path.read_bytes())
    data[at] ^= mask
    out.write_bytes(data)
    return out


def said(path):
    """What is said of a passport that isn't good."""
    with pytest.raises((BadAnswer, WrongUse)) as caught:
        verify_passport(path)
    return str(caught.value)


@pytest.fixture(scope="module")
def bare(swarm, tmp_path_factory):
    """A passport without blobs: quick to read."""
    out = tmp_path_factory.mktemp("bare") / "run.passport"
    export(swarm, out)
    return out


def test_a_flip_in_any_entry_is_named_by_the_entry(passport, tmp_path):
    """In its kind, number, length, checksum, or at either end of its content."""
    found = starts(passport)
    for position, (start, end) in enumerate(pairwise(found), 1):
        for at in (start, start + 8, start + 16, start + 17, start + 48, start + HEAD, end - 1):
            with pytest.raises(BadAnswer, match=rf"^entry {position} ") as caught:
                list(entries(content_of(flipped(passport, tmp_path / "flipped", at))))
            assert str(caught.value).startswith(f"entry {position} ")


@quick
@given(data=st.data())
def test_any_flip_anywhere_is_found(bare, tmp_path, data):
    """One byte, altered in any way: never a good passport, never a traceback."""
    at = data.draw(st.integers(0, bare.stat().st_size - 1))
    mask = data.draw(st.integers(1, 255))
    found = said(flipped(bare, tmp_path / "flipped", at, mask))
    assert found.startswith("entry ") or at < LINE


@quick
@given(data=st.data())
def test_a_file_cut_off_anywhere_is_found(bare, tmp_path, data):
    """Whatever is missing at the end."""
    length = data.draw(st.integers(0, bare.stat().st_size - 1))
    cut = tmp_path / "cut"
    cut.write_bytes(bare.read_bytes()[:length])
    assert "cut off" in said(cut) or length < LINE


def test_bytes_after_the_end_are_found(bare, tmp_path):
    """A passport ends with its end."""
    longer = tmp_path / "longer"
    longer.write_bytes(bare.read_bytes() + b"!")
    assert "1 bytes follow after entry" in said(longer)


@pytest.mark.parametrize("change", ["taken out", "put in", "moved"])
def test_entries_that_the_end_doesnt_seal_are_found(passport, tmp_path, change):
    """Whole entries, each with its checksum, but others than were written."""
    found, data = starts(passport), passport.read_bytes()
    pieces = [data[start:end] for start, end in pairwise(found)]
    if change == "taken out":
        del pieces[-2]
    elif change == "put in":
        pieces.insert(-1, pieces[-2])
    else:
        pieces[-2], pieces[-3] = pieces[-3], pieces[-2]
    altered = tmp_path / "altered"
    altered.write_bytes(data[:LINE] + b"".join(pieces))
    with pytest.raises(BadAnswer, match="seals other entries"):
        list(entries(content_of(altered)))


# What is no passport of ours.


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is no passport"),
        (b"{}", "is no passport"),
        (b"waggle passport", "is no passport"),
        (b"waggle passport one\n", "is no passport"),
        (b"waggle passport 2\n", "is a passport of format 2, this release knows 1"),
    ],
)
def test_what_is_no_passport_is_wrong_use(tmp_path, content, what):
    """In one line, before anything is read."""
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(WrongUse, match=what):
        verify_passport(path)


@pytest.mark.parametrize("line", [b"", b"waggle passport 1\n"])
def test_gigabytes_of_nothing_are_refused_at_once(tmp_path, line):
    """A file of any size costs neither memory nor time: entries are bounded."""
    path = tmp_path / "large"
    path.write_bytes(line)
    os.truncate(path, 1 << 36)
    assert "is no passport" in said(path) or "entry 1 is damaged" in said(path)


@pytest.mark.parametrize("kind", list(Kind))
def test_an_entry_that_claims_too_much_is_refused(tmp_path, kind):
    """Each kind has its most; a blob's is the file."""
    path = tmp_path / "greedy"
    path.write_bytes(b"waggle passport 1\n" + kind.value[0] + bytes(8) + b"\x7f" * 8 + bytes(32))
    assert "it can't have" in said(path)


def test_a_pipe_is_wrong_use(tmp_path):
    """Only files can be read twice."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDWR)
    try:
        with pytest.raises(WrongUse, match="is no file"):
            verify_passport(tmp_path / "pipe")
    finally:
        os.close(reader)


# Hostile content behind right checksums.


@quick
@given(data=st.data())
def test_any_content_behind_a_right_checksum_is_judged(bare, tmp_path, data):
    """An entry of the author's own making: proof or finding, never a traceback."""
    found = parts(bare)
    at = data.draw(st.integers(0, len(found) - 1))
    kind, number, content = found[at]
    where = data.draw(st.integers(0, max(0, len(content) - 1)))
    put = data.draw(st.binary(max_size=40))
    found[at] = (kind, number, content[:where] + put + content[where + len(put) :])
    if found[at][2] == content:
        return
    path = forged(tmp_path / "forged", found)
    if kind is Kind.HEADER and number == Facts.from_bytes(parts(bare)[0][2]).head:
        assert _head_hash(path) != _head_hash(bare)
    elif kind is Kind.FACTS:
        assert _facts(path) != _facts(bare)
    else:
        said(path)


def _head_hash(path):
    try:
        return verify_passport(path).anchors[-1].hash
    except BadAnswer:
        return None


def _facts(path):
    try:
        return verify_passport(path).facts
    except BadAnswer:
        return None


@quick
@given(
    st.lists(
        st.tuples(st.sampled_from(list(Kind)[:-1]), st.integers(0, 3), st.binary(max_size=60)),
        max_size=8,
    )
)
def test_entries_in_any_order_are_judged(tmp_path, found):
    """Any kinds, numbers and contents."""
    said(forged(tmp_path / "any", found))


@quick
@given(st.binary(max_size=300))
def test_rlp_of_anything_is_a_value_error_at_most(data):
    """Headers, receipts, nodes: what can't be read is refused in one way."""
    for read in (decoded, byte_strings, lambda raw: account_code_hash(bytes(32), bytes(20), [raw])):
        try:
            read(data)
        except ValueError:
            continue


def test_nested_lists_dont_exhaust_the_stack():
    """A list in a list in a list, as deep as an entry has room."""
    nest = b"\xc0"
    while len(nest) < 60_000:
        head = len(nest).to_bytes((len(nest).bit_length() + 7) // 8, "big")
        nest = (
            bytes([0xF7 + len(head)]) + head if len(nest) > 55 else bytes([0xC0 + len(nest)])
        ) + nest
    with pytest.raises(ValueError, match="no RLP"):
        decoded(nest)


def test_too_many_receipts_are_refused():
    """More than any block has would only cost time."""
    with pytest.raises(ValueError, match="no list of at most"):
        byte_strings(b"\xfa" + (70_000).to_bytes(3, "big") + b"\x01" * 70_000)


@quick
@given(st.binary(max_size=400))
def test_facts_of_anything_are_a_value_error_at_most(data):
    """They come first, from whoever wrote the file."""
    try:
        found = Facts.from_bytes(data)
    except ValueError:
        return
    assert found.to_bytes() == data


def test_facts_read_as_they_were_written():
    """Whole and sparse."""
    for facts in (
        Facts(paper_network(), 1, 9, bytes(32), True),
        Facts(paper_network(), 1_000_001, 1),
    ):
        assert Facts.from_bytes(facts.to_bytes()) == facts


def test_a_trail_needs_the_header_first():
    """Receipts of no block are refused."""
    with pytest.raises(BadAnswer, match="don't belong here"):
        Trail(Facts(paper_network(), 1, 9)).receipts(1, b"\xc0")


def test_a_trail_goes_on_with_receipts_alone(bare):
    """Where a bloom has a contract, nothing else comes next."""
    found = parts(bare)
    trail = Trail(Facts.from_bytes(found[0][2]))
    headers = [one for one in found if one[0] is Kind.HEADER]
    trail.header(1, headers[0][2])
    assert trail.owes_receipts
    with pytest.raises(BadAnswer, match="the receipts of block 1 are missing"):
        trail.header(2, headers[1][2])
    with pytest.raises(BadAnswer, match="the receipts of block 1 are missing"):
        trail.record()


def test_a_trail_leaves_no_block_out_unless_it_is_sparse(bare):
    """Whoever leads it along."""
    found = parts(bare)
    facts = Facts.from_bytes(found[0][2])
    headers = [one[2] for one in found if one[0] is Kind.HEADER]
    receipts = next(one[2] for one in found if one[0] is Kind.RECEIPTS)
    for sparse in (False, True):
        trail = Trail(replace(facts, sparse=sparse))
        trail.header(1, headers[0])
        trail.receipts(1, receipts)
        if sparse:
            assert trail.header(3, headers[2]).number == 3
        else:
            with pytest.raises(BadAnswer, match="block 3 follows block 1: one is left out"):
                trail.header(3, headers[2])


def test_a_bloom_has_an_address_if_it_has_all_its_bits(bare):
    """Other words may share one or two of the three."""
    header = read_header(next(one[2] for one in parts(bare) if one[0] is Kind.HEADER))
    bits = bloom_bits(b"a" * 20)
    for bloom, has in ((bits, True), (bits | 1 << 9, True), (bits & (bits - 1), False), (0, False)):
        assert replace(header, bloom=bloom.to_bytes(256, "big")).may_hold([b"a" * 20]) is has


def test_two_contracts_have_two_addresses():
    """Otherwise one of the two would never be looked at."""
    network = replace(paper_network(), ledger=paper_network().registry)
    with pytest.raises(ValueError, match="two contracts have one address"):
        Facts.from_bytes(Facts(network, 1, 9).to_bytes())


def test_nothing_stays_of_an_export_that_fails(swarm, tmp_path, monkeypatch):
    """The file is whole, or not there at all."""

    def full(*_):
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr(Writer, "end", full)
    with pytest.raises(RuntimeError):
        export(swarm, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_the_seal_is_that_of_all_entries(passport):
    """Written again from its parts, a passport is the same bytes."""
    again = io.BytesIO()
    writer = Writer(again)
    for kind, number, content in parts(passport):
        writer.add(kind, number, content)
    writer.end()
    assert again.getvalue() == passport.read_bytes()
