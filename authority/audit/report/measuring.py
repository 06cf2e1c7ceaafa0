"""What can be measured of a run's rounds from the blobs: scores of models, how far updates differ."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from authority.audit.contributions import Score
from authority.audit.without import Bench
from node.errors import BadUpdate
from node.state import Round, Run
from node.weights import Array


def scores(run: Run, again: Bench, score: Score) -> dict[int, float]:
    """Of each finalized model that a copy was found of, by round."""
    found = {}
    for round_ in run.rounds:
        if round_.finalized:
            with suppress(LookupError):
                found[round_.number] = score(again.model(round_.finalized.merged))
    return found


def apart(run: Run, again: Bench) -> dict[int, float]:
    """How far a round's inputs lie apart: root mean square distance from their mean, as a share of its
    distance from the base; of rounds whose blobs are all there.
    """
    found = {}
    for round_ in run.rounds:
        if round_.finalized:
            with suppress(LookupError, BadUpdate):
                found[round_.number] = _apart(run, round_, again)
    return found


def _apart(run: Run, round_: Round, again: Bench) -> float:
    base, members = again.row(round_.base), run.members_in(round_.inputs or 0)

    def steps() -> Iterator[Array]:
        """One at a time, twice: all of them might not fit into memory."""
        for member in members:
            again.verified(round_, member)
            yield again.row(round_.revealed[member].digest) - base

    mean = np.zeros_like(base)
    for step in steps():
        mean += step / len(members)
    square = sum(float(np.square(step - mean).sum()) for step in steps()) / len(members)
    norm = float(np.linalg.norm(mean))
    return float(np.sqrt(square)) / norm if norm else 0.0
