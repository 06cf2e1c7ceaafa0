"""Canonical safetensors: the library's own bytes, one way to write, nothing else read."""

import json

import numpy as np
import pytest
import safetensors
import safetensors.numpy
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from node.errors import WrongUse
from node.header import DTYPES, MAX_HEADER, METADATA
from node.weights import (
    Layout,
    UpdateMark,
    arrays,
    encode,
    from_state,
    header,
    layout_of,
    parse,
    to_state,
)

MARK = UpdateMark(run=1, round=2, member=3, nonce=bytes(range(32)))

names = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=8)
shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
models = st.dictionaries(
    names,
    st.sampled_from(list(DTYPES.values())).flatmap(lambda dtype: hnp.arrays(dtype, shapes)),
    max_size=6,
)
marks = st.builds(
    UpdateMark,
    *(st.integers(0, 2**64 - 1) for _ in range(3)),
    nonce=st.binary(min_size=32, max_size=32),
)


def raw(fields, data=b"", pad=True):
    """A file with any header."""
    text = fields if isinstance(fields, bytes) else json.dumps(fields, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8 if pad else 0)
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype="F32", shape=(1,), places=(0, 4), **more):
    """A tensor's entry in a header."""
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(places), **more}


@given(models)
def test_a_model_has_the_bytes_of_the_safetensors_library(tensors):
    """Without a mark, the bytes are those that safetensors writes."""
    assert encode(tensors) == safetensors.numpy.save(tensors)


def test_a_torch_state_has_the_bytes_of_safetensors_torch():
    """A module's state dict is written as safetensors.torch writes it."""
    state = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).state_dict()
    assert encode(from_state(state)) == safetensors.torch.save(state)


@given(models, marks)
def test_the_library_reads_an_update(tensors, mark):
    """safetensors reads an update's tensors bit for bit."""
    read = safetensors.numpy.load(encode(tensors, mark))
    assert {k: (v.shape, v.tobytes()) for k, v in read.items()} == {
        k: (v.shape, v.tobytes()) for k, v in tensors.items()
    }


@given(models, st.none() | marks)
def test_tensors_go_there_and_back(tensors, mark):
    """Reading gives mark, layout and every tensor's bits; writing them again gives the same bytes."""
    data = encode(tensors, mark)
    parsed, read = parse(data), arrays(data)
    assert (parsed.mark, parsed.layout) == (mark, layout_of(tensors))
    assert len(data) == parsed.data_start + parsed.layout.size
    assert encode(read, mark) == data


@given(models, marks, marks)
def test_updates_of_one_layout_have_headers_of_one_length(tensors, mark, other):
    """Whose update it is doesn't move the data."""
    layout = layout_of(tensors)
    assert len(header(layout, mark)) == len(header(layout, other))


def test_arrays_are_read_only_views():
    """Reading copies nothing, and nobody writes through it."""
    data = encode({"w": np.arange(4, dtype=np.float32)})
    read = arrays(data)["w"]
    assert not read.flags.writeable
    assert not read.flags.owndata
    assert read.flags.aligned


def test_order_in_memory_does_not_matter():
    """Big-endian, strided and Fortran-ordered arrays are written as plain ones."""
    plain = np.arange(12, dtype="<f4").reshape(3, 4)
    for same in (plain.astype(">f4"), np.asfortranarray(plain), np.repeat(plain, 2, 1)[:, ::2]):
        assert encode({"w": same}) == encode({"w": plain})


def test_states_go_there_and_back():
    """A state dict survives the trip, and its copy is writable."""
    state = {"w": torch.arange(3.0), "n": torch.tensor(7), "m": torch.tensor([True])}
    read = to_state(arrays(encode(from_state(state))))
    assert all(torch.equal(read[k], v) and read[k].dtype == v.dtype for k, v in state.items())
    read["w"] += 1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.complex64])
def test_a_dtype_that_cannot_travel_is_named(dtype):
    """bfloat16 and complex tensors are refused with the tensor's name."""
    with pytest.raises(WrongUse, match=r"'layer\.w'.* can't travel|'layer\.w' is 'complex64'"):
        encode(from_state({"layer.w": torch.zeros(1, dtype=dtype)}))


@pytest.mark.parametrize("name", [METADATA, "line\nbreak", "\x1b[31m"])
def test_a_name_that_cannot_travel_is_refused(name):
    """Reserved names and control characters aren't written."""
    with pytest.raises(WrongUse, match="can't be named"):
        encode({name: np.zeros(1)})


def test_a_header_too_long_is_refused():
    """More names than a header may hold raise WrongUse."""
    with pytest.raises(WrongUse, match="at most"):
        header(Layout.of((f"{i:0300d}", "U8", (0,)) for i in range(4000)))


