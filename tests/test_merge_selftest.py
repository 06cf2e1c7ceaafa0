"""The merge self-test: one digest on every machine, and its committed vectors.

`python tests/test_merge_selftest.py` makes node/vectors/merge.safetensors again. Its bits come from
SHA-256 in counter mode, so that the file can be made anywhere.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy._core import _multiarray_umath as dispatch

from node.digest import Digest
from node.merge import known, known_gossip, self_test, self_test_for
from node.merge.selftest import GOSSIP_RULES, RULES
from node.merge.steps import STEPS
from node.weights import Array, arrays, encode

PROJECT = Path(__file__).parents[1]
FILE = PROJECT / "node" / "vectors" / "merge.safetensors"
ROWS = 8
PER_KIND = 21

_FLOATS = {"F16": (np.float16, 10, 15), "F32": (np.float32, 23, 127), "F64": (np.float64, 52, 1023)}


DIGEST = Digest.from_hex("ba3e79f48ad9e8c1f2d9a5175a70885454ac09798b8af102641fe5bea8f4d5c5")
"""What every machine must get; changes with the rules, their order of arithmetic, or the vectors."""

GOSSIP_DIGEST = Digest.from_hex("0fd9b87730e72359769f9444f3b92d5b675975d8fde873e0176b74a75c38ade0")
"""The same for gossip runs."""

PROGRAM = """
import sys
import numpy as np
from node.digest import digest
from node.merge import self_test, self_test_for
from node.merge.inputs import Inputs
from node.merge.grammar import parse
from node.merge.merging import combined
from node.merge.rule import Context
from node.merge.selftest import RULES
from node.weights import encode, header, layout_of

def model(seed):
    g = np.random.Generator(np.random.PCG64(seed))
    wide = g.standard_normal(50_011)
    return {"d": wide, "s": wide.astype("f4"), "h": wide.astype("f2"), "i": g.integers(-9, 9, 3_001)}

def merged(text, columns):
    models = [model(seed) for seed in range(8)]
    layout = layout_of(models[0])
    *files, base = ((encode(m), len(header(layout))) for m in models)
    inputs = Inputs(layout, files, base, columns, threads=columns % 5 + 1)
    plan = parse(text).plan(inputs, Context((1, 2, 3, 5, 8, 13, 21), 1, bytes(32)))
    scores = repr((plan.used, plan.scores)).encode()
    return digest(scores + b"".join(values.tobytes() for _, values in combined(plan, inputs)))

print(self_test(), self_test_for(True), *(merged(text, int(sys.argv[1])) for text in RULES))
"""

FOUND = [name for name in dispatch.__cpu_dispatch__ if dispatch.__cpu_features__.get(name)]
SETTINGS = [
    ({}, 1 << 15),
    ({"NPY_DISABLE_CPU_FEATURES": " ".join(FOUND)}, 1 << 15),
    ({"NPY_DISABLE_CPU_FEATURES": " ".join(FOUND[1:])}, 1 << 12),
    ({"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MKL_CBWR": "COMPATIBLE"}, 3 << 12),
    ({"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""}, 1 << 13),
    ({"OMP_NUM_THREADS": "4", "MKL_NUM_THREADS": "4"}, 1 << 20),
]
TORCH = [
    ({"ATEN_CPU_CAPABILITY": name, "OMP_NUM_THREADS": threads}, 4096)
    for name, threads in (("default", "1"), ("avx2", "2"), ("avx512", "4"))
]


def test_this_machine_gets_the_committed_digest():
    """The constant that manifests carry."""
    assert self_test() == self_test_for(gossip=False) == DIGEST
    assert self_test_for(gossip=True) == GOSSIP_DIGEST


def test_the_vectors_are_what_this_page_makes():
    """Nobody changed the committed file by hand."""
    assert FILE.read_bytes() == make()


def test_every_rule_is_tested():
    """No rule that a manifest can name is left out, nor any step."""
    parts = {part.split(":")[0] for text in RULES for part in text.split("+")}
    assert parts == {*known(), *STEPS}
    assert {text.split(":")[0] for text in GOSSIP_RULES} == set(known_gossip())


def test_the_vectors_hold_what_is_hard():
    """Subnormals, both zeros, large values and many ties, in every float dtype."""
    for name, (dtype, _, _) in _FLOATS.items():
        table = arrays(FILE.read_bytes())[name.lower()]
        info = np.finfo(dtype)
        assert np.isfinite(table).all()
        assert ((table != 0) & (np.abs(table) < info.tiny)).any()
        assert ((table == 0) & np.signbit(table)).any()
        assert ((table == 0) & ~np.signbit(table)).any()
        assert np.abs(table).max() > min(float(info.max), 2.0**127) / 4


def test_a_processor_that_flushes_subnormals_is_noticed():
    """Arithmetic that differs in the smallest numbers alone gives another digest."""
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor can't flush subnormals")
    try:
        assert self_test() != DIGEST
    finally:
        torch.set_flush_denormal(False)


def outputs(settings, program=PROGRAM):
    """What the program prints in processes with these environments, all at once."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(columns)],
            cwd=PROJECT,
            env={**os.environ, **extra},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for extra, columns in settings
    ]
    return [process.communicate(timeout=500) for process in started]


