"""Maps of rule by attack, with the number in each field, so that colour is never needed to read one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from authority.figure_style import look
from sim.matrix.findings import BROKE, UNCLEAR, Finding
from sim.matrix.sight import Sight

Place = tuple[str, str]
"""Rule and attack."""

WORST = "worst"
MARKS = {BROKE: "×", UNCLEAR: "?"}

_LIGHT = 0.5
"""From this luminance on, text on a colour is black."""


def scores(
    findings: Sequence[Finding], rules: Sequence[str], attacks: Sequence[str], title: str
) -> Figure:
    """Last scores of one setting, marked where the rule broke or it is unclear; the worst last."""
    found = {(f.combination.rule, f.combination.attack): f for f in findings}
    values = {place: finding.score.mean for place, finding in found.items()}
    text = {place: f"{values[place]:.2f}{MARKS.get(f.verdict, '')}" for place, f in found.items()}
    for rule in rules:
        known = [(values[rule, attack], attack) for attack in attacks if (rule, attack) in values]
        if known:
            values[rule, WORST], attack = min(known)
            text[rule, WORST] = text[rule, attack]
    low = math.floor(min(values.values(), default=0) * 10) / 10
    scale, key = Normalize(low, 1.0), "× broke    ? unclear    unmarked: held"
    figure, axes = _map(values, text, rules, [*attacks, WORST], ("cividis", scale, title, key))
    axes.axvline(len(attacks), color="white", linewidth=6)
    return figure


def gains(sights: Sequence[Sight], rules: Sequence[str], attacks: Sequence[str], title: str) -> Figure:
    """What commit and reveal adds to the score in one setting; * where the interval excludes 0."""
    found = {(s.combination.rule, s.combination.attack): s for s in sights}
    values = {place: sight.gain.mean for place, sight in found.items()}
    text = {place: f"{values[place]:+.2f}{'*' if s.sure else ''}" for place, s in found.items()}
    most = max(0.05, *map(abs, values.values()))
    scale, key = Normalize(-most, most), "* the interval excludes zero"
    return _map(values, text, rules, attacks, ("PuOr", scale, title, key))[0]


def _map(
    values: Mapping[Place, float],
    text: Mapping[Place, str],
    rules: Sequence[str],
    attacks: Sequence[str],
    manner: tuple[str, Normalize, str, str],
) -> tuple[Figure, Axes]:
    """manner: colours, their scale, the title, and what the marks mean."""
    colours, scale, title, key = manner
    table = np.array([[values.get((rule, attack), np.nan) for attack in attacks] for rule in rules])
    with look():
        figure = Figure(
            figsize=(3 + 0.85 * len(attacks), 1.6 + 0.36 * len(rules)), layout="constrained"
        )
        axes = figure.subplots()
        axes.pcolormesh(table, cmap=colours, norm=scale, edgecolors="white", linewidth=2)
        _label(axes, rules, attacks)
        axes.set_xlabel(key, loc="left")
        figure.suptitle(title, x=0.01, ha="left")
        for (rule, attack), words in text.items():
            if rule in rules and attack in attacks:
                place = attacks.index(attack) + 0.5, rules.index(rule) + 0.5
                ink = _ink(colours, scale(values[rule, attack]))
                axes.text(*place, words, ha="center", va="center", color=ink, fontsize=10)
    return figure, axes


def _label(axes: Axes, rules: Sequence[str], attacks: Sequence[str]) -> None:
    axes.set_xticks(
        np.arange(len(attacks)) + 0.5, attacks, rotation=30, ha="left", rotation_mode="anchor"
    )
    axes.set_yticks(np.arange(len(rules)) + 0.5, rules)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("bottom")
    axes.invert_yaxis()
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _ink(colours: str, share: float) -> str:
    red, green, blue, _ = mpl.colormaps[colours](float(np.clip(share, 0, 1)))
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > _LIGHT else "white"
