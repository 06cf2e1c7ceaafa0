"""How figures look, and how they are written: the same bytes from the same results.

Colours are told apart by colour-blind readers (Okabe and Ito, "Color Universal Design", 2008); what a
colour says, a number or a line's style says too.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
INK, GREY, PALE = "#1a1a1a", "#767676", "#c9c9c9"

DOTS_PER_INCH = 144

_LOOK: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 10,
    "axes.titlesize": 10,
    "figure.titlesize": 12,
    "figure.titleweight": "bold",
    "axes.labelsize": 10,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#e6e6e6",
    "legend.frameon": False,
    "legend.fontsize": 10,
    "figure.facecolor": "white",
    "svg.hashsalt": "waggle",
    "text.parse_math": False,
}


@contextmanager
def look() -> Iterator[None]:
    """Everything drawn within looks like ours."""
    with mpl.rc_context(cast(Any, _LOOK)):
        yield


def svg(figure: Figure) -> bytes:
    """The figure as SVG: text as outlines, so that it looks the same without our font."""
    return _written(figure, "svg", {"Date": None, "Creator": None})


def png(figure: Figure) -> bytes:
    """The figure as PNG."""
    return _written(figure, "png", {"Software": None})


def panels(count: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A figure of equal panels of so many inches, row by row, sharing their scales."""
    columns = min(count, columns)
    rows = -(-count // columns)
    figure = Figure(figsize=(columns * width, rows * height + 0.5), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    every = [axes for row in grid for axes in row]
    for spare in every[count:]:
        spare.set_axis_off()
    for above in every[max(count - columns, 0) : count]:
        above.xaxis.set_tick_params(labelbottom=True)
    return figure, every[:count]


def _written(figure: Figure, kind: str, metadata: dict[str, None]) -> bytes:
    buffer = io.BytesIO()
    with look():
        figure.savefig(buffer, format=kind, dpi=DOTS_PER_INCH, metadata=metadata)
    return buffer.getvalue()
