"""Canonical JSON: equal values are equal bytes.

UTF-8, keys sorted, no white space, no floats (their text differs between writers): a float travels as
`float.hex()` text. Reading refuses whatever writing wouldn't produce.
"""

from __future__ import annotations

import json
from typing import Any

Value = None | bool | int | str | list["Value"] | dict[str, "Value"]


def dump(value: Value) -> bytes:
    """The canonical bytes of a value. Raises TypeError for floats and other types."""
    _check(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def load(data: bytes) -> Any:
    """The value of canonical bytes. Raises ValueError for anything not written by `dump`."""
    try:
        value = json.loads(data)
        same = dump(value) == data
    except (TypeError, RecursionError, UnicodeError) as error:
        raise ValueError(f"not canonical JSON: {error}") from None
    if not same:
        raise ValueError("not canonical JSON: keys unsorted, white space, or a repeated key")
    return value


def _check(value: object) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a key must be text, not {type(key).__name__}")
            _check(item)
    elif isinstance(value, list):
        for item in value:
            _check(item)
    elif value is not None and not isinstance(value, bool | int | str):
        raise TypeError(f"canonical JSON has no {type(value).__name__}")
