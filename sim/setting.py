"""What a scenario stands for: task, patients, nodes, rule and attack, made and checked together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from node import seeds
from node.commitment import rounded_weight
from node.errors import WrongUse
from node.merge import Rule, parse_any
from node.merge.grammar import GOSSIP
from node.task import Data, Site, Task, load_task
from node.train import TorchTrainer, undisturbed
from sim.attackers import Attackers
from sim.attacks.attack import Attack
from sim.attacks.grammar import parse as attack_of
from sim.cast import Cast, cast_of
from sim.gauge import Gauge
from sim.learning.batches import Lesson
from sim.learning.heterogeneity import Dealt, deal
from sim.learning.learner import Learner, learner_of
from sim.learning.patients import dealable
from sim.learning.rows import Rows
from sim.merges import MAX_WEIGHT, Merges
from sim.scenario import Scenario
from sim.topology import Topology, topology_of


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """All that a simulation works with.

    base: the model that everybody starts from, one row. metric: the score's name. one_model: all nodes
    have the same model, since everybody hears everybody and the rule gives all the same. note: why
    training isn't vectorized, or nothing.
    """

    task: Task
    topology: Topology
    cast: Cast
    learner: Learner
    note: str
    base: Rows
    merges: Merges
    attackers: Attackers
    gauge: Gauge
    metric: str
    one_model: bool


def setting_of(
    scenario: Scenario, device: str, threads: int, attackers: Collection[int] | None = None
) -> Setting:
    """Load the task, deal the patients, check everything; see `cast_of`. Raises WrongUse, Unfit."""
    rule, attack = parse_any(scenario.rule), attack_of(scenario.attack)
    topology = topology_of(scenario.topology, scenario.nodes)
    cast, task = cast_of(scenario, topology, rule, attackers), load_task(scenario.task)
    lesson = _lesson(scenario, task)
    dealt = deal(task, scenario.heterogeneity, scenario.nodes, scenario.rows, scenario.seed)
    parts = _poisoned(task, dealt, cast.byzantine, attack, scenario.seed)
    initial = TorchTrainer(task, Site(), device=device).initial(scenario.seed)
    with undisturbed(scenario.seed, torch.device(device), 1):
        learner, note = learner_of(task, parts, lesson, device, threads)
        base = learner.form.pack(initial)
        gauge = Gauge(learner, dealt.held_out, dealt.classes, attack, cast.honest, scenario.seed)
        metric = gauge.metric(base)
    anchored = _anchored(rule)
    return Setting(
        task=task,
        topology=topology,
        cast=cast,
        learner=learner,
        note=note,
        base=base,
        merges=Merges(
            rule=rule,
            weights=tuple(min(rounded_weight(len(part)), MAX_WEIGHT) for part in parts),
            hostile=cast.hostile,
            byzantine=frozenset(cast.byzantine),
            losses=lambda node, models: learner.losses(models, node, scenario.seed),
        ),
        attackers=Attackers(
            attack=attack,
            nodes=cast.byzantine,
            rule=rule,
            told=cast.hostile,
            anchored=anchored,
            hidden=scenario.commit_reveal,
            seed=scenario.seed,
        ),
        gauge=gauge,
        metric=metric,
        one_model=topology.complete and not anchored,
    )


def _anchored(rule: Rule) -> bool:
    return str(rule).partition(":")[0] in GOSSIP


def _lesson(scenario: Scenario, task: Task) -> Lesson:
    asked = (scenario.epochs, scenario.steps, scenario.batch)
    if task.train is not None and any(value is not None for value in asked):
        raise WrongUse(
            f"task {task.name!r} has its own train: leave epochs, steps and batch out of the scenario"
        )
    return Lesson(scenario.batch or task.batch, scenario.epochs or task.epochs, scenario.steps)


def _poisoned(
    task: Task, dealt: Dealt, byzantine: Collection[int], attack: Attack, seed: int
) -> Sequence[Data]:
    """Every node's patients, the attackers' as the attack wants them."""
    if attack.poison is None or not byzantine:
        return dealt.parts
    parts = list(dealt.parts)
    for node in byzantine:
        dealable(task, parts[node])
        rng = np.random.default_rng(seeds.derive(seed, "poison", node))
        inputs, targets = parts[node].inputs, parts[node].targets
        parts[node] = Data(*attack.poison(inputs, targets, dealt.classes, rng))
    return parts
