"""How much each member's updates helped, on data that the auditor chose.

A round's game: a coalition is worth what the model gains, from the round's base, by merging that
coalition's updates alone, and nothing without any (Wang, Rausch, Zhang, Jia and Song, "A Principled
Approach to Data Valuation for Federated Learning", 2020). Rounds add up. Merges are redone by the run's
own rule; a coalition too small for it leaves the model as it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from authority.audit.shapley import Value, along, exact, leave_one_out, orders
from authority.audit.without import Bench, bench
from authority.interval import Interval, interval
from node.digest import Digest
from node.errors import BadAnswer, BadUpdate, Unfit
from node.state import GossipRun, Round, Run
from node.weights import Array

EXACT = 8
"""Inputs of a round up to which every coalition is looked at: 256 of them."""

Score = Callable[[Mapping[str, Array]], float]
"""What a model is worth on the auditor's data; higher is better."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """One member's. rounds: in how many it was an input. Values are in units of the metric, summed.

    shapley: with its 95 % interval where permutations were sampled; exact, the interval is the value.
    """

    member: int
    rounds: int
    leave_one_out: float
    shapley: Interval


@dataclass(frozen=True, slots=True)
class Contributions:
    """All members'. gain: what all rounds together gained. permutations: sampled, or None."""

    members: tuple[Contribution, ...]
    gain: float
    permutations: int | None

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def contributions_of(
    run: Run,
    folders: Sequence[Path],
    score: Score,
    *,
    seed: int = 0,
    permutations: int = 100,
    on_merge: Callable[[], None] = lambda: None,
) -> Contributions:
    """Of a run's inputs. on_merge: told of every merge redone.

    Deterministic: the same bytes, data and seed give the same values. Raises BadAnswer for a gossip
    run, without a finalized round, and when a blob is missing or fails.
    """
    if isinstance(run, GossipRun):
        raise BadAnswer(
            "in a gossip run each member has a model of its own: nobody's gain is everybody's"
        )
    rounds = [round_ for round_ in run.rounds if round_.finalized]
    if not rounds:
        raise BadAnswer("no round was finalized: nothing was contributed yet")
    with bench(run, folders) as again:
        games = [_Game(run, round_, again, score, on_merge) for round_ in rounds]
        return _valued(games, seed, permutations)


def _valued(games: Sequence[_Game], seed: int, permutations: int) -> Contributions:
    sampled = max(len(game.players) for game in games) > EXACT
    shapley = _sampled(games, seed, permutations) if sampled else _exact(games)
    alone: dict[int, float] = defaultdict(float)
    for game in games:
        for member, lost in leave_one_out(game.players, game.value).items():
            alone[member] += lost
    members = tuple(
        Contribution(m, sum(m in game.players for game in games), alone[m], shapley[m])
        for m in sorted(shapley)
    )
    gain = sum(game.value(frozenset(game.players)) for game in games)
    return Contributions(members, gain, permutations if sampled else None)


def _exact(games: Sequence[_Game]) -> dict[int, Interval]:
    total: dict[int, float] = defaultdict(float)
    for game in games:
        for member, value in exact(game.players, game.value).items():
            total[member] += value
    return {member: Interval(value, value, value, 1) for member, value in total.items()}


def _sampled(games: Sequence[_Game], seed: int, count: int) -> dict[int, Interval]:
    """One sample a permutation of all members: what each adds, over all rounds."""
    everybody = sorted({member for game in games for member in game.players})
    samples: dict[int, list[float]] = {member: [] for member in everybody}
    for order in orders(everybody, seed, count):
        added = dict.fromkeys(everybody, 0.0)
        for game in games:
            here = [member for member in order if member in game.players]
            for member, value in along(here, game.value).items():
                added[member] += value
        for member, value in added.items():
            samples[member].append(value)
    return {member: interval(values) for member, values in samples.items()}


class _Game:
    """One round's. players: its inputs."""

    def __init__(
        self, run: Run, round_: Round, again: Bench, score: Score, on_merge: Callable[[], None]
    ) -> None:
        self.players = run.members_in(round_.inputs or 0)
        self.value: Value = self._remembered
        self._round, self._again, self._score, self._on_merge = round_, again, score, on_merge
        self._base = self._worth(round_.base)
        self._known: dict[frozenset[int], float] = {frozenset(): 0.0}

    def _remembered(self, coalition: frozenset[int]) -> float:
        if coalition not in self._known:
            self._known[coalition] = self._gain(coalition)
        return self._known[coalition]

    def _gain(self, coalition: frozenset[int]) -> float:
        self._on_merge()
        try:
            merged = self._again.merged(self._round, sorted(coalition))
        except Unfit:
            return 0.0
        except (LookupError, BadUpdate) as error:
            raise BadAnswer(
                f"round {self._round.number} can't be merged again: {error.args[0]}"
            ) from None
        worth = self._worth(merged)
        if merged != self._round.base:
            self._again.drop(merged)
        return worth - self._base

    def _worth(self, digest: Digest) -> float:
        try:
            return self._score(self._again.model(digest))
        except LookupError as error:
            raise BadAnswer(f"round {self._round.number}: {error.args[0]}") from None
