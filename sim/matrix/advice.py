"""Which rule the results support, and how far.

A rule is as good as its worst case: among all attacks, and none, in the settings looked at, as Waggle
runs (with commit and reveal, if that was simulated), the lowest lower end of the difference to the
reference. A mean over attacks would let an attacker choose the one that the mean hides. Rules that held
throughout come before all others: a backdoor may open without touching the score. Rules that promise
to withstand nobody come last, whatever they did: the next attack needn't be as weak.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sim.matrix.findings import BROKE, HELD, Finding, Setting, as_run


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """A rule over all settings and attacks looked at. worst: the case that it stands or falls by."""

    rule: str
    held: int
    broke: int
    unclear: int
    worst: Finding

    @property
    def count(self) -> int:
        """Combinations looked at."""
        return self.held + self.broke + self.unclear

    @property
    def promises_nothing(self) -> bool:
        """Whether it was told to withstand nobody, though somebody attacks: a mean can't do more."""
        scenario = self.worst.traces[0].scenario
        return scenario.hostile == 0 and scenario.byzantine > 0


def standings(findings: Sequence[Finding], settings: Sequence[Setting]) -> tuple[Standing, ...]:
    """All rules that were simulated in each setting under each attack, the best first."""
    groups: dict[str, list[Finding]] = defaultdict(list)
    for finding in as_run(findings):
        key = finding.combination
        if key.setting in settings and finding.difference is not None:
            groups[key.rule].append(finding)
    attacked = {
        rule: sum(f.combination.attack != "none" for f in group) for rule, group in groups.items()
    }
    most = max(attacked.values(), default=0)
    made = [_standing(rule, group) for rule, group in groups.items() if attacked[rule] == most]
    return tuple(sorted(made, key=_rank))


def equals(ranked: Sequence[Standing]) -> tuple[Standing, ...]:
    """Those that the results can't tell from the first: the intervals of their worst cases overlap.

    What broke somewhere is told from what broke nowhere, however wide the intervals.
    """
    best = ranked[0].worst.difference
    assert best is not None
    return tuple(
        other
        for other in ranked[1:]
        if not other.promises_nothing
        and other.worst.difference is not None
        and other.worst.difference.high >= best.low
        and (ranked[0].broke or not other.broke)
    )


def _standing(rule: str, group: Sequence[Finding]) -> Standing:
    verdicts = [finding.verdict for finding in group]
    held, broke = verdicts.count(HELD), verdicts.count(BROKE)
    return Standing(rule, held, broke, len(group) - held - broke, min(group, key=_low))


def _rank(standing: Standing) -> tuple[bool, bool, float, str]:
    held = standing.held == standing.count
    return standing.promises_nothing, not held, -_low(standing.worst), standing.rule


def _low(finding: Finding) -> float:
    assert finding.difference is not None
    low = finding.difference.low
    return finding.difference.mean - 1e9 if math.isinf(low) else low
