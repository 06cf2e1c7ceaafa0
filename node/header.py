"""The header of canonical safetensors: which tensors lie where, and whose update it is.

The layout is the one that the safetensors library writes: tensors by dtype, widest first, then by name;
data contiguous from offset 0; a compact JSON header, padded with spaces to a multiple of 8 bytes. A
model has no metadata, so its bytes are exactly `safetensors.torch.save`'s. An update has a mark, with
fields of fixed width: any two updates of a run have headers of the same length. Reading is by writing
again: whatever `header` wouldn't write is refused. docs/formats.md specifies it all.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from node import canonical
from node.errors import WrongUse

DTYPES: dict[str, np.dtype[Any]] = {
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "I32": np.dtype("<i4"),
    "F16": np.dtype("<f2"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
"""The dtypes that travel, in the order in which their data lies in a file."""

MAX_HEADER = 1 << 20
"""Bytes that a header may have at most."""

MAX_ELEMENTS = 1 << 48
"""Elements that a tensor may have at most (dimensions of 0 counted as 1)."""

MAX_RANK = 32
"""Dimensions that a tensor may have at most."""

SHORT = 1 << 12
"""Bytes up to which headers that were read lately are remembered: a model's few tensors come again and
again where many nodes are in one process. Those of peers take no more memory than that allows."""

METADATA = "__metadata__"
"""The one name in a header that is no tensor's."""

_WRITER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_RANK = {name: rank for rank, name in enumerate(DTYPES)}
_KIND = "update/1"
_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor's place: bytes start..stop, counted from where the data starts."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Names, dtypes, shapes and places of a model's tensors, in the order of their data."""

    tensors: tuple[Tensor, ...]

    @classmethod
    def of(cls, specs: Iterable[tuple[str, str, tuple[int, ...]]]) -> Layout:
        """The canonical layout of (name, dtype, shape). Raises ValueError for what can't travel."""
        at, tensors = 0, []
        for name, dtype, shape in sorted(map(_checked, specs), key=_order):
            stop = at + math.prod(shape) * DTYPES[dtype].itemsize
            tensors.append(Tensor(name, dtype, shape, at, stop))
            at = stop
        return cls(tuple(tensors))

    @property
    def size(self) -> int:
        """Bytes of data."""
        return self.tensors[-1].stop if self.tensors else 0


@dataclass(frozen=True, slots=True)
class UpdateMark:
    """What an update says of itself: whose it is, plus 32 random bytes that make its digest hiding."""

    run: int
    round: int
    member: int
    nonce: bytes

    def __post_init__(self) -> None:
        if not all(0 <= n < 1 << 64 for n in (self.run, self.round, self.member)):
            raise ValueError("run, round and member of a mark are below 2^64")
        if len(self.nonce) != 32:
            raise ValueError(f"a nonce has 32 bytes, not {len(self.nonce)}")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file's header: the layout, the mark if it is an update, and where its data starts."""

    layout: Layout
    mark: UpdateMark | None
    data_start: int


def header(layout: Layout, mark: UpdateMark | None = None) -> bytes:
    """All that comes before the data: 8 bytes of length, then padded JSON. Raises WrongUse."""
    fields: dict[str, Any] = {} if mark is None else {METADATA: _mark_fields(mark)}
    for t in layout.tensors:
        places = {"data_offsets": [t.start, t.stop]}
        fields[t.name] = {"dtype": t.dtype, "shape": list(t.shape), **places}
    text = _WRITER.encode(fields).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER:
        raise WrongUse(f"the model's header has {len(text)} bytes; at most {MAX_HEADER} can travel")
    return len(text).to_bytes(8, "little") + text


def parse(view: bytes | memoryview) -> Parsed:
    """Read and check a header against the size of the whole; the data is not looked at.

    Raises ValueError for all that `header` wouldn't have written.
    """
    text = _text(memoryview(view))
    mark, layout = (_read if len(text) > SHORT else _remembered)(text)
    if len(view) != 8 + len(text) + layout.size:
        raise ValueError(f"it says {8 + len(text) + layout.size} bytes, there are {len(view)}")
    return Parsed(layout, mark, 8 + len(text))


def _read(text: bytes) -> tuple[UpdateMark | None, Layout]:
    try:
        fields = canonical.read_json(text)
        mark, layout = _read_mark(fields), _read_layout(fields)
        same = header(layout, mark)[8:] == text
    except (TypeError, LookupError, AttributeError, RecursionError, WrongUse) as error:
        raise ValueError(f"malformed: {error!r:.120}") from None
    if not same:
        raise ValueError("not canonical")
    return mark, layout


_remembered = lru_cache(maxsize=64)(_read)


def _order(spec: tuple[str, str, tuple[int, ...]]) -> tuple[int, str]:
    return _RANK[spec[1]], spec[0]


def _checked(spec: tuple[str, str, tuple[int, ...]]) -> tuple[str, str, tuple[int, ...]]:
    name, dtype, shape = spec
    if name == METADATA or not name.isprintable():
        raise ValueError(f"a tensor can't be named {name!r:.80}")
    if dtype not in DTYPES:
        raise ValueError(f"tensor {name!r:.80} is {dtype!r:.80}; only {', '.join(DTYPES)} can travel")
    whole = all(type(n) is int and 0 <= n <= MAX_ELEMENTS for n in shape) and len(shape) <= MAX_RANK
    if not whole or math.prod(n or 1 for n in shape) > MAX_ELEMENTS:
        raise ValueError(f"tensor {name!r:.80} has an impossible shape")
    return name, dtype, shape


def _text(view: memoryview) -> bytes:
    length = int.from_bytes(view[:8], "little")
    if len(view) < 8 or length > MAX_HEADER or length % 8 or len(view) < 8 + length:
        raise ValueError("cut off, too long or unpadded")
    return bytes(view[8 : 8 + length])


def _read_layout(fields: dict[str, Any]) -> Layout:
    entries = [(name, entry) for name, entry in fields.items() if name != METADATA]
    return Layout.of((name, entry["dtype"], tuple(entry["shape"])) for name, entry in entries)


def _mark_fields(mark: UpdateMark) -> dict[str, str]:
    return {
        "member": f"{mark.member:0{_DIGITS}d}",
        "nonce": mark.nonce.hex(),
        "round": f"{mark.round:0{_DIGITS}d}",
        "run": f"{mark.run:0{_DIGITS}d}",
        "waggle": _KIND,
    }


def _read_mark(fields: dict[str, Any]) -> UpdateMark | None:
    if METADATA not in fields:
        return None
    said = fields[METADATA]
    run, round_, member = (int(said[name]) for name in ("run", "round", "member"))
    return UpdateMark(run, round_, member, bytes.fromhex(said["nonce"]))
