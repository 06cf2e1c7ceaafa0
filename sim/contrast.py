"""The same swarm with the plain mean, in the arena: what the attack would have done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.hostile import cast
from sim.result import Contrast

if TYPE_CHECKING:
    from sim.plan import SwarmPlan
    from sim.scenario import Scenario

MEAN = "mean"


def contrasts(plan: SwarmPlan) -> bool:
    """Whether the arena can play it: one crew that attacks what is learned, mostly honest clinics."""
    from sim.adversary.grammar import PROTOCOL

    if len(plan.crews) != 1 or plan.run.merge == MEAN:
        return False
    (crew,) = plan.crews
    return crew.attack.partition(":")[0] not in PROTOCOL and 2 * crew.count < plan.nodes


def contrast_of(plan: SwarmPlan) -> Contrast:
    """Same task, patients, attackers and attack; see `contrasts`. Raises WrongUse, Unfit."""
    (crew,) = plan.crews
    harmed = _scenario(plan, rule=MEAN, attack=crew.attack, byzantine=crew.count, hostile=0)
    unharmed = _scenario(plan, rule=plan.run.merge)
    roles = cast(plan.nodes, plan.crews, plan.run.seed)
    metric, mean = _score(harmed, tuple(roles))
    return Contrast(crew.attack, metric, mean, _score(unharmed)[1])


def _scenario(plan: SwarmPlan, **fields: object) -> Scenario:
    from sim.scenario import scenario_of

    same = {"task": plan.task, "nodes": plan.nodes, "rounds": plan.run.rounds, "seed": plan.run.seed}
    return scenario_of({**same, "heterogeneity": "clinics", **fields})


def _score(scenario: Scenario, attackers: tuple[int, ...] | None = None) -> tuple[str, float]:
    from sim.arena import Arena

    trace = Arena(scenario, attackers=attackers).run()
    return trace.metric, trace.points[-1].score
