"""Verification: only canonical, finite updates of the right author and shape pass."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.digest import Digest, digest
from node.errors import BadUpdate
from node.ledger import Terms
from node.manifest import Manifest
from node.verify import LARGEST, Claimed, VerifiedUpdate, verify
from node.weights import UpdateMark, arrays, encode, layout_of, parse

ZERO = Digest(bytes(32))
MANIFEST = Manifest(
    name="test",
    chain_id=1,
    task="test",
    task_digest=ZERO,
    terms=Terms(1, 4, 1, 0, 1, 1, 1, 1, 1, 0, ZERO),
    merge="mean",
    hostile=0,
    max_abs=1000,
    max_weight=8,
    max_blob_bytes=4096,
    confirmations=0,
    self_test=ZERO,
    seed=0,
)
MODEL = {
    "w": np.array([[1.5, -0.0], [5e-324, -1000.0]]),
    "h": np.array([0.5, -2.0], np.float16),
    "b": np.array([1e-45, 1000.0], np.float32),
    "n": np.array(-7, np.int64),
    "m": np.array([True, False]),
    "e": np.zeros((0, 3), np.float32),
}
BASE = layout_of(MODEL)
MARK = UpdateMark(run=4, round=2, member=9, nonce=bytes(range(32)))
VALID = encode(MODEL, MARK)


def claimed(data=VALID, **changes):
    """What the chain says of the valid update, with changes."""
    return dataclasses.replace(Claimed(4, 2, 9, digest(data)), **changes)


def refused(data, match, manifest=MANIFEST, base=BASE, claim=None):
    """Verification fails and says where."""
    with pytest.raises(BadUpdate, match=match) as caught:
        verify(manifest, base, claim or claimed(data), data)
    assert "\n" not in str(caught.value)


def test_a_valid_update_passes():
    """Every dtype, an empty tensor, subnormals, -0.0 and values at the bound are fine."""
    found = verify(MANIFEST, BASE, claimed(), memoryview(VALID))
    assert (found.member, found.digest, found.layout) == (9, digest(VALID), BASE)
    assert found.data_start == parse(VALID).data_start


def test_nobody_else_makes_a_verified_update():
    """The constructor without the module's seal raises TypeError."""
    with pytest.raises(TypeError, match="only"):
        VerifiedUpdate(9, digest(VALID), BASE, 0, seal=object())


def test_a_blob_too_large_is_refused_before_it_is_read():
    """Size comes first: even garbage is refused for its size."""
    refused(bytes(4097), "member 9 fails: size: 4097")


def test_a_bad_header_is_refused():
    """A cut, an extension and an empty blob fail at the header."""
    for data in (VALID[:-1], VALID + b"\x00", b"", VALID[:40]):
        refused(data, "header: ")


@pytest.mark.parametrize("field", ["run", "round", "member"])
def test_another_update_s_mark_is_refused(field):
    """An update of another run, round or member can't be played again."""
    refused(VALID, f"mark: it is of {field}", claim=claimed(**{field: 77}))


def test_a_model_is_no_update():
    """A file without a mark fails."""
    refused(encode(MODEL), "mark: there is none")


@pytest.mark.parametrize(
    "changes",
    [
        {"w": np.zeros((4,))},
        {"w": np.zeros((2, 2), np.float32)},
        {"extra": np.zeros(1, np.int8)},
        {"e": np.zeros((3, 0), np.float32)},
        {"n": np.array([1])},
    ],
    ids=["shape", "dtype", "extra", "empty shape", "rank"],
)
def test_tensors_other_than_the_base_s_are_refused(changes):
    """Shapes, dtypes and names must be the base's."""
    refused(encode({**MODEL, **changes}, MARK), "tensors: ")


def test_a_missing_tensor_is_refused():
    """All of the base's tensors must be there."""
    refused(encode({k: v for k, v in MODEL.items() if k != "m"}, MARK), "tensors: none where")


@pytest.mark.parametrize("name", ["w", "h", "b"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1001, -1001])
@pytest.mark.parametrize("at", [0, -1])
def test_values_must_be_finite_and_small(name, value, at):
    """NaN, infinities and values beyond max_abs fail wherever they are, in every float dtype."""
    changed = MODEL[name].copy()
    changed.flat[at] = value
    refused(encode({**MODEL, name: changed}, MARK), f"values: '{name}'")


def test_a_value_in_any_slice_is_found():
    """Large tensors are looked at slice by slice, to the last element."""
    for at in (0, 262_143, 262_144, 599_999):
        big = np.zeros(600_000, np.float32)
        big[at] = np.nan
        data = encode({"w": big}, MARK)
        roomy = dataclasses.replace(MANIFEST, max_blob_bytes=1 << 30)
        refused(data, "values: 'w'", roomy, layout_of({"w": big}))


def test_the_bound_is_capped():
    """However large max_abs is, values from 2^128 on are refused, so that no merge overflows."""
    loose = dataclasses.replace(MANIFEST, max_abs=10**400)
    base = {"w": np.array([float(LARGEST)])}
    assert verify(loose, layout_of(base), claimed(), encode(base, MARK))
    refused(encode({"w": base["w"] * 1.0001}, MARK), "values", loose, layout_of(base))


def test_infinities_in_a_narrow_dtype_are_found_under_a_loose_bound():
    """A bound beyond float16's range lets no infinity through."""
    loose = dataclasses.replace(MANIFEST, max_abs=10**9)
    bad = {**MODEL, "h": np.array([np.inf, 0], np.float16)}
    refused(encode(bad, MARK), "values: 'h'", loose)


def test_a_boolean_is_0_or_1():
    """Another byte would be a second way to write True."""
    data = bytearray(VALID)
    data[-2] = 2
    refused(bytes(data), "values: 'm' has a boolean")


def test_names_in_messages_are_bounded():
    """A hostile name doesn't flood the log."""
    huge = encode({"x" * 2000: np.zeros(1)}, MARK)
    with pytest.raises(BadUpdate) as caught:
        verify(MANIFEST, BASE, claimed(), huge)
    assert len(str(caught.value)) < 400


mutations = st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), max_size=4)


@given(mutations)
def test_a_mutation_is_refused_or_canonical(changes):
    """Changed bytes raise BadUpdate, or decode and encode to exactly themselves."""
    data = bytearray(VALID)
    for at, value in changes:
        data[at] = value
    _refused_or_canonical(bytes(data))


@given(st.integers(0, len(VALID)), st.integers(0, len(VALID)), st.binary(max_size=12))
def test_a_splice_is_refused_or_canonical(start, stop, middle):
    """Cut, repeated and inserted bytes raise BadUpdate, or are canonical all the same."""
    _refused_or_canonical(VALID[:start] + middle + VALID[stop:])


@given(st.binary(max_size=100))
def test_garbage_is_a_bad_update(data):
    """Any bytes at all raise BadUpdate and nothing else."""
    with pytest.raises(BadUpdate):
        verify(MANIFEST, BASE, claimed(data), data)


def _refused_or_canonical(data):
    try:
        verify(MANIFEST, BASE, claimed(data), data)
    except BadUpdate:
        return
    assert encode(arrays(data), parse(data).mark) == data
    assert parse(data).layout == BASE
