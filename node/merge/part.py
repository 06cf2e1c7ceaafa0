"""One name with parameters, as rules, steps and attacks are written: `trimmed-mean:f=1`.

    part = name [":" key "=" value *("," key "=" value)]

Names and keys are lower-case letters, digits and hyphens. What has a bound says it when it refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from node.errors import WrongUse
from node.merge.rule import MOST_INPUTS

_Made = TypeVar("_Made")

_NAME = r"[a-z][a-z0-9-]*"
_PART = re.compile(rf"({_NAME})(?::({_NAME}=[^,=:+\s]+(?:,{_NAME}=[^,=:+\s]+)*))?")


@dataclass(frozen=True, slots=True)
class Part:
    """One name as written, and its parameters as text."""

    name: str
    values: Mapping[str, str]

    def only(self, *known: str) -> None:
        """Refuse parameters other than these. Raises WrongUse."""
        for key in self.values:
            if key not in known:
                has = ", ".join(known) or "none"
                raise WrongUse(f"{self.name} has no parameter {key!r}; it has: {has}")

    def count(self, key: str, low: int = 0, high: int = MOST_INPUTS) -> int | None:
        """A whole parameter from low to high, below 1,000, or None when not given. Raises WrongUse."""
        text = self.values.get(key)
        if text is None:
            return None
        if not re.fullmatch(r"0|[1-9][0-9]{0,2}", text) or not low <= int(text) <= high:
            raise WrongUse(f"{self.name}:{key} is a number from {low} to {high}, not {text!r:.80}")
        return int(text)

    def number(self, key: str, low: float = 1e-4, high: float = 1e9) -> float | None:
        """A parameter from low to high, or None when not given. Raises WrongUse."""
        text = self.values.get(key)
        if text is None:
            return None
        if not re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,17})?", text) or not low <= float(text) <= high:
            raise WrongUse(f"{self.name}:{key} is a number from {low:g} to {high:g}, not {text!r:.80}")
        return float(text)

    def choice(self, key: str, *known: str) -> str | None:
        """A parameter that is one of these words, or None when not given. Raises WrongUse."""
        text = self.values.get(key)
        if text is not None and text not in known:
            raise WrongUse(f"{self.name}:{key} is one of {', '.join(known)}, not {text!r:.80}")
        return text


def read_part(text: str, kind: str) -> Part:
    """Read one name with its parameters. kind: what it names, for the error. Raises WrongUse."""
    found = _PART.fullmatch(text)
    if not found:
        raise WrongUse(f"no {kind} {text!r:.80}: write name or name:key=value")
    pairs = [pair.split("=") for pair in (found[2] or "").split(",") if pair]
    if len(dict(pairs)) < len(pairs):
        raise WrongUse(f"{text!r:.80} gives a parameter twice")
    return Part(found[1], dict(pairs))


def bare(make: Callable[[], _Made]) -> Callable[[Part], _Made]:
    """Makes what has no parameters."""

    def made(part: Part) -> _Made:
        part.only()
        return make()

    return made


def with_f(make: Callable[[int | None], _Made]) -> Callable[[Part], _Made]:
    """Makes what has one parameter, the hostile inputs `f` that it is made for; None when not given."""

    def made(part: Part) -> _Made:
        part.only("f")
        return make(part.count("f"))

    return made


def one_of(table: Mapping[str, _Made], kind: str, name: str) -> _Made:
    """What stands in the table under a name. Raises WrongUse listing the known."""
    if name not in table:
        raise WrongUse(f"there is no {kind} {name!r:.80}; known: {', '.join(table) or 'none'}")
    return table[name]
