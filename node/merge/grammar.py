"""Merge rules as text: `trimmed-mean:f=1`, and steps before a rule joined by `+`.

    text  = *(step "+") rule
    step, rule = name [":" key "=" value *("," key "=" value)]

Names and keys are lower-case letters, digits and hyphens. Only the canonical text is taken, which is
what `str(rule)` gives: a manifest says each rule in one way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from node.errors import WrongUse
from node.merge.bulyan import Bulyan
from node.merge.capped_mean import CappedMean
from node.merge.centered_clipping import MOST_STEPS, CenteredClipping
from node.merge.geometric_median import GeometricMedian
from node.merge.gossips import GOSSIP, REPLAYABLE
from node.merge.krum import Krum
from node.merge.mda import MOST, MinimumDiameter
from node.merge.mean import Mean
from node.merge.median import Median
from node.merge.multi_krum import MultiKrum
from node.merge.part import Part, bare, one_of, read_part, with_f
from node.merge.rule import Rule
from node.merge.stepped import Stepped
from node.merge.steps import STEPS
from node.merge.trimmed_mean import TrimmedMean

__all__ = ["GOSSIP", "RULES", "STEPS", "known", "known_gossip", "parse", "parse_any", "parse_gossip"]


STEPS_AT_MOST = 4
"""Steps before a rule: each looks at all inputs through those before it, which a node has to bear."""


def _capped_mean(part: Part) -> Rule:
    part.only("times")
    return CappedMean(part.count("times", low=1))


def _multi_krum(part: Part) -> Rule:
    part.only("f", "m")
    return MultiKrum(part.count("f"), part.count("m", low=1))


def _mda(part: Part) -> Rule:
    part.only("f")
    return MinimumDiameter(part.count("f", high=MOST))


def _centered_clipping(part: Part) -> Rule:
    part.only("tau", "steps")
    return CenteredClipping(part.number("tau"), part.count("steps", low=1, high=MOST_STEPS))


RULES: dict[str, Callable[[Part], Rule]] = {
    "mean": bare(Mean),
    "trimmed-mean": with_f(TrimmedMean),
    "median": bare(Median),
    "capped-mean": _capped_mean,
    "geometric-median": bare(GeometricMedian),
    "krum": with_f(Krum),
    "multi-krum": _multi_krum,
    "bulyan": with_f(Bulyan),
    "mda": _mda,
    "centered-clipping": _centered_clipping,
}
"""Every canonical rule by name."""


def parse(text: str) -> Rule:
    """Make a canonical rule from its text. Raises WrongUse naming what is wrong and what is known."""
    return _parse(text, RULES)


def parse_gossip(text: str) -> Rule:
    """Make a rule for a gossip run from its text. Raises WrongUse as `parse` does."""
    name = text.partition(":")[0]
    if name in GOSSIP and name not in REPLAYABLE:
        raise WrongUse(f"nobody could redo the merges of {name}: take one of {', '.join(REPLAYABLE)}")
    return _parse(text, {name: GOSSIP[name] for name in REPLAYABLE})


def parse_any(text: str) -> Rule:
    """Make a canonical or a gossip rule from its text. Raises WrongUse as `parse` does."""
    return _parse(text, RULES | GOSSIP)


def _parse(text: str, rules: Mapping[str, Callable[[Part], Rule]]) -> Rule:
    *steps, last = (read_part(piece, "merge rule") for piece in text.split("+"))
    if len(steps) > STEPS_AT_MOST:
        raise WrongUse(f"{len(steps)} steps before a rule are too many: take {STEPS_AT_MOST} at most")
    if last.name in GOSSIP and (steps or last.name not in rules):
        raise WrongUse(
            f"{last.name} is anchored on each node's own model, so it is for gossip alone, without "
            f"steps; where all nodes must agree: {', '.join(RULES)}"
        )
    rule = one_of(rules, "merge rule", last.name)(last)
    for step in reversed(steps):
        rule = Stepped(one_of(STEPS, "merge step", step.name)(step), rule)
    if str(rule) != text:
        raise WrongUse(f"write the merge rule {text!r:.80} as {rule}")
    return rule


def known() -> tuple[str, ...]:
    """Names of all canonical rules."""
    return tuple(RULES)


def known_gossip() -> tuple[str, ...]:
    """Names of the gossip rules that a run can have."""
    return REPLAYABLE
