"""The table of steps before a rule."""

from __future__ import annotations

from collections.abc import Callable

from node.merge.arc import AdaptiveRobustClipping
from node.merge.bucketing import Bucketing
from node.merge.nnm import NearestNeighbourMixing
from node.merge.part import Part, with_f
from node.merge.stepped import Step


def _bucketing(part: Part) -> Step:
    part.only("s")
    return Bucketing(part.count("s", 1) or 2)


STEPS: dict[str, Callable[[Part], Step]] = {
    "nnm": with_f(NearestNeighbourMixing),
    "bucketing": _bucketing,
    "arc": with_f(AdaptiveRobustClipping),
}
"""Every step by name."""