@pytest.mark.slow
@pytest.mark.timeout(600)  # a new machine compiles for each processor first
def test_processors_threads_and_slices_give_the_same_bytes():
    """Without newer instructions, with other thread counts and slice sizes: equal digests."""
    found = outputs(SETTINGS)
    assert {out for out, _ in found} == {found[0][0]}
    assert found[0][0].split()[0] == DIGEST.hex


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_torch_s_settings_do_not_matter():
    """In a process where torch is loaded, under each instruction set of ATen: equal digests."""
    found = outputs([({}, 1 << 15)]) + outputs(TORCH, "import torch\n" + PROGRAM)
    assert {out for out, _ in found} == {found[0][0]}
    assert found[0][0].split()[0] == DIGEST.hex


def random_bits(label: str, count: int) -> Array:
    """`count` 64-bit words that depend on nothing but the label."""
    blocks = (hashlib.sha256(f"{label} {i}".encode()).digest() for i in range(-(-count // 4)))
    return np.frombuffer(b"".join(blocks), "<u8")[:count].copy()


def make() -> bytes:
    """The vector file's bytes."""
    tables = {name.lower(): _floats(name) for name in _FLOATS}
    for name, dtype in (("i8", "i1"), ("i16", "i2"), ("i32", "i4"), ("i64", "i8"), ("u8", "u1")):
        tables[name] = random_bits(name, ROWS * 37).reshape(ROWS, 37).astype(dtype)
    tables["bool"] = (random_bits("bool", ROWS * 37).reshape(ROWS, 37) & 1).astype(np.bool_)
    return encode(tables)


def _floats(name: str) -> Array:
    dtype, mantissa, bias = _FLOATS[name]
    largest = min(bias, 127)
    kinds = [
        _patterns(f"{name} plain", dtype, mantissa, (bias - 8, bias + 2)),
        _patterns(f"{name} subnormal", dtype, mantissa, (0, 1)),
        _patterns(f"{name} near subnormal", dtype, mantissa, (0, 3)),
        _patterns(f"{name} large", dtype, mantissa, (bias + largest - 2, bias + largest)),
        _patterns(f"{name} mixed", dtype, mantissa, (bias - largest + 1, bias + largest)),
        _close(f"{name} close", dtype, mantissa),
        _zeros(f"{name} zeros", dtype, mantissa, bias),
    ]
    return np.concatenate(kinds, axis=1)


def _patterns(label: str, dtype: type, mantissa: int, exponents: tuple[int, int]) -> Array:
    """Random signs and mantissas, biased exponents from exponents[0] to exponents[1] - 1."""
    bits = random_bits(label, ROWS * PER_KIND).reshape(ROWS, PER_KIND)
    low, high = exponents
    exponent = low + (bits >> 53) % (high - low)
    word = np.dtype(dtype).itemsize * 8
    raw = (bits & ((1 << mantissa) - 1)) | (exponent << mantissa) | ((bits >> 52 & 1) << (word - 1))
    return raw.astype(f"u{word // 8}").view(dtype)


def _close(label: str, dtype: type, mantissa: int) -> Array:
    """100 and a little: values a few units in the last place apart, where halves tie."""
    bits = random_bits(label, ROWS * PER_KIND).reshape(ROWS, PER_KIND)
    return (100 + (bits % 5).astype(np.float64) * 2.0 ** (6 - mantissa)).astype(dtype)


def _zeros(label: str, dtype: type, mantissa: int, bias: int) -> Array:
    """Half signed zeros, half values around 1."""
    values = _patterns(label, dtype, mantissa, (bias - 1, bias + 1))
    return values * (random_bits(label + "?", values.size).reshape(values.shape) & 1).astype(dtype)


if __name__ == "__main__":
    FILE.write_bytes(make())
