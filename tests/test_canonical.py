"""Canonical JSON: one text for each value, and nothing else is read."""

import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from node import canonical

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_values_go_there_and_back(value):
    """Reading what was written gives the value."""
    assert canonical.load(canonical.dump(value)) == value


@given(st.binary(max_size=60))
@example(b"1e400")
@example(b"NaN")
@example(b"[" * 100_000)
@example(b"\xff\xfe1\x00")
@example(b'"\\ud800"')
@example(b"9" * 5000)
def test_garbage_is_a_value_error_or_canonical(data):
    """Any bytes either raise ValueError or are exactly what would be written."""
    try:
        value = canonical.load(data)
    except ValueError:
        return
    assert canonical.dump(value) == data


@pytest.mark.parametrize(
    "data",
    [b'{"b":1,"a":2}', b'{"a":1,"a":1}', b"[1, 2]", b" 1", b"1\n", b"1.0", b"-0", b'"\\u0061"', b""],
)
def test_other_spellings_are_refused(data):
    """Unsorted or repeated keys, white space, floats and needless escapes aren't canonical."""
    with pytest.raises(ValueError):  # noqa: PT011  # the reader words its own
        canonical.load(data)


DEEP = [b"[" * 100_000, b'{"a":' * 100_000, b"[1," * 100_000, b'["\\"]",' * 100_000]


@pytest.mark.parametrize("data", [*DEEP, b'"' + b'\\"[' * 300_000, b'"]"' + b"[" * 99_999])
def test_depth_is_bounded_whatever_the_recursion_limit(data):
    """Deep texts are refused before the reader in C overflows the stack, in linear time."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)
    try:
        with pytest.raises(ValueError):  # noqa: PT011  # deep, or not JSON
            canonical.load(data)
    finally:
        sys.setrecursionlimit(before)


def test_depth_is_bounded_alike_in_writing_and_reading():
    """The deepest value goes there and back, one deeper is neither written nor read."""
    deepest = []
    for _ in range(canonical.DEPTH - 1):
        deepest = [deepest]
    assert canonical.load(canonical.dump(deepest)) == deepest
    with pytest.raises(TypeError, match="deeper"):
        canonical.dump([deepest])
    with pytest.raises(ValueError, match="deeper"):
        canonical.load(b"[" + canonical.dump(deepest) + b"]")


def test_brackets_in_text_are_no_depth():
    """Only structure counts, whatever a string holds."""
    value = ['[[["\\' * 50, {'"{' * 50: "]"}]
    assert canonical.load(canonical.dump(value)) == value


@pytest.mark.parametrize("value", [1.5, b"bytes", (1, 2), {1: 2}, [{"deep": 1.0}], {"a"}])
def test_what_has_no_canonical_text_is_not_written(value):
    """Floats, bytes, tuples, sets and keys that aren't text raise TypeError."""
    with pytest.raises(TypeError):
        canonical.dump(value)


def test_the_bytes_are_fixed():
    """Keys by code point, UTF-8 unescaped, no white space."""
    value = {"é": [True, None], "a": -1, "B": 'x"\n'}
    assert canonical.dump(value) == '{"B":"x\\"\\n","a":-1,"é":[true,null]}'.encode()
