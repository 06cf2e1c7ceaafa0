"""A swarm that only learns: no processes, no chain, the node's own merge rules.

    trace = Arena(Scenario(nodes=100, byzantine=20, attack="alie", rule="nnm+trimmed-mean")).run()

Goals: a round reads like a paper's; the same scenario gives the same trace on one machine; whatever
can be refused is refused before training. Non-goals: time, faults of machines and networks, what the
protocol does about nodes that don't answer.

Two kinds of swarm. Where everybody hears everybody and the rule gives all nodes the same bytes, there
is one model and one merge. Otherwise (gossip) each node has a model of its own and merges its
neighbourhood.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from node import seeds
from node.merge.threads import spread
from node.train import undisturbed
from node.weights import Array
from sim.attackers import Field, Memory
from sim.facts import facts
from sim.learning.rows import Rows
from sim.merges import Moment, Sent, verified
from sim.scenario import Scenario
from sim.setting import setting_of
from sim.trace import Point, Trace

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Swarm:
    """What lasts from round to round.

    models: every node's, a row each; the attackers' is the center. center: the honest models' mean,
    (d,). velocity: momentum of each node's updates, NaN before its first; None without momentum.
    """

    models: Rows
    center: Array
    velocity: Array | None
    memory: Memory


class Arena:
    """One scenario, checked and ready to run."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        device: str = "cpu",
        threads: int = 1,
        attackers: Collection[int] | None = None,
    ) -> None:
        """Loads the task and deals the patients. threads share the work, which changes no bit.

        attackers: which nodes attack, as many as the scenario says; None: they are drawn.

        Raises WrongUse or Unfit for whatever can't work, in one line.
        """
        self.scenario = scenario
        self._setting = setting_of(scenario, device, threads, attackers)
        self._device, self._threads = torch.device(device), threads
        if self._setting.note:
            log.warning("nodes train one after another, which is slow: %s", self._setting.note)

    def run(self, tell: Callable[[Point], None] = lambda point: None) -> Trace:
        """All rounds; `tell` hears of each as it ends. Raises WrongUse when the task's code fails."""
        points, started = [], time.perf_counter()
        with undisturbed(self.scenario.seed, self._device, 1):
            swarm = self._start()
            for number in range(self.scenario.rounds):
                swarm, merged = self._round(number, swarm)
                points.append(self._point(number, swarm, merged))
                tell(points[-1])
        more = {"device": str(self._device), "training": self._setting.note or "vectorized"}
        return Trace(
            scenario=self.scenario,
            metric=self._setting.metric,
            points=tuple(points),
            seconds=time.perf_counter() - started,
            facts=facts(self._setting.task, **more),
        )

    def _start(self) -> Swarm:
        base = self._setting.base
        models = base.spread(self.scenario.nodes)
        velocity = np.full_like(models.floats, np.nan) if self.scenario.momentum else None
        return Swarm(models, base.floats[0], velocity, Memory(np.zeros_like(base.floats[0])))

    def _round(self, number: int, swarm: Swarm) -> tuple[Swarm, int]:
        """One round, and how many honest nodes merged in it."""
        moment = self._moment(number)
        present, lost = self._lots(number)
        trained, velocity = self._train(number, swarm, present)
        field = self._field(number, swarm, present, trained, moment)
        sent = self._send(swarm, present, lost, trained, field)
        models, merged = self._merge(swarm, sent, moment)
        after = self._centered(models)
        memory = self._remember(swarm, field, after)
        return Swarm(*after, velocity, memory), merged

    def _lots(self, number: int) -> tuple[Array, Array]:
        """Who takes part, one at least; whose update will get lost. Attackers as everybody."""
        rng, nodes = self._rng("lots", number), self.scenario.nodes
        count = max(round(self.scenario.participation * nodes), 1)
        present = np.zeros(nodes, np.bool_)
        present[rng.choice(nodes, count, replace=False)] = True
        return present, rng.random(nodes) < self.scenario.dropout

    def _train(self, number: int, swarm: Swarm, present: Array) -> tuple[Rows, Array | None]:
        """Everybody's model after training; attackers train in every round, whether they take part."""
        busy = present.copy()
        busy[list(self._setting.cast.byzantine)] = True
        who, models = np.flatnonzero(busy), swarm.models.copy()
        lots = [seeds.derive(self.scenario.seed, "train", number, int(node)) for node in who]
        torch.manual_seed(seeds.derive(self.scenario.seed, "torch", number))
        trained = self._setting.learner.train(swarm.models.take(who), [int(w) for w in who], lots)
        models.floats[who], models.whole[who] = trained.floats, trained.whole
        return self._with_momentum(swarm, who, models)

    def _with_momentum(self, swarm: Swarm, who: Array, models: Rows) -> tuple[Rows, Array | None]:
        """v = beta v + (1 - beta) u takes the place of an update u; the first v is u.

        Karimireddy, He, Jaggi, "Learning from History for Byzantine Robust Optimization" (ICML 2021),
        algorithm 1. One that is no longer finite starts anew.
        """
        if swarm.velocity is None:
            return models, None
        velocity, beta = swarm.velocity.copy(), self.scenario.momentum
        steps = models.floats[who] - swarm.models.floats[who]
        mixed = beta * velocity[who] + (1.0 - beta) * steps
        velocity[who] = np.where(np.isfinite(mixed), mixed, steps)
        models.floats[who] = swarm.models.floats[who] + velocity[who]
        return models, velocity

    def _field(self, number: int, swarm: Swarm, present: Array, trained: Rows, moment: Moment) -> Field:
        """The round as attackers find it, before they send anything."""
        cast, good = self._setting.cast, present & verified(trained.floats)
        honest = tuple(node for node in cast.honest if good[node])
        hostile = int(present[list(cast.byzantine)].sum())
        inputs = len(honest) + hostile
        if not self._setting.topology.complete:
            inputs = self._setting.topology.degree + 1
            hostile = min(hostile, cast.around)
        updates = trained.floats - swarm.center
        return Field(number, updates, swarm.center, honest, inputs, hostile, moment)

    def _send(self, swarm: Swarm, present: Array, lost: Array, trained: Rows, field: Field) -> Sent:
        """What the nodes send: honest ones what they trained, attackers what they craft."""
        attackers, models, center = self._setting.attackers, trained, swarm.center
        senders = [node for node in attackers.nodes if present[node]]
        fresh = present & verified(models.floats)
        if not attackers.attack.craft or not senders:
            return Sent(models, fresh & ~lost, fresh)
        if attackers.choosy and not self._setting.one_model:

            def answer(victim: int, theirs: list[int]) -> Array:
                return center + attackers.answer(field, swarm.memory, victim, theirs)

            return Sent(models, fresh & ~lost, fresh, answer)
        models = trained.copy()
        models.floats[senders] = center + attackers.send(field, swarm.memory, senders)
        return Sent(models, present & verified(models.floats) & ~lost, fresh)

    def _merge(self, swarm: Swarm, sent: Sent, moment: Moment) -> tuple[Rows, int]:
        """Everybody's next model, and how many honest nodes merged."""
        merges, honest = self._setting.merges, self._setting.cast.honest
        if self._setting.one_model:
            row = merges.together(swarm.models, sent, moment)
            return (swarm.models, 0) if row is None else (row.spread(len(swarm.models)), len(honest))
        models, merged = swarm.models.copy(), 0
        ready = (node for node in honest if sent.fresh[node])
        merge = partial(merges.apart, base=swarm.models, sent=sent, moment=moment)
        for node, row in spread(merge, ready, self._threads):
            models.put(node, row or sent.models.take([node]))
            merged += row is not None
        return models, merged

    def _centered(self, models: Rows) -> tuple[Rows, Array]:
        """The models, the attackers' in the middle of the honest ones; and that middle."""
        if self._setting.one_model:
            return models, models.floats[0]
        honest = models.take(self._setting.cast.honest)
        center = honest.floats.mean(axis=0, dtype=np.float64).astype(models.floats.dtype)
        for node in self._setting.cast.byzantine:
            models.put(node, Rows(center[None, :], honest.median_whole()))
        return models, center

    def _remember(self, swarm: Swarm, field: Field, after: tuple[Rows, Array]) -> Memory:
        attackers = self._setting.attackers
        own = field.updates[list(attackers.nodes)]
        earlier = (own, *swarm.memory.earlier)[: attackers.attack.memory]
        return Memory(after[1] - swarm.center, field.updates[list(field.honest)], earlier)

    def _point(self, number: int, swarm: Swarm, merged: int) -> Point:
        return self._setting.gauge.point(number, swarm.models, merged, self._setting.one_model)

    def _moment(self, number: int) -> Moment:
        seed = seeds.derive(self.scenario.seed, "round", number)
        graph = self._setting.topology.draw(seed)
        lots = hashlib.sha256(seed.to_bytes(8, "big")).digest()
        return Moment(graph, lots, number / self.scenario.rounds)

    def _rng(self, what: str, number: int) -> np.random.Generator:
        return np.random.default_rng(seeds.derive(self.scenario.seed, what, number))
