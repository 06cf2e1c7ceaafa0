"""Tensors as canonical safetensors and back: equal tensors are equal bytes.

`node.header` says what the bytes look like. Reading makes no copies: an array is a read-only view of
the blob. torch is imported only by the function that makes torch tensors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from node.blobs import Blobs
from node.digest import Digest
from node.errors import WrongUse
from node.header import DTYPES, Layout, Parsed, Tensor, UpdateMark, header, parse

if TYPE_CHECKING:
    import torch

__all__ = [
    "Array",
    "Layout",
    "Parsed",
    "Tensor",
    "UpdateMark",
    "arrays",
    "encode",
    "from_state",
    "header",
    "keep",
    "layout_of",
    "parse",
    "to_state",
]

Array = NDArray[Any]

_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def layout_of(tensors: Mapping[str, Array]) -> Layout:
    """The layout of a model held in memory. Raises WrongUse for a dtype or name that can't travel."""
    try:
        return Layout.of((name, _dtype(array), array.shape) for name, array in tensors.items())
    except ValueError as error:
        raise WrongUse(f"the model can't travel: {error}") from None


def encode(tensors: Mapping[str, Array], mark: UpdateMark | None = None) -> bytes:
    """The canonical bytes of a model, or with a mark of an update.

    Raises WrongUse for a dtype or name that can't travel, or when the header is too long.
    """
    return b"".join(_pieces(layout_of(tensors), tensors, mark))


def keep(blobs: Blobs, tensors: Mapping[str, Array], mark: UpdateMark | None = None) -> Digest:
    """What `encode` makes, as a blob that never lies in memory as a whole. Raises as it, DiskFull."""
    layout, at = layout_of(tensors), 0
    with blobs.draft(len(header(layout, mark)) + layout.size) as draft:
        for piece in _pieces(layout, tensors, mark):
            draft.write(at, piece)
            at += len(piece)
        return draft.finish()


def _pieces(
    layout: Layout, tensors: Mapping[str, Array], mark: UpdateMark | None
) -> Iterator[bytes | memoryview]:
    yield header(layout, mark)
    for tensor in layout.tensors:
        array = np.asarray(tensors[tensor.name], DTYPES[tensor.dtype], order="C")
        yield array.reshape(-1).view("u1").data


def arrays(view: bytes | memoryview) -> dict[str, Array]:
    """All tensors by name, as read-only views of `view` without copying. Raises ValueError."""
    parsed = parse(view)
    data = np.frombuffer(view, np.uint8)[parsed.data_start :]
    data.flags.writeable = False
    return {
        t.name: data[t.start : t.stop].view(DTYPES[t.dtype]).reshape(t.shape)
        for t in parsed.layout.tensors
    }


def from_state(state: Mapping[str, torch.Tensor]) -> dict[str, Array]:
    """A torch state dict as arrays on the CPU, sharing memory where torch does.

    Raises WrongUse for a dtype that can't travel, bfloat16 above all: numpy has none.
    """
    return {name: _from_tensor(name, tensor) for name, tensor in state.items()}


def to_state(tensors: Mapping[str, Array]) -> dict[str, torch.Tensor]:
    """Arrays as a torch state dict; the data is copied, so the blob stays as it is."""
    import torch

    return {name: torch.from_numpy(np.array(array)) for name, array in tensors.items()}


def _dtype(array: Array) -> str:
    return _NAMES.get(array.dtype.newbyteorder("<"), str(array.dtype))


def _from_tensor(name: str, tensor: torch.Tensor) -> Array:
    if str(tensor.dtype) == "torch.bfloat16":
        raise WrongUse(
            f"tensor {name!r} is bfloat16, which can't travel: keep the weights in float32 or float16"
        )
    try:
        array: Array = tensor.detach().cpu().numpy()
    except TypeError as error:
        raise WrongUse(f"tensor {name!r} can't travel: {error}") from None
    return array
