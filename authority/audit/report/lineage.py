"""The run's lineage as a picture: who entered each merge, who was left out, who disagreed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from authority.audit.receipts import Receipts, input_of
from authority.figure_style import BLUE, GREY, INK, ORANGE, PALE, PURPLE, look
from node.state import GossipRun, Round, Run

MOST_ROUNDS = 30
"""Rounds that are drawn, the last ones: more can't be read."""


LONGEST_NAME = 28
"""Characters of a name beside the picture; the table has all of it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How a kind of cell is drawn. Shapes differ as colours do, for print and for the colour-blind."""

    label: str
    shape: str
    colour: str
    filled: bool = True
    size: float = 6.5


MARKS = {
    "merged": Mark("merged", "o", BLUE),
    "ruled out": Mark("an input, left out by the rule", "o", ORANGE, filled=False),
    "not held": Mark("revealed, reached too few", "^", ORANGE),
    "absent": Mark("waited for in vain", "x", GREY),
    "disputed": Mark("attested otherwise", "D", PURPLE, filled=False, size=11),
}


def lineage(run: Run, receipts: Receipts, name: Callable[[int], str]) -> Figure:
    """A column a round, a row a member; the models run along the top."""
    rounds, members = run.rounds[-MOST_ROUNDS:], sorted(run.seats)
    with look():
        size = (max(5.0, 1.6 + 0.42 * len(rounds)), 1.5 + 0.28 * (len(members) + 2))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        for kind, at in _cells(run, rounds, members, receipts).items():
            _draw(axes, MARKS[kind], at)
        _draw_models(axes, rounds)
        axes.set_yticks(
            range(len(members)), [_short(name(member)) for member in members], parse_math=False
        )
        axes.set_xticks([r.number for r in rounds])
        one_model = not isinstance(run, GossipRun)
        axes.set_ylim(len(members) - 0.4, -2.4 if one_model else -0.6)
        above = "; above it the first digits of the model that it finalized" if one_model else ""
        axes.set_xlabel(f"round{above}")
        axes.grid(axis="x", color=PALE, linewidth=0.5)
        axes.set_axisbelow(True)
        if rounds:
            figure.legend(loc="outside lower left", ncols=3, fontsize=8)
    return figure


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."


def _cells(
    run: Run, rounds: Sequence[Round], members: Sequence[int], receipts: Receipts
) -> dict[str, list[tuple[int, int]]]:
    """Where each kind of mark stands: rounds and rows."""
    cells = defaultdict[str, list[tuple[int, int]]](list)
    for round_ in rounds:
        for row, member in enumerate(members):
            for kind in kinds(run, round_.lived_by(member), member, receipts):
                cells[kind].append((round_.number, row))
    return cells


def _draw(axes: Axes, mark: Mark, at: Sequence[tuple[int, int]]) -> None:
    across, down = zip(*at, strict=True)
    face = mark.colour if mark.filled else "none"
    axes.plot(
        across, down, mark.shape, label=mark.label, markersize=mark.size,
        markerfacecolor=face, markeredgecolor=mark.colour,
    )  # fmt: skip


def _draw_models(axes: Axes, rounds: Sequence[Round]) -> None:
    """Each finalized model, from one to the next."""
    finalized = [round_.number for round_ in rounds if round_.finalized]
    axes.plot(finalized, [-1.0] * len(finalized), "s-", color=INK, markersize=5, linewidth=1)
    for round_ in rounds:
        if final := round_.finalized:
            _label(axes, round_.number, final.merged.hex[:6], INK)
        elif round_.skipped is not None:
            _label(axes, round_.number, "skipped", GREY)


def _label(axes: Axes, number: int, words: str, colour: str) -> None:
    axes.annotate(
        words, (number, -1.35), ha="center", va="bottom", fontsize=7, color=colour, rotation=45
    )


def kinds(run: Run, round_: Round, member: int, receipts: Receipts) -> Iterator[str]:
    """What is drawn of a member in a round as it lived it: its update's fate, whether it disputed."""
    bit, final = run.bit(member), round_.finalized
    if bit & (round_.inputs or 0):
        mine = input_of(receipts(final.receipt), member) if final else None
        yield "ruled out" if mine is not None and not mine.used else "merged"
    elif member in round_.revealed and round_.inputs is not None:
        yield "not held"
    elif bit & round_.expected and round_.ended:
        yield "absent"
    if member in round_.disputed:
        yield "disputed"
