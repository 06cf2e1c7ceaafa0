"""Behaviours as text: `late:seconds=30`. Only the canonical text is taken, which is `Behaviour.text`.

    conduct = conduct_of("sign-flip:scale=10", Stage(member=4, clock=time.time, seed=7))

The attacks on what is learned are written as in `sim.attacks.grammar`; all but two of them make sense
for a real node. A new behaviour is added to the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from node.conduct import Conduct
from node.errors import WrongUse
from node.merge.part import Part, one_of, read_part
from node.merge.text import written
from sim.adversary import misfits, planted, presence, promises, serving, votes
from sim.adversary.crafted import crafted
from sim.adversary.stage import Stage
from sim.attacks import grammar as attacks


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One way to be hostile; `text` is how it is written, `conduct` makes a node so."""

    text: str
    conduct: Callable[[Stage], Conduct]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A behaviour by name: how to make it, its numbers with their ranges, what it does in a few words.

    Numbers whose range is of ints are whole.
    """

    make: Callable[..., Conduct]
    does: str
    numbers: Mapping[str, tuple[float, float]]


def _kind(does: str, make: Callable[..., Conduct], **numbers: tuple[float, float]) -> _Kind:
    return _Kind(make, does, numbers)


_SHARE = (0.01, 1.0)
_SECONDS = (0.1, 1e6)

PROTOCOL: dict[str, _Kind] = {
    "wrong-shape": _kind("an update of another shape", misfits.misfit(misfits.wrong_shape)),
    "wrong-dtype": _kind("one whose numbers are of another kind", misfits.misfit(misfits.wrong_dtype)),
    "oversize": _kind("one with megabytes of zeros behind it", misfits.misfit(misfits.oversize)),
    "truncated": _kind("half of one", misfits.misfit(misfits.truncated)),
    "malformed-header": _kind("one whose header can't be read", misfits.misfit(misfits.malformed)),
    "wrong-mark": _kind("one that names another member", misfits.misfit(misfits.wrong_mark)),
    "stale-bytes": _kind("its own very bytes of an earlier round", planted.stale_bytes, age=(1, 99)),
    "copied-bytes": _kind("somebody else's very bytes", planted.copied_bytes),
    "overclaim": _kind("claims more patients than there are", planted.overclaim),
    "withhold": _kind("reveals, and serves nobody", serving.withhold),
    "withhold-some": _kind("serves some peers and not others", serving.withhold_some, share=_SHARE),
    "late": _kind("serves late", serving.late, seconds=_SECONDS, share=_SHARE),
    "wrong-bytes": _kind("serves other bytes than it offers", serving.wrong_bytes),
    "equivocate": _kind("serves some peers another blob", serving.equivocate, share=_SHARE),
    "flood": _kind("asks for what doesn't exist", serving.flood, requests=(1, 999)),
    "no-reveal": _kind("commits and never reveals", promises.no_reveal),
    "steer-seed": _kind("reveals last, if it likes the seed", promises.steer_seed),
    "second-commit": _kind("commits twice", promises.second_commit),
    "hurry": _kind("tries to end each phase at once", promises.hurry),
    "late-hold": _kind("holds at the last moment", votes.late_hold, share=_SHARE),
    "false-hold": _kind("says it holds what it hasn't got", votes.false_hold),
    "hold-nothing": _kind("says it holds nobody's update", votes.hold_nothing),
    "false-attest": _kind("attests a model that nobody made", votes.false_attest),
    "copy-attest": _kind("attests what others attest, merges nothing", votes.copy_attest),
    "absent": _kind("enters, then nothing", presence.absent),
    "come-and-go": _kind("the same, and enters again when benched", presence.come_and_go),
}
"""Behaviours that break the protocol, or what it is for, by name."""

NO_NODE = ("none", "dissensus")
"""Attacks of the arena that aren't for a node: nothing, and another answer for each victim, which one
digest for all rules out."""


def behaviour_of(text: str) -> Behaviour:
    """A behaviour from its text. Raises WrongUse naming what is wrong and what is known."""
    part = read_part(text, "attack")
    kind = one_of({**dict.fromkeys(_learning()), **PROTOCOL}, "attack", part.name)
    if kind is None:
        return Behaviour(text, partial(crafted, attacks.parse(text)))
    part.only(*kind.numbers)
    values = {key: _number(part, key, *bounds) for key, bounds in kind.numbers.items()}
    if (right := written(part.name, **values)) != text:
        raise WrongUse(f"write the attack {text!r:.80} as {right}")
    given = {key: value for key, value in values.items() if value is not None}
    return Behaviour(text, partial(kind.make, **given))


def conduct_of(text: str, stage: Stage) -> Conduct:
    """How a node behaves that attacks so. Raises WrongUse."""
    return behaviour_of(text).conduct(stage)


def known() -> tuple[str, ...]:
    """Names of all behaviours."""
    return (*_learning(), *PROTOCOL)


def describe() -> Mapping[str, str]:
    """How each behaviour is written, with its parameters, and what it does, in one line each."""
    learning = {t: does for t, does in attacks.describe().items() if t.split("[")[0] not in NO_NODE}
    return {**learning, **{_form(name, kind): kind.does for name, kind in PROTOCOL.items()}}


def _learning() -> tuple[str, ...]:
    return tuple(name for name in attacks.known() if name not in NO_NODE)


def _number(part: Part, key: str, low: float, high: float) -> Any:
    if isinstance(low, int):
        return part.count(key, low, int(high))
    return part.number(key, low, high)


def _form(name: str, kind: _Kind) -> str:
    keys = ",".join(f"{key}=.." for key in kind.numbers)
    return f"{name}[:{keys}]" if keys else name
