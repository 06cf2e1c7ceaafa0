"""What a merge rule is: the interface that every rule implements, and what it is given.

A rule sees its inputs through a `Stack`, slice by slice, as often as it needs: a coordinate-wise rule
not at all before it combines, a rule that goes by distance once. It answers with a `Plan`: how to
combine one slice, which inputs it uses, with which scores. So memory depends on the slice, not on the
model, and a step before a rule (mixing, clipping) is a function from stack to stack.

Rules must be reproducible bit for bit: elementwise arithmetic in float64, sums over inputs one after
the other, no matrix products, no reductions along a row but `node.merge.distances`', no exp; ties
broken by position. Position is the rank of the member's number.

Canonical rules give every node the same bytes. Gossip rules are anchored on the node's own input, so
they need `Context.own`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from node.errors import Unfit
from node.weights import Array

Result = TypeVar("Result")

MOST_INPUTS = 256
"""Seats of a run, so the most inputs that a merge ever has."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The same columns of every input and of the base: 1-D arrays of one dtype, read-only.

    start: the byte of the model's data that the columns start at.
    """

    start: int
    rows: tuple[Array, ...]
    base: Array


class Stack(Protocol):
    """The floating columns of all inputs, in the order of member numbers."""

    @property
    def count(self) -> int:
        """Inputs."""
        ...

    def map(self, work: Callable[[Slice], Result]) -> Iterator[Result]:
        """What `work` makes of all floating columns, slice by slice, in the order of the model's bytes.

        Slices lie on a grid: each but a run's last is a whole number of `kernels.CHUNK` columns. `work`
        is called in several threads at a time.
        """
        ...


@dataclass(frozen=True, slots=True)
class Own:
    """What a gossip rule is anchored on.

    position: of the node's own input. mixing: what each input would count in a plain gossip average,
    own included, sum 1. progress: the share of the run that is over, from 0 to below 1. losses: mean
    losses of the inputs at these positions on a batch of the node's own data.
    """

    position: int
    mixing: tuple[float, ...]
    progress: float
    losses: Callable[[Sequence[int]], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule knows besides the values.

    weights: of each input as claimed, capped, at least 1. hostile: how many inputs may be hostile.
    seed: the round's 32 bytes, for rules that draw lots. own: in gossip runs only.
    """

    weights: tuple[int, ...]
    hostile: int
    seed: bytes
    own: Own | None = None

    def reckoned(self, f: int | None) -> int:
        """The f that a rule works with: its own, or as many as may be hostile."""
        return self.hostile if f is None else f


@dataclass(frozen=True, slots=True)
class Plan:
    """How to merge: `combine` maps a slice to its merged columns, in float64 or the slice's dtype.

    used: positions of the inputs that the result depends on; `combine` looks at no others. scores: one
    per input (distance, weight: the rule's docstring says), or none. `combine` is called in several
    threads at a time.
    """

    combine: Callable[[Slice], Array]
    used: tuple[int, ...]
    scores: tuple[float, ...] = ()


class Rule(Protocol):
    """One merge rule with its parameters; `str()` gives the text that it was made from, canonical."""

    @property
    def bound(self) -> str:
        """What n inputs and f hostile ones must fulfil, for people: `n > 2f`."""
        ...

    def tolerates(self, n: int) -> int:
        """Hostile inputs that the rule withstands among n; -1 when it can't run on n at all."""
        ...

    def plan(self, stack: Stack, context: Context) -> Plan:
        """Look at the inputs as far as needed and say how to combine them."""
        ...


def check(rule: Rule, n: int, f: int) -> None:
    """Refuse a rule that can't withstand f hostile inputs among n. Raises Unfit stating the bound."""
    most = rule.tolerates(n)
    if most < 0:
        raise Unfit(f"merge rule {rule} can't run on {n} inputs: it needs {rule.bound}")
    if most < f:
        raise Unfit(
            f"merge rule {rule} withstands {most} hostile among {n} inputs, not {f}: "
            f"it needs {rule.bound}"
        )


def withstood(f: int | None, most: int) -> int:
    """What a rule tolerates that takes any f up to `most`: that, or its own f, or -1 if that's more."""
    if f is None:
        return max(most, -1)
    return f if f <= most else -1


def least_inputs(rule: Rule, f: int) -> int:
    """The least number of inputs over which the rule withstands f hostile. Raises Unfit."""
    for n in range(1, MOST_INPUTS + 1):
        if rule.tolerates(n) >= f:
            return n
    raise Unfit(f"merge rule {rule} withstands {f} hostile inputs nowhere: it needs {rule.bound}")
