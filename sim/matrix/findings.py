"""What a matrix's results say, as values: by combination, with intervals over seeds.

A score is measured against the reference: the mean's last score with nobody attacking, on the same
patients, nodes and seed, which is what the clinics would get if all were honest. Differences are
paired by seed, as seeds differ more than rules do. See `sim.held` for what `held` means. Nothing is
claimed that an interval doesn't support: where its ends lie on both sides of the line, it is unclear.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from authority.interval import Interval, interval
from sim.held import BACKDOOR_MOST, MARGIN
from sim.matrix.plan import REFERENCE
from sim.scenario import Scenario
from sim.trace import Trace

HELD, BROKE, UNCLEAR = "held", "broke", "unclear"


@dataclass(frozen=True, slots=True, order=True)
class Setting:
    """Where rules are compared: the swarm and how patients are dealt out."""

    nodes: int
    byzantine: int
    heterogeneity: str

    def __str__(self) -> str:
        return f"{self.byzantine} of {self.nodes}, {self.heterogeneity}"

    @property
    def iid(self) -> bool:
        """Whether all nodes see the same kinds of patients."""
        return self.heterogeneity == "iid"


@dataclass(frozen=True, slots=True)
class Combination:
    """Everything but the seed."""

    setting: Setting
    rule: str
    attack: str
    commit_reveal: bool


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """A combination over its seeds.

    score, worst, disagreement, backdoor: after the last round; a model that isn't finite scores 0.
    difference: of the score to the reference; None without one. opened: of the backdoor's success to
    what the trigger does where nobody attacks; None without a backdoor, or without that to compare.
    """

    combination: Combination
    traces: tuple[Trace, ...]
    score: Interval
    worst: Interval
    disagreement: Interval
    backdoor: Interval | None
    difference: Interval | None
    opened: Interval | None

    @property
    def verdict(self) -> str:
        """Held, broke or unclear."""
        sides = [_side(self.difference, -MARGIN)]
        if self.backdoor is not None:
            sides.append(_side(_negated(self.opened), -BACKDOOR_MOST))
        if BROKE in sides:
            return BROKE
        return HELD if set(sides) == {HELD} else UNCLEAR


def judge(traces: Iterable[Trace]) -> tuple[Finding, ...]:
    """A finding for each combination, in the order of the traces. References are found among them."""
    groups: dict[Combination, list[Trace]] = defaultdict(list)
    references = References({}, {})
    for trace in traces:
        key, seed = combination_of(trace.scenario), trace.scenario.seed
        opened = trace.points[-1].backdoor
        if opened is not None and not key.setting.byzantine and key.rule == REFERENCE:
            references.triggers[key.setting.nodes, key.setting.heterogeneity, key.attack, seed] = opened
            continue
        groups[key].append(trace)
        if key.rule == REFERENCE and key.attack == "none" and trace.learned:
            references.scores[key.setting, seed] = last_score(trace)
    return tuple(_finding(key, group, references) for key, group in groups.items())


@dataclass(frozen=True, slots=True)
class References:
    """With nobody attacking: scores by setting and seed; and what the trigger of a backdoor turns by
    itself, by nodes, heterogeneity, attack and seed.
    """

    scores: dict[tuple[Setting, int], float]
    triggers: dict[tuple[int, str, str, int], float]

    def score(self, trace: Trace) -> float | None:
        """What a trace's score is measured by."""
        return self.scores.get((combination_of(trace.scenario).setting, trace.scenario.seed))

    def trigger(self, trace: Trace) -> float | None:
        """What a trace's backdoor is measured by."""
        one = trace.scenario
        return self.triggers.get((one.nodes, one.heterogeneity, one.attack, one.seed))


def as_run(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Those as Waggle runs: with commit and reveal, if that was simulated; without attack all."""
    sight = any(finding.combination.commit_reveal for finding in findings)
    return tuple(
        finding
        for finding in findings
        if finding.combination.attack == "none" or finding.combination.commit_reveal == sight
    )


def combination_of(scenario: Scenario) -> Combination:
    """What a scenario is a seed of."""
    setting = Setting(scenario.nodes, scenario.byzantine, scenario.heterogeneity)
    return Combination(setting, scenario.rule, scenario.attack, scenario.commit_reveal)


def last_score(trace: Trace) -> float:
    """The score after the last round; 0 for a model that isn't finite."""
    return _finite(trace.points[-1].score)


def _finding(key: Combination, traces: Sequence[Trace], references: References) -> Finding:
    last = [trace.points[-1] for trace in traces]
    backdoors = [_finite(point.backdoor) for point in last if point.backdoor is not None]
    return Finding(
        combination=key,
        traces=tuple(traces),
        score=interval([last_score(trace) for trace in traces]),
        worst=interval([_finite(point.worst) for point in last]),
        disagreement=interval([point.disagreement for point in last]),
        backdoor=interval(backdoors) if backdoors else None,
        difference=_difference(traces, last_score, references.score),
        opened=_difference(traces, lambda trace: trace.points[-1].backdoor, references.trigger),
    )


def _difference(
    traces: Sequence[Trace],
    value: Callable[[Trace], float | None],
    reference: Callable[[Trace], float | None],
) -> Interval | None:
    """Of two values, paired by trace; None where no trace has both."""
    both = [(value(trace), reference(trace)) for trace in traces]
    paired = [_finite(one) - _finite(other) for one, other in both if None not in (one, other)]
    return interval(paired) if paired else None


def _negated(of: Interval | None) -> Interval | None:
    return of and Interval(-of.mean, -of.high, -of.low, of.count)


def _side(where: Interval | None, line: float) -> str:
    """Whether all of an interval lies above a line, or below."""
    if where is None:
        return UNCLEAR
    if where.low >= line:
        return HELD
    return BROKE if where.high < line else UNCLEAR


def _finite(value: float | None) -> float:
    return value if value is not None and math.isfinite(value) else 0.0
