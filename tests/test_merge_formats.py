"""docs/formats.md, followed to the letter in plain Python: no numpy arithmetic, none of our code."""

import hashlib
import json
import struct
from pathlib import Path

from node.merge import self_test

FILE = Path(__file__).parents[1] / "node" / "vectors" / "merge.safetensors"
CODES = {"I64": "q", "F64": "d", "F32": "f", "I32": "i", "F16": "e", "I16": "h", "I8": "b", "U8": "B"}
WEIGHTS = [1, 2, 64, 1024, 3, 1, 7]


def digest(data):
    """The section Digest."""
    hashes = [hashlib.sha256(data[i : i + 2**20]).digest() for i in range(0, len(data), 2**20)]
    head = b"waggle/blob/1\x00" + len(data).to_bytes(8, "big")
    return hashlib.sha256(head + b"".join(hashes)).hexdigest()


def read(data):
    """The section Models: [(dtype, shape, values)] in the order of the data."""
    length = int.from_bytes(data[:8], "little")
    body = data[8 + length :]
    tensors = []
    for entry in json.loads(data[8 : 8 + length]).values():
        start, stop = entry["data_offsets"]
        code = CODES.get(entry["dtype"], "?")
        values = struct.unpack(f"<{(stop - start) // struct.calcsize(code)}{code}", body[start:stop])
        tensors.append((entry["dtype"], entry["shape"], values))
    return tensors


def merge(rule, column, dtype):
    """The section Merging, for one element of every input."""
    if dtype[0] != "F":
        return sorted(column)[(len(column) - 1) // 2]
    if rule == "mean":
        total = 0.0
        for x, w in zip(column, WEIGHTS, strict=True):
            total += x * float(w)
        return total / float(sum(WEIGHTS))
    k = int(rule.removeprefix("trimmed-mean:f="))
    kept = sorted(x + 0.0 for x in column)[k : len(column) - k]
    total = 0.0
    for x in kept:
        total += x
    mean = total / len(kept)
    return max(kept[0], min(kept[-1], mean)) if dtype == "F64" else mean


def merged(rule):
    """The data of the merged model."""
    for dtype, (rows, columns), values in read(FILE.read_bytes()):
        for at in range(columns):
            column = [values[row * columns + at] for row in range(rows - 1)]
            value = merge(rule, column, dtype)
            (rounded,) = struct.unpack(code := "<" + CODES.get(dtype, "?"), struct.pack(code, value))
            yield struct.pack(code, rounded + 0.0 if dtype[0] == "F" else rounded)


def test_the_page_is_enough_to_reproduce_the_self_test():
    """A second implementation, written from the page alone, gets the digest of the manifests."""
    parts = []
    for rule in ("mean", "trimmed-mean:f=1", "trimmed-mean:f=2", "trimmed-mean:f=3"):
        scores = [float(w).hex() for w in WEIGHTS] if rule == "mean" else []
        parts.append(f"{rule} used {list(range(7))} scores {scores}\n".encode())
        parts.extend(merged(rule))
    assert digest(b"".join(parts)) == self_test().hex
