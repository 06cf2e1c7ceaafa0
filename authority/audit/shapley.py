"""What each player adds to a game: leave-one-out and Shapley values, exact or sampled.

Shapley, "A Value for n-Person Games" (1953): a player's average marginal value over all orders in which
the players can come. Exact, by the formula over coalitions; else over permutations drawn from a seed
(Castro, Gómez and Tejada, "Polynomial calculation of the Shapley value based on sampling", 2009).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from math import comb

import numpy as np

from node import seeds

Value = Callable[[frozenset[int]], float]
"""What a coalition is worth; none has the value 0."""


def leave_one_out(players: Sequence[int], value: Value) -> dict[int, float]:
    """What is lost without each player, the others all being there."""
    everybody = frozenset(players)
    return {player: value(everybody) - value(everybody - {player}) for player in players}


def exact(players: Sequence[int], value: Value) -> dict[int, float]:
    """Shapley values over all 2^n coalitions; they add up to the value of all."""
    return {player: _exact_of(player, players, value) for player in players}


def _exact_of(player: int, players: Sequence[int], value: Value) -> float:
    others = [other for other in players if other != player]
    total = 0.0
    for size in range(len(players)):
        weight = 1 / (len(players) * comb(len(others), size))
        for chosen in combinations(others, size):
            total += weight * (value(frozenset({*chosen, player})) - value(frozenset(chosen)))
    return total


def orders(players: Sequence[int], seed: int, count: int) -> Iterator[tuple[int, ...]]:
    """Permutations of the players, drawn from a seed."""
    rng = np.random.default_rng(seeds.derive(seed, "permutations"))
    for _ in range(count):
        yield tuple(int(player) for player in rng.permutation(np.array(players)))


def along(order: Sequence[int], value: Value) -> Mapping[int, float]:
    """What each player adds when it comes after those before it in an order."""
    added, there = {}, frozenset[int]()
    for player in order:
        added[player] = value(there | {player}) - value(there)
        there |= {player}
    return added
