"""What commit and reveal changes: the same cell, once with attackers who see the round's updates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from authority.interval import Interval, interval
from sim.matrix.findings import Combination, Finding, last_score


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """A combination both ways. gain: of the score by commit and reveal, paired by seed."""

    combination: Combination
    blind: Interval
    seeing: Interval
    gain: Interval

    @property
    def sure(self) -> bool:
        """Whether the gain's interval lies on one side of zero."""
        return self.gain.low > 0 or self.gain.high < 0


def sights(findings: Iterable[Finding]) -> tuple[Sight, ...]:
    """Combinations that were simulated both ways, in the order of the findings."""
    by_key = {finding.combination: finding for finding in findings}
    made = []
    for key, blind in by_key.items():
        other = Combination(key.setting, key.rule, key.attack, False)
        if key.commit_reveal and other in by_key:
            made.append(_sight(blind, by_key[other]))
    return tuple(made)


def _sight(blind: Finding, seeing: Finding) -> Sight:
    scores = {trace.scenario.seed: last_score(trace) for trace in seeing.traces}
    gains = [
        last_score(trace) - scores[trace.scenario.seed]
        for trace in blind.traces
        if trace.scenario.seed in scores
    ]
    return Sight(blind.combination, blind.score, seeing.score, interval(gains or [0.0]))
