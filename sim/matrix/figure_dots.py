"""Figures of means with their intervals, a row for each rule."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from authority.figure_style import BLUE, GREEN, GREY, ORANGE, PURPLE, look
from authority.interval import Interval

_MARKS = (("o", BLUE), ("s", ORANGE), ("D", GREEN), ("^", PURPLE))


def dots(
    rows: Sequence[str],
    groups: Mapping[str, Mapping[str, Interval]],
    label: str,
    line: float | None,
    title: str,
) -> Figure:
    """Shares. groups: by name, an interval for each row that has one. line: a value to mark."""
    with look():
        figure = Figure(figsize=(8.5, 1.4 + 0.38 * len(rows)), layout="constrained")
        axes = figure.subplots()
        step = 0.7 / len(groups)
        for number, (name, found) in enumerate(groups.items()):
            shape, colour = _MARKS[number % len(_MARKS)]
            places = [rows.index(row) + (number - (len(groups) - 1) / 2) * step for row in found]
            ranges = [_arms(interval) for interval in found.values()]
            axes.errorbar(
                [interval.mean for interval in found.values()],
                places,
                xerr=list(zip(*ranges, strict=True)),
                fmt=shape,
                color=colour,
                label=name,
                markersize=5,
                capsize=2,
            )
        if line is not None:
            axes.axvline(line, color=GREY, linestyle="--", linewidth=1)
        axes.set_yticks(range(len(rows)), rows)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(-0.05, 1.05)
        axes.set_xlabel(label)
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        figure.suptitle(title, x=0.01, ha="left")
        figure.legend(loc="outside lower left", ncols=min(len(groups), 3))
    return figure


def _arms(interval: Interval) -> tuple[float, float]:
    if math.isinf(interval.low):
        return 0.0, 0.0
    return interval.mean - interval.low, interval.high - interval.mean
