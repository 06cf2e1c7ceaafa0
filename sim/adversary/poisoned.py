"""Training on poisoned data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from node.errors import WrongUse
from node.weights import Array
from sim.adversary.over import OverTrainer
from sim.adversary.stage import Stage
from sim.attacks.attack import Poison

if TYPE_CHECKING:
    from node.train import TorchTrainer, Trained, Trainer


class Poisoned(OverTrainer):
    """Trains on what the attack makes of this site's data.

    A trainer without data of its own, as in the world, has its step turned round instead: about what
    mirrored labels do to a step. one: the operator's lots for all of its names, so that equal data give
    an equal update.
    """

    def __init__(self, under: Trainer, poison: Poison, stage: Stage, *, one: bool = False) -> None:
        super().__init__(under)
        self._poison, self._stage, self._one = poison, stage, one
        self._on: Trainer | None = None

    def fit(self, base: Mapping[str, Array], seed: int) -> Trained:
        """See Trainer."""
        from node.train import TorchTrainer

        lots = self._stage.lots("train") if self._one else seed
        if not isinstance(self.under, TorchTrainer):
            return _turned(base, self.under.fit(base, lots))
        self._on = self._on or self._poisoned(self.under)
        return self._on.fit(base, lots)

    def _poisoned(self, under: TorchTrainer) -> TorchTrainer:
        from node.task import Data
        from sim.learning.patients import classes_of

        data = under.data
        if not isinstance(data, Data):
            raise WrongUse("only data of two tensors can be poisoned: choose another attack")
        rng = np.random.default_rng(self._stage.lots("poison"))
        return under.on(Data(*self._poison(data.inputs, data.targets, classes_of(data), rng)))


def _turned(base: Mapping[str, Array], trained: Trained) -> Trained:
    """The step backwards; whole numbers stay."""
    floats = {n for n, array in trained.tensors.items() if array.dtype.kind == "f"}
    turned = {n: 2 * base[n] - trained.tensors[n] for n in floats}
    return replace(trained, tensors={**trained.tensors, **turned})
