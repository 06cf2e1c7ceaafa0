"""What is measured of each round: the model's score, how far updates lie apart, gas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from authority.figure_style import BLUE, look


def curve(values: Mapping[int, float], label: str, *, bars: bool = False) -> Figure:
    """A value by round, as a line or as bars."""
    with look():
        figure = Figure(figsize=(6.2, 2.3), layout="constrained")
        axes = figure.subplots()
        rounds, heights = list(values), list(values.values())
        if bars:
            axes.bar(rounds, heights, color=BLUE, width=0.6)
            axes.yaxis.set_major_formatter("{x:,.0f}")
        else:
            axes.plot(rounds, heights, "o-", color=BLUE, linewidth=1.8, markersize=4)
        axes.set_ylabel(label)
        axes.set_xlabel("round")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y")
        axes.set_axisbelow(True)
    return figure


def in_words(values: Mapping[int, float], form: str = ".3f") -> str:
    """The same for who can't see the figure: first, last, least and most."""
    numbers: Sequence[float] = list(values.values())
    return (
        f"From {numbers[0]:{form}} in round {min(values)} to {numbers[-1]:{form}} in round "
        f"{max(values)}; between {min(numbers):{form}} and {max(numbers):{form}}."
    )
