"""docs/formats.md, followed to the letter in plain Python: no numpy arithmetic, none of our code."""

import hashlib
import json
import struct
from pathlib import Path

import pytest

from node.merge import self_test, self_test_for
from node.merge.selftest import GOSSIP_RULES, RULES
from tests import merge_reference

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


def merged(rule):
    """The rule's line and the data of the merged model: the sections Merging and Self-test."""
    tensors = read(FILE.read_bytes())
    runs = [rows(table) for table in tensors if table[0][0] == "F"]
    *inputs, base = ([run[i] for run in runs] for i in range(8))
    if rule in GOSSIP_RULES:
        used, scores, column = merge_reference.gossip_plan(rule, inputs, own=2, w=0.125, hostile=1)
    else:
        used, scores, column = merge_reference.plan(
            rule, inputs, base, WEIGHTS, hostile=1, seed=bytes(range(32))
        )
    yield f"{rule} used {used} scores {[score.hex() for score in scores]}\n".encode()
    for dtype, shape, values in tensors:
        for *inputs, base in zip(*rows((dtype, shape, values)), strict=True):
            value = column(inputs, base) if dtype[0] == "F" else sorted(inputs)[3]
            (rounded,) = struct.unpack(code := "<" + CODES.get(dtype, "?"), struct.pack(code, value))
            yield struct.pack(code, rounded + 0.0 if dtype[0] == "F" else rounded)


def rows(tensor):
    """The eight rows of a tensor; in this file no two neighbours have one dtype, so each is a run."""
    _, (count, columns), values = tensor
    return [values[row * columns : (row + 1) * columns] for row in range(count)]


def test_the_page_is_enough_to_reproduce_the_self_test():
    """A second implementation, written from the page alone, gets the digest of the manifests."""
    assert digest(b"".join(part for rule in RULES for part in merged(rule))) == self_test().hex
    both = (*RULES, *GOSSIP_RULES)
    assert digest(b"".join(part for rule in both for part in merged(rule))) == self_test_for(True).hex


@pytest.mark.parametrize("rule", [*RULES, *GOSSIP_RULES])
def test_each_rule_is_as_the_page_says(rule):
    """The same rule by rule, so that a difference names the rule."""
    assert digest(b"".join(merged(rule))) == self_test((rule,)).hex
