"""Headers of safetensors: what we wouldn't write is not read, whatever the library thinks of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import WrongUse
from node.header import MAX_HEADER, METADATA, Layout, UpdateMark, header, parse

MARK = UpdateMark(run=1, round=2, member=3, nonce=bytes(range(32)))


def raw(fields, data=b"", pad=True):
    """A file with any header."""
    text = fields if isinstance(fields, bytes) else json.dumps(fields, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8 if pad else 0)
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype="F32", shape=(1,), places=(0, 4), **more):
    """A tensor's entry in a header."""
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(places), **more}


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
