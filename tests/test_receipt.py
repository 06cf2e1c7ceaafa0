"""Receipts: one text each, strict to read, differences named."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.blobs import DiskBlobs
from node.digest import Digest, digest
from node.ledger import Terms
from node.manifest import Manifest
from node.merge import Facts, merge, parse
from node.receipt import Input, Receipt, compare, receipt_of
from node.verify import Claimed, verify
from node.weights import UpdateMark, encode, layout_of

RECEIPT = Receipt(
    network_id=b"\x01" * 32,
    run=3,
    round=7,
    base=Digest(b"\x02" * 32),
    rule="trimmed-mean:f=1",
    f=1,
    seed=b"\x03" * 32,
    inputs=(
        Input(2, Digest(b"\x04" * 32), 64, True, 0.1),
        Input(9, Digest(b"\x05" * 32), 32, False, -0.0),
    ),
    left_out=(5, 6),
    output=Digest(b"\x06" * 32),
)
FIELDS = json.loads(RECEIPT.to_bytes())

counts = st.integers(0, 1 << 70)
raw32 = st.binary(min_size=32, max_size=32)
digests = raw32.map(Digest)
scores = st.none() | st.floats(allow_nan=False)
inputs = st.builds(Input, counts, digests, counts, st.booleans(), scores)
receipts = st.builds(
    Receipt,
    network_id=raw32,
    run=counts,
    round=counts,
    base=digests,
    rule=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    f=counts,
    seed=raw32,
    inputs=st.lists(inputs, max_size=3).map(tuple),
    left_out=st.lists(counts, max_size=3).map(tuple),
    output=digests,
)


@given(receipts)
def test_receipts_go_there_and_back(receipt):
    """Reading what was written gives the receipt; its digest is that of the bytes."""
    data = receipt.to_bytes()
    assert Receipt.from_bytes(data) == receipt
    assert receipt.digest == digest(data)


def test_the_bytes_are_fixed():
    """The example of docs/formats.md."""
    two, four, five, one, six, three = (f"{n:02d}" * 32 for n in (2, 4, 5, 1, 6, 3))
    assert RECEIPT.to_bytes().decode() == (
        f'{{"base":"{two}","f":1,"format":1,"inputs":['
        f'{{"digest":"{four}","member":2,"score":"0x1.999999999999ap-4","used":true,"weight":64}},'
        f'{{"digest":"{five}","member":9,"score":"-0x0.0p+0","used":false,"weight":32}}],'
        f'"left_out":[5,6],"network_id":"{one}","output":"{six}","round":7,'
        f'"rule":"trimmed-mean:f=1","run":3,"seed":"{three}"}}'
    )


def written(path, value):
    """The receipt's canonical bytes with one field set, or removed when the value is ...."""
    fields = json.loads(RECEIPT.to_bytes())
    *way, last = path
    inner = fields
    for key in way:
        inner = inner[key]
    inner[last] = value
    if value is ...:
        del inner[last]
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["format"], 2),
        (["format"], True),
        (["format"], ...),
        (["more"], 1),
        (["run"], -1),
        (["run"], True),
        (["run"], "3"),
        (["rule"], 1),
        (["base"], "0x" + "02" * 32),
        (["seed"], "03"),
        (["seed"], None),
        (["left_out"], 5),
        (["left_out"], [-5]),
        (["inputs"], None),
        (["inputs"], {}),
        (["inputs", 0], 5),
        (["inputs", 0, "used"], 1),
        (["inputs", 0, "score"], "0.1"),
        (["inputs", 0, "score"], "0x1.0p+9999"),
        (["inputs", 0, "score"], 1),
        (["inputs", 0, "more"], 1),
        (["inputs", 0, "weight"], ...),
    ],
    ids=str,
)
def test_another_form_is_refused(path, value):
    """Missing, unknown, wrongly typed and otherwise spelled fields raise ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011  # each says what is wrong in its own words
        Receipt.from_bytes(written(path, value))


@given(st.binary(max_size=60) | st.sampled_from([b"[]", b"{}", b"null", b"3", b'"x"']))
def test_garbage_is_a_value_error(data):
    """Bytes that are no receipt raise ValueError and nothing else."""
    with pytest.raises(ValueError):  # noqa: PT011
        Receipt.from_bytes(data)


def test_equal_receipts_do_not_differ():
    """Nothing to name."""
    assert compare(RECEIPT, Receipt.from_bytes(RECEIPT.to_bytes())) == []


def test_differences_are_named_by_their_path():
    """Fields at any depth, in the order of the JSON; the sign of a zero score counts."""
    other = dataclasses.replace(
        RECEIPT,
        round=8,
        inputs=(
            dataclasses.replace(RECEIPT.inputs[0], used=False),
            dataclasses.replace(RECEIPT.inputs[1], score=0.0),
        ),
        output=Digest(bytes(32)),
    )
    expected = ["inputs[0].used", "inputs[1].score", "output", "round"]
    assert compare(RECEIPT, other) == compare(other, RECEIPT) == expected


def test_lists_of_other_lengths_differ_as_a_whole():
    """With another number of inputs, positions mean nothing."""
    other = dataclasses.replace(RECEIPT, inputs=RECEIPT.inputs[:1], left_out=())
    assert compare(RECEIPT, other) == ["inputs", "left_out"]


@given(receipts, receipts)
def test_receipts_differ_where_their_bytes_do(ours, theirs):
    """Nothing is named exactly when the digests are equal."""
    assert (compare(ours, theirs) == []) == (ours.digest == theirs.digest)


def test_the_receipt_of_a_merge_says_what_happened(tmp_path):
    """Inputs by member number with the claimed weight, the rule's score, and who was left out."""
    blobs, tensors = DiskBlobs(tmp_path), {"w": np.ones(3, np.float32)}
    zero = Digest(bytes(32))
    terms = Terms(1, 4, 1, 0, 1, 1, 1, 1, 1, 0, zero)
    manifest = Manifest("t", 1, "t", zero, terms, "mean", 0, 9, 8, 4096, 0, zero, 0)
    updates = []
    for member in (9, 2):
        data = encode(tensors, UpdateMark(3, 7, member, bytes(32)))
        claimed = Claimed(3, 7, member, blobs.put(data))
        updates.append(verify(manifest, layout_of(tensors), claimed, data))
    facts = Facts({2: 64, 9: 1, 5: 2}, 0, b"\x03" * 32, blobs.put(encode(tensors)), 8)
    merged = merge(blobs, parse("mean"), updates, facts)
    found = receipt_of(b"\x01" * 32, 3, 7, parse("mean"), updates, facts, merged, [6, 5])
    assert found == Receipt(
        network_id=b"\x01" * 32,
        run=3,
        round=7,
        base=facts.base,
        rule="mean",
        f=0,
        seed=b"\x03" * 32,
        inputs=(
            Input(2, updates[1].digest, 64, True, 8.0),
            Input(9, updates[0].digest, 1, True, 1.0),
        ),
        left_out=(5, 6),
        output=merged.digest,
    )


def test_a_gossip_receipt_says_whose_it_is():
    """In the JSON of no other receipt, so that those keep their bytes."""
    own = dataclasses.replace(RECEIPT, member=9)
    assert json.loads(own.to_bytes())["member"] == 9
    assert Receipt.from_bytes(own.to_bytes()) == own
    assert "member" not in FIELDS
    assert compare(own, RECEIPT) == ["member"]
    text = json.dumps({**FIELDS, "member": None}, sort_keys=True, separators=(",", ":"))
    with pytest.raises(ValueError, match="not a number"):
        Receipt.from_bytes(text.encode())
