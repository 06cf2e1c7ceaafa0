"""Canonical JSON: equal values are equal bytes.

UTF-8, keys sorted, no white space, no floats (their text differs between writers): a float travels as
`float.hex()` text. Reading refuses whatever writing wouldn't produce.
"""

from __future__ import annotations

import json
import re
from typing import Any

DEPTH = 32
"""Lists and objects within each other, at most.

Libraries raise Python's recursion limit (py_ecc does), and then the reader in C overflows the stack on
a deeply nested text: a peer's header could kill the process.
"""

_WRITER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_STRING = re.compile(r'"(?:\\.|[^"])*+"?', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")

Value = None | bool | int | str | list["Value"] | dict[str, "Value"]


def dump(value: Value) -> bytes:
    """The canonical bytes of a value. Raises TypeError for floats and other types."""
    _check(value)
    return _WRITER.encode(value).encode()


def load(data: bytes) -> Any:
    """The value of canonical bytes. Raises ValueError for anything not written by `dump`."""
    try:
        value = read_json(data)
        same = dump(value) == data
    except (TypeError, RecursionError, UnicodeError) as error:
        raise ValueError(f"not canonical JSON: {error}") from None
    if not same:
        raise ValueError("not canonical JSON: keys unsorted, white space, or a repeated key")
    return value


def read_json(data: bytes) -> Any:
    """The value of JSON from anywhere, canonical or not. Raises ValueError, for great depth too."""
    text = data.decode()
    if text.count("[") + text.count("{") > DEPTH:
        _check_depth(text)
    return json.loads(text)


def _check_depth(text: str) -> None:
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > DEPTH:
            raise ValueError(f"JSON nested deeper than {DEPTH}")


def _check(value: object, room: int = DEPTH) -> None:
    if isinstance(value, dict | list) and not room:
        raise TypeError(f"canonical JSON is not nested deeper than {DEPTH}")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a key must be text, not {type(key).__name__}")
            _check(item, room - 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, room - 1)
    elif value is not None and not isinstance(value, bool | int | str):
        raise TypeError(f"canonical JSON has no {type(value).__name__}")
