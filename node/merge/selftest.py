"""The self-test: does this machine's arithmetic give the bytes that every other's gives?

Every rule merges committed vectors: subnormal, signed zeros, large, close together, ties at a dtype's
rounding, integers and booleans. The digest over all results stands in each run's manifest, and a node
that gets another refuses to enter, before a wrong answer of its can be disputed in a round.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import resources

from node.digest import Digest, digest
from node.merge.anchored import no_losses
from node.merge.grammar import parse_any
from node.merge.inputs import Inputs
from node.merge.merging import combined
from node.merge.rule import Context, Own
from node.weights import Array, arrays, encode, layout_of
from node.weights import header as header_of

RULES = (
    "mean",
    "trimmed-mean:f=1",
    "trimmed-mean:f=2",
    "trimmed-mean:f=3",
    "median",
    "capped-mean",
    "capped-mean:times=3",
    "geometric-median",
    "krum",
    "krum:f=2",
    "multi-krum",
    "multi-krum:f=2,m=2",
    "bulyan",
    "bulyan:f=0",
    "mda",
    "mda:f=3",
    "centered-clipping",
    "centered-clipping:steps=3",
    "centered-clipping:tau=0.5,steps=2",
    "nnm+krum",
    "nnm:f=2+trimmed-mean:f=2",
    "bucketing:s=2+geometric-median",
    "bucketing:s=3+mean",
    "arc+median",
    "arc:f=3+nnm+trimmed-mean",
)
"""What is tested: each rule and step, with parameters that take each of its paths."""

GOSSIP_RULES = (
    "gossip",
    "self-centred-clipping",
    "self-centred-clipping:tau=0.5",
    "cs-plus",
    "cs-plus:b=0.2",
    "nna",
    "nna:f=2",
)
"""What is tested besides for gossip runs, whose merges nobody compares but anybody may redo."""

OWN = Own(position=2, mixing=(0.125,) * 2 + (0.25,) + (0.125,) * 4, progress=0.0, losses=no_losses)
"""What gossip rules are anchored on here."""

WEIGHTS = (1, 2, 64, 1024, 3, 1, 7)
"""Of the vectors' seven inputs; not only powers of two, so that products round."""


def self_test_for(gossip: bool) -> Digest:
    """The self-test that a run of this kind states."""
    return self_test((*RULES, *GOSSIP_RULES) if gossip else RULES)


def self_test(rules: Sequence[str] = RULES) -> Digest:
    """Digest of what the rules make of the committed vectors. Takes some 40 milliseconds."""
    inputs = _vectors()
    return digest(b"".join(part for text in rules for part in _results(text, inputs)))


def _results(text: str, inputs: Inputs) -> Iterator[bytes]:
    context = Context(WEIGHTS, hostile=1, seed=bytes(range(32)), own=OWN)
    plan = parse_any(text).plan(inputs, context)
    scores = [score.hex() for score in plan.scores]
    yield f"{text} used {list(plan.used)} scores {scores}\n".encode()
    yield from (values.tobytes() for _, values in combined(plan, inputs))


def _vectors() -> Inputs:
    """The committed file holds, by dtype, one row for each input and a last one for the base."""
    data = resources.files("node").joinpath("vectors/merge.safetensors").read_bytes()
    tables = arrays(data)
    models: list[dict[str, Array]] = [
        {name: table[row] for name, table in tables.items()} for row in range(len(WEIGHTS) + 1)
    ]
    layout = layout_of(models[0])
    *files, base = ((encode(model), len(header_of(layout))) for model in models)
    return Inputs(layout, files, base)
