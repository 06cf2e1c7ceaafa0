"""Who is who in a simulation: which nodes attack, how many hostile inputs a merge must withstand."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from math import comb

import numpy as np

from node import seeds
from node.errors import Unfit, WrongUse
from node.merge import Rule, check
from node.merge.rule import MOST_INPUTS
from sim.scenario import Scenario
from sim.topology import Neighbours, Topology, connected

PLACEMENTS = 20
"""Seeded placements of the attackers that are looked at for one that leaves honest nodes connected."""

SURPRISE = 0.05
"""Share of merges that may have more hostile inputs than expected, where neighbours are drawn."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Attackers and honest nodes, ascending.

    around: the most attackers that an honest node has to expect in a merge. hostile: how many the rule
    is told to withstand.
    """

    byzantine: tuple[int, ...]
    honest: tuple[int, ...]
    around: int
    hostile: int


def cast_of(
    scenario: Scenario, topology: Topology, rule: Rule, attackers: Collection[int] | None = None
) -> Cast:
    """Place the attackers and check the rule against them. Raises WrongUse, Unfit.

    attackers: these; None: they are drawn by the seed. In a fixed graph they are then placed so that
    the honest nodes still reach each other without them, as every theory of gossip assumes; refused
    where that isn't found.
    """
    byzantine, honest = _given(scenario, attackers) if attackers else _placed(scenario, topology)
    around = _expected(scenario, topology, byzantine, honest)
    hostile = around if scenario.hostile is None else scenario.hostile
    for inputs in _input_counts(scenario, topology, honest):
        _at_most(inputs)
        _withstands(rule, inputs, hostile)
    return Cast(byzantine, honest, around, hostile)


def _given(scenario: Scenario, attackers: Collection[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    assert len(attackers) == scenario.byzantine
    honest = set(range(scenario.nodes)) - set(attackers)
    return tuple(sorted(attackers)), tuple(sorted(honest))


def _placed(scenario: Scenario, topology: Topology) -> tuple[tuple[int, ...], tuple[int, ...]]:
    rng = np.random.default_rng(seeds.derive(scenario.seed, "byzantine"))
    everybody = range(scenario.nodes)
    for _ in range(PLACEMENTS):
        drawn = rng.choice(scenario.nodes, scenario.byzantine, replace=False)
        byzantine = tuple(sorted(int(node) for node in drawn))
        honest = tuple(node for node in everybody if node not in set(byzantine))
        if topology.complete or not topology.fixed or connected(topology.draw(0), honest):
            return byzantine, honest
    raise WrongUse(
        f"{scenario.byzantine} byzantine nodes cut the honest ones of a {topology.text} of "
        f"{scenario.nodes} off from each other: take fewer, another seed, or a denser topology"
    )


def _expected(
    scenario: Scenario, topology: Topology, byzantine: tuple[int, ...], honest: tuple[int, ...]
) -> int:
    """The most attackers around an honest node; where neighbours are drawn, in 19 of 20 merges."""
    if topology.complete:
        return len(byzantine)
    if topology.fixed:
        return max(len(set(topology.draw(0)[node]) & set(byzantine)) for node in honest)
    return likely_most(scenario.nodes - 1, len(byzantine), topology.degree)


def likely_most(others: int, byzantine: int, drawn: int) -> int:
    """The least f with P(more than f byzantine among those drawn) <= SURPRISE: hypergeometric."""
    beyond = 1.0
    for f in range(min(byzantine, drawn) + 1):
        ways = comb(byzantine, f) * comb(others - byzantine, drawn - f)
        beyond -= ways / comb(others, drawn)
        if beyond <= SURPRISE:
            return f
    return min(byzantine, drawn)


def _input_counts(scenario: Scenario, topology: Topology, honest: Iterable[int]) -> list[int]:
    """How many inputs honest nodes' merges have when nobody is missing."""
    if topology.complete:
        return [scenario.nodes]
    if not topology.fixed:
        return [topology.degree + 1]
    graph: Neighbours = topology.draw(0)
    return sorted({len(graph[node]) + 1 for node in honest})


def _withstands(rule: Rule, inputs: int, hostile: int) -> None:
    try:
        check(rule, inputs, hostile)
    except Unfit as error:
        most = rule.tolerates(inputs)
        other = f", or state hostile = {most} to see it break" if most >= 0 else ", or more neighbours"
        raise Unfit(f"{error}; choose another rule{other}") from None


def _at_most(inputs: int) -> None:
    if inputs > MOST_INPUTS:
        raise WrongUse(
            f"a merge has at most {MOST_INPUTS} inputs, not {inputs}: take a topology with fewer "
            "neighbours, as regular:k=10"
        )
