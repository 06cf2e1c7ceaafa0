"""Canonical safetensors: the library's own bytes, one way to write, nothing else read."""

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
from node.header import DTYPES, METADATA
from node.weights import (
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
