"""What was found of an attacker, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

LIKE_HONEST = 2.0
"""An attacker that moves merges by less than so many times what an honest clinic does is outweighed."""


@dataclass(slots=True)
class Seen:
    """Counts over the rounds in whose roster it was; see `evidence` for what they mean.

    own, honest: scores in receipts, its own and honest clinics'. pulls, fair: how far merges are from
    those without it, and from those without an honest clinic, as a share of the latter's step.
    """

    rounds: int = 0
    silent: int = 0
    unrevealed: int = 0
    refused: int = 0
    why: str = ""
    unheld: int = 0
    inputs: int = 0
    unused: int = 0
    disputed: int = 0
    unattested: int = 0
    own: list[float] = field(default_factory=list)
    honest: list[float] = field(default_factory=list)
    pulls: list[float] = field(default_factory=list)
    fair: list[float] = field(default_factory=list)


def verdict(seen: Seen, harmed: bool) -> str:
    """In a few words, the gravest first. harmed: the model is worse than with nobody attacking."""
    if harmed and seen.inputs > seen.unused:
        return "succeeded"
    if seen.disputed:
        return "outvoted"
    if seen.refused:
        return "refused"
    if seen.unheld or seen.unrevealed or seen.silent:
        return "timed out"
    if not seen.rounds or not seen.inputs:
        return "took no part"
    if seen.unused == seen.inputs:
        return "left out by the rule"
    if seen.pulls and seen.fair and median(seen.pulls) < LIKE_HONEST * median(seen.fair):
        return "outweighed"
    return "taken in"


def evidence(seen: Seen) -> Iterator[str]:
    """What shows it, with the rounds in which it did."""
    if seen.disputed:
        yield f"attested another model, on record as disputed ({_of(seen.disputed, seen)})"
    if seen.refused:
        yield f"update fails verification: {_short(seen.why)} ({_of(seen.refused, seen)})"
    if seen.unheld:
        yield f"no quorum got its update in time ({_of(seen.unheld, seen)})"
    if seen.unrevealed:
        yield f"promised an update and revealed none ({_of(seen.unrevealed, seen)})"
    if seen.silent:
        yield f"promised nothing ({_of(seen.silent, seen)})"
    if seen.inputs and not seen.disputed:
        yield from _as_input(seen)
    if seen.unattested:
        yield f"attested nothing ({_of(seen.unattested, seen)})"


def _as_input(seen: Seen) -> Iterator[str]:
    if seen.unused:
        yield f"the rule left its update out ({_of(seen.unused, seen)})"
    if seen.own and seen.honest:
        yield f"the receipts score it {_range(seen.own)}, honest clinics {_range(seen.honest)}"
    if seen.pulls:
        moved = f"moved merges by {median(seen.pulls):.0%} of their step"
        yield moved + (f", an honest clinic by {median(seen.fair):.0%}" if seen.fair else "")


def _of(count: int, seen: Seen) -> str:
    return f"{count} of {seen.rounds} rounds"


def _range(values: list[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"


def _short(why: str) -> str:
    """Without whose update it is: the row says that."""
    return why.partition(" fails: ")[2] or why
