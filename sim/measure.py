"""What joining gives: each clinic's model trained alone and the swarm's, on the same held-out patients.

A task or a clinic that can't be measured costs its figures and is named, never the rest of the report.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np

from node.blobs import DiskBlobs
from node.config import Home, load_config
from node.digest import Digest
from node.errors import Damaged, WaggleError
from node.manifest import Manifest
from node.task import Data, Site, Task, load_task
from node.train import TorchTrainer, alone
from node.weights import Array, arrays
from sim.folder import RunFolder
from sim.gauge import disagreement

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Score:
    """One clinic: its patients, and the leading metric alone and with the swarm's model.

    In gossip runs that is the clinic's own.
    """

    patients: int = 0
    alone: float | None = None
    swarm: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """The metric's name, a score for each home in order, and what went wrong.

    disagreement: of the clinics' models, as `sim.gauge.disagreement`; 0 when they have one.
    """

    metric: str
    scores: tuple[Score, ...]
    problems: tuple[str, ...]
    disagreement: float = 0.0


def measure(folder: RunFolder, models: Sequence[Digest], manifest: Manifest) -> Measured:
    """Measure every clinic of a run; models: what each has at the end. Raises WrongUse."""
    return _Measuring(folder, models, manifest).all()


@dataclass(slots=True)
class _Measuring:
    folder: RunFolder
    models: Sequence[Digest]
    manifest: Manifest
    metric: str = ""
    problems: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def all(self) -> Measured:
        task = load_task(self.folder.load().task)
        held_out = self._try("", lambda: task.held_out(self.manifest.seed))
        swarm = self._swarm(task, held_out)
        scores = tuple(
            self._score(task, home, held_out, swarm[model])
            for home, model in zip(self.folder.homes(), self.models, strict=True)
        )
        apart = self._try("", self._disagreement)
        said = (
            f"{', '.join(who)}: {what}" if any(who) else what for what, who in self.problems.items()
        )
        return Measured(self.metric, scores, tuple(said), apart or 0.0)

    def _swarm(self, task: Task, held_out: Data | None) -> dict[Digest, float | None]:
        """What each model is worth, measured once."""
        if held_out is None:
            return dict.fromkeys(self.models)
        return {
            model: self._try("", partial(self._of_swarm, task, held_out, model))
            for model in dict.fromkeys(self.models)
        }

    def _disagreement(self) -> float:
        distinct = dict.fromkeys(self.models)
        return disagreement(np.stack([self._row(m) for m in self.models])) if len(distinct) > 1 else 0.0

    def _row(self, model: Digest) -> Array:
        floats = [t.ravel() for t in self._model(model).values() if t.dtype.kind == "f"]
        return np.concatenate([*floats, np.zeros(0)])

    def _score(self, task: Task, home: Home, held_out: Data | None, swarm: float | None) -> Score:
        name = home.folder.name
        trainer = self._try(name, lambda: TorchTrainer(task, _site(home)))
        patients = self._try(name, lambda: 0 if trainer is None else len(trainer.data))
        if trainer is None or not patients:
            return Score(swarm=swarm)
        if held_out is None:
            return Score(patients)
        return Score(patients, self._try(name, lambda: self._of_alone(trainer, held_out)), swarm)

    def _of_swarm(self, task: Task, held_out: Data, model: Digest) -> float:
        return self._leading(TorchTrainer(task, Site()).evaluate(self._model(model), held_out))

    def _of_alone(self, trainer: TorchTrainer, held_out: Data) -> float:
        """A clinic that trains by itself for as long."""
        rounds, seed = self.manifest.terms.rounds, self.manifest.seed
        own = alone(trainer, trainer.initial(seed), rounds, seed)
        return self._leading(trainer.evaluate(own, held_out))

    def _leading(self, found: Mapping[str, float]) -> float:
        self.metric, value = next(iter(found.items()))
        if not math.isfinite(value):
            raise WaggleError(f"{self.metric} is {value}")
        return value

    def _model(self, model: Digest) -> dict[str, Array]:
        """A model of the end, from any node that has it."""
        for home in self.folder.homes():
            blobs = DiskBlobs(home.blobs)
            try:
                blobs.outline(model)
            except (KeyError, Damaged):
                continue
            return arrays(blobs.view(model))
        raise Damaged(f"no node has the model {model.short}")

    def _try(self, who: str, work: Callable[[], T]) -> T | None:
        try:
            return work()
        except WaggleError as error:
            self.problems[str(error)].append(who)
            return None


def _site(home: Home) -> Site:
    site = load_config(home).site
    return Site(site.index, site.count, site.seed, home.folder / site.folder)
