"""Figures over rounds: a panel for each attack, one rule and the reference in front, others behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from authority.figure_style import BLUE, INK, ORANGE, PALE, look, panels
from authority.interval import quantile
from sim.matrix.findings import Finding
from sim.matrix.plan import REFERENCE
from sim.trace import Point

Value = Callable[[Point], float]

COLUMNS = 4
"""Of panels."""


def curves(
    findings: Sequence[Finding],
    attacks: Sequence[str],
    chosen: str,
    label: str,
    value: Value,
    title: str,
) -> Figure:
    """A value over rounds in one setting: means over seeds, with 95 % bands for the lines in front."""
    with look():
        figure, every = panels(len(attacks), COLUMNS, 2.9, 2.3)
        unharmed = [f for f in findings if _is(f, "none", REFERENCE)]
        for axes, attack in zip(every, attacks, strict=True):
            axes.set_title(attack, loc="left")
            axes.grid(axis="y")
            _others(axes, findings, attack, chosen, value)
            for finding in unharmed if attack != "none" else []:
                _line(axes, finding, value, f"{REFERENCE}, nobody attacking", INK, "--")
            for rule, colour in {REFERENCE: ORANGE, chosen: BLUE}.items():
                for finding in (f for f in findings if _is(f, attack, rule)):
                    _line(axes, finding, value, rule, colour, "-")
        every[0].set_ylim(*_range(findings, value))
        figure.suptitle(title, x=0.01, ha="left")
        for axes in every[-COLUMNS:]:
            axes.set_xlabel("round")
        figure.supylabel(label, fontsize=10)
        _legend(figure, every)
    return figure


def _is(finding: Finding, attack: str, rule: str) -> bool:
    return (finding.combination.attack, finding.combination.rule) == (attack, rule)


def _others(axes: Axes, findings: Sequence[Finding], attack: str, chosen: str, value: Value) -> None:
    for finding in findings:
        key = finding.combination
        if key.attack == attack and key.rule not in (chosen, REFERENCE):
            table = _table(finding, value)
            axes.plot(_rounds(table), table.mean(0), color=PALE, linewidth=1, label="other rules")


def _line(axes: Axes, finding: Finding, value: Value, label: str, colour: str, style: str) -> None:
    table = _table(finding, value)
    mean, seeds = table.mean(0), len(table)
    axes.plot(_rounds(table), mean, style, color=colour, linewidth=1.8, label=label)
    if seeds > 1:
        half = quantile(seeds) * table.std(0, ddof=1) / np.sqrt(seeds)
        axes.fill_between(
            _rounds(table), mean - half, mean + half, color=colour, alpha=0.18, linewidth=0
        )


def _table(finding: Finding, value: Value) -> np.ndarray:
    """Seeds by rounds; what isn't finite is a gap."""
    table = np.array([[value(point) for point in trace.points] for trace in finding.traces], float)
    return np.where(np.isfinite(table), table, np.nan)


def _range(findings: Sequence[Finding], value: Value) -> tuple[float, float]:
    """Of the means: a band may go on outside, where no score can be."""
    means = np.concatenate([_table(finding, value).mean(0) for finding in findings])
    known = means[np.isfinite(means)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    margin = 0.05 * (high - low) or 0.05
    return low - margin, high + margin


def _rounds(table: np.ndarray) -> np.ndarray:
    return np.arange(1, table.shape[1] + 1)


def _legend(figure: Figure, every: Sequence[Axes]) -> None:
    """One for all panels, each label once."""
    found: dict[str, Artist] = {}
    for axes in every:
        lines, labels = axes.get_legend_handles_labels()
        found |= zip(map(str, labels), lines, strict=True)
    figure.legend([*found.values()], [*found], loc="outside lower left", ncols=len(found))