BAD = {
    "empty": b"",
    "length only": bytes(8),
    "cut off": raw({"w": entry()}, bytes(4))[:20],
    "too long": (MAX_HEADER + 8).to_bytes(8, "little") + bytes(MAX_HEADER + 8),
    "unpadded": raw({}, pad=False),
    "not JSON": raw(b"{]"),
    "a list": raw([]),
    "a number": raw(b"5"),
    "deep": raw(b"[" * 100_000),
    "not UTF-8": raw(b'{"\xff":1}'),
    "surrogate": raw(b'{"\\ud800":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
    "white space": raw(b'{"w": {"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
    "padded twice": raw(raw({})[8:] + b" " * 8),
    "data missing": raw({"w": entry()}, bytes(3)),
    "data too long": raw({"w": entry()}, bytes(5)),
    "unknown dtype": raw({"w": entry("F8_E4M3", places=(0, 1))}, bytes(1)),
    "bfloat16": raw({"w": entry("BF16", places=(0, 2))}, bytes(2)),
    "dtype a list": raw({"w": entry(["F32"])}, bytes(4)),
    "negative shape": raw({"w": entry(shape=(-1, -1))}, bytes(4)),
    "float shape": raw({"w": entry(shape=(1.0,))}, bytes(4)),
    "true shape": raw({"w": entry(shape=(True,))}, bytes(4)),
    "huge shape": raw({"w": entry(shape=(0, 1 << 40, 1 << 40), places=(0, 0))}),
    "deep shape": raw({"w": entry(shape=(1,) * 33)}, bytes(4)),
    "more in an entry": raw({"w": entry(more=1)}, bytes(4)),
    "less in an entry": raw({"w": {"dtype": "F32", "shape": [1]}}, bytes(4)),
    "offset": raw({"w": entry(places=(4, 8))}, bytes(8)),
    "hole": raw({"a": entry(), "b": entry(places=(8, 12))}, bytes(12)),
    "overlap": raw({"a": entry(), "b": entry(places=(0, 4))}, bytes(4)),
    "names unsorted": raw({"b": entry(), "a": entry(places=(4, 8))}, bytes(8)),
    "narrow first": raw({"a": entry("U8", places=(0, 1)), "b": entry(places=(1, 5))}, bytes(5)),
    "name twice": raw(
        b'{"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},'
        b'"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'
    ),
    "control character": raw({"a\nb": entry()}, bytes(4)),
    "other metadata": raw({METADATA: {"format": "pt"}}),
    "metadata a list": raw({METADATA: []}),
    "metadata none": raw({METADATA: None}),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_a_file_that_we_would_not_write_is_refused(data):
    """Every other header raises ValueError, whether safetensors would read it or not."""
    with pytest.raises(ValueError):  # noqa: PT011  # each says what is wrong in its own words
        parse(data)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("run", "1"),
        ("run", "0" * 19 + "x"),
        ("run", "+" + "0" * 18 + "1"),
        ("run", "9" * 20),
        ("round", "٣".rjust(20, "0")),
        ("member", 3),
        ("nonce", "0" * 63),
        ("nonce", "AB" * 32),
        ("waggle", "update/2"),
        ("more", "x"),
        ("waggle", None),
    ],
)
def test_a_mark_of_another_form_is_refused(field, value):
    """Fields of another width or alphabet, unknown and missing ones raise ValueError."""
    fields = json.loads(header(Layout(()), MARK)[8:])
    fields[METADATA][field] = value
    if value is None:
        del fields[METADATA][field]
    with pytest.raises(ValueError):  # noqa: PT011
        parse(raw(json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()))


def test_a_mark_has_bounds():
    """Numbers from 2^64 on and nonces of other lengths have no mark."""
    with pytest.raises(ValueError, match="2\\^64"):
        UpdateMark(1 << 64, 0, 0, bytes(32))
    with pytest.raises(ValueError, match="32 bytes"):
        UpdateMark(0, 0, 0, bytes(31))


@given(st.binary(max_size=200))
def test_garbage_is_a_value_error(data):
    """Whatever the header holds, reading raises ValueError and nothing else."""
    for file in (data, raw(data)):
        try:
            parsed = parse(file)
        except ValueError:
            continue
        assert header(parsed.layout, parsed.mark) == file[: parsed.data_start]


def test_the_bytes_of_an_update_are_fixed():
    """The example of docs/formats.md."""
    data = encode({"w": np.array([1.0, -2.0], np.float32)}, MARK)
    assert data == (
        b"\x08\x01\x00\x00\x00\x00\x00\x00"
        b'{"__metadata__":{"member":"00000000000000000003","nonce":"0001020304050607'
        b'08090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f","round":"00000000000000000002",'
        b'"run":"00000000000000000001","waggle":"update/1"},'
        b'"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}      '
        b"\x00\x00\x80\x3f\x00\x00\x00\xc0"
    )
