"""A matrix's results, sorted out for figures and words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sim.matrix.advice import Standing, standings
from sim.matrix.cell import Answer
from sim.matrix.findings import Finding, Setting, as_run
from sim.matrix.plan import LeftOut, Matrix
from sim.matrix.sight import Sight

SAME = 1e-9
"""Disagreement below which honest nodes have one model."""


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """All that a report tells. findings: as Waggle runs (`shown`) and without commit and reveal."""

    matrix: Matrix
    findings: tuple[Finding, ...]
    sights: tuple[Sight, ...]
    left_out: tuple[LeftOut, ...]
    failed: tuple[Answer, ...]

    @property
    def metric(self) -> str:
        """The score's name, for people."""
        return self.findings[0].traces[0].metric.replace("_", " ")

    @property
    def settings(self) -> tuple[Setting, ...]:
        """All, in the order of the matrix."""
        return tuple(dict.fromkeys(f.combination.setting for f in self.findings))

    @property
    def rules(self) -> tuple[str, ...]:
        """All that ran."""
        return tuple(dict.fromkeys(f.combination.rule for f in self.findings))

    @property
    def attacks(self) -> tuple[str, ...]:
        """All that ran, `none` first."""
        found = dict.fromkeys(f.combination.attack for f in self.findings)
        return tuple(sorted(found, key=lambda attack: attack != "none"))

    def shown(self, setting: Setting) -> tuple[Finding, ...]:
        """Of one setting, with commit and reveal if that was simulated."""
        return tuple(f for f in as_run(self.findings) if f.combination.setting == setting)

    @property
    def ranked(self) -> tuple[Standing, ...]:
        """Rules over the settings where clinics differ, the best first; over all if none differ."""
        differing = [setting for setting in self.settings if not setting.iid]
        return standings(self.findings, differing or self.settings)

    @property
    def chosen(self) -> str:
        """The rule in front."""
        return self.ranked[0].rule if self.ranked else self.rules[-1]

    @property
    def one_model(self) -> bool:
        """Whether honest nodes had one model throughout."""
        return all(
            not math.isfinite(point.disagreement) or point.disagreement <= SAME
            for finding in self.findings
            for trace in finding.traces
            for point in trace.points
        )


def backdoors(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Those whose attack opens a backdoor."""
    return tuple(f for f in findings if f.backdoor is not None)
