"""Training and measuring a task's model on this site's data: the Trainer seam and its torch form.

Only arrays by name go in and out. On one machine the same base, data and seed give the same update,
whatever else the process is doing; between machines nothing is promised, nor needed: a merge takes
updates as they are.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from node import seeds
from node.errors import Unfit, WaggleError, WrongUse
from node.task import Data, Site, Task
from node.taskfile import Blame
from node.weights import Array, from_state, to_state

EVALUATED_AT_ONCE = 1024
"""Rows of one forward pass when measuring, so that memory stays bounded."""


class TrainingFailed(WaggleError):
    """Training gave nothing worth promising to anybody; the message names cause and remedy."""


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A trained model. samples: patients it was trained on. loss: the last epoch's mean."""

    tensors: dict[str, Array]
    samples: int
    loss: float


class Trainer(Protocol):
    """What a node asks of training. Every call may take long: run it in a worker."""

    def initial(self, seed: int) -> dict[str, Array]:
        """The model that a run starts from, the same at every node that has the task."""
        ...

    def fit(self, base: Mapping[str, Array], seed: int) -> Trained:
        """Train from the base on this site's data. Raises TrainingFailed, WrongUse, Unfit."""
        ...

    def evaluate(self, tensors: Mapping[str, Array], data: Data | None = None) -> dict[str, float]:
        """Metrics by name, the leading one first; by default on this site's own data."""
        ...


class TorchTrainer:
    """Trains with torch in the calling thread."""

    def __init__(self, task: Task, site: Site, *, device: str = "cpu", threads: int = 1) -> None:
        """Raises WrongUse for a device that torch doesn't have here."""
        self._task, self._site, self._threads = task, site, threads
        try:
            self._device = torch.device(device)
            torch.empty(0, device=self._device)
        except (RuntimeError, AssertionError) as error:
            why = str(error).splitlines()[0]
            raise WrongUse(f"device {device!r} can't be used here: {why}") from None

    @cached_property
    def data(self) -> Data:
        """This site's data, loaded once. Raises WrongUse."""
        return self._task.data(self._site)

    def on(self, data: Data) -> TorchTrainer:
        """The same trainer on other data, for simulating attacks on what is learned."""
        other = TorchTrainer(self._task, self._site, device=str(self._device), threads=self._threads)
        other.data = data
        return other

    def initial(self, seed: int) -> dict[str, Array]:
        """Built on the CPU, so that a node with an accelerator starts from the same model."""
        with undisturbed(seed, torch.device("cpu"), self._threads):
            return from_state(self._task.model().state_dict())

    def fit(self, base: Mapping[str, Array], seed: int) -> Trained:
        """As the protocol says; `train` of the task where it has one."""
        data = self.data
        with undisturbed(seed, self._device, self._threads):
            model = model_of(self._task, base).to(self._device)
            model.train()
            with Blame(self._task.path, "training failed", TrainingFailed):
                loss = float((self._task.train or self._train)(model, data, seed))
            tensors = from_state(model.state_dict())
        _check(loss, tensors, data)
        return Trained(tensors, len(data), loss)

    def evaluate(self, tensors: Mapping[str, Array], data: Data | None = None) -> dict[str, float]:
        """As the protocol says; `evaluate` of the task where it has one."""
        data = self.data if data is None else data
        with undisturbed(0, self._device, self._threads), torch.no_grad():
            model = model_of(self._task, tensors).to(self._device)
            model.eval()
            with self._task.blamed("evaluating failed"):
                found = (self._task.evaluate or self._evaluate)(model, data)
                values = {name: float(value) for name, value in found.items()}
        if not values:
            raise WrongUse(f"task {self._task.path.name}: metrics must return at least one number")
        return values

    def _train(self, model: nn.Module, data: Data, seed: int) -> float:
        optimizer = self._task.optimizer(model.parameters())
        generator = torch.Generator().manual_seed(seed)
        total = math.nan
        for _ in range(self._task.epochs):
            order = torch.randperm(len(data), generator=generator)
            batches = _batches(order, self._task.batch)
            total = sum(self._step(model, optimizer, data, rows) for rows in batches)
        return total / len(data)

    def _step(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, data: Data, rows: Tensor
    ) -> float:
        """One step; the loss of all its rows."""
        inputs, targets = data.inputs[rows].to(self._device), data.targets[rows].to(self._device)
        optimizer.zero_grad()
        loss = self._task.loss(model(inputs), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.item() * len(rows)

    def _evaluate(self, model: nn.Module, data: Data) -> Mapping[str, float]:
        some = torch.split(data.inputs, EVALUATED_AT_ONCE)
        outputs = torch.cat([model(rows.to(self._device)).cpu() for rows in some])
        return self._task.metrics(outputs, data.targets)


def model_of(task: Task, tensors: Mapping[str, Array]) -> nn.Module:
    """The task's model with these weights, on the CPU. Raises WrongUse, Unfit."""
    model = task.model()
    try:
        model.load_state_dict(to_state(tensors))
    except RuntimeError as error:
        why = " ".join(str(error).split())
        raise Unfit(f"these weights are not of task {task.name!r}: {why}") from None
    return model


def alone(trainer: Trainer, initial: Mapping[str, Array], rounds: int, seed: int) -> dict[str, Array]:
    """What a site gets without the swarm: as many rounds of training, each from its own last model."""
    tensors = dict(initial)
    for round_ in range(rounds):
        tensors = trainer.fit(tensors, seeds.derive(seed, "alone", round_)).tensors
    return tensors


def _batches(order: Tensor, size: int) -> Sequence[Tensor]:
    """The rows of each step. A last one of a single row joins its neighbour: BatchNorm needs two."""
    batches = list(torch.split(order, size))
    if len(batches) > 1 and size > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def _check(loss: float, tensors: Mapping[str, Array], data: Data) -> None:
    """Raises TrainingFailed unless loss and weights are finite."""
    broken = [n for n, a in tensors.items() if a.dtype.kind == "f" and not np.isfinite(a).all()]
    if math.isfinite(loss) and not broken:
        return
    where = f" and {broken[0]} no longer finite" if broken else ""
    inputs = getattr(data, "inputs", None)
    holed = isinstance(inputs, Tensor) and inputs.is_floating_point() and not inputs.isfinite().all()
    remedy = (
        "this site's inputs hold NaN or infinity: clean them in load()"
        if holed
        else "lower the learning rate in optimizer(), or look for extreme values in this site's data"
    )
    raise TrainingFailed(f"training ended with a loss of {loss}{where}: {remedy}")


def exact() -> None:
    """Let this thread, and those that it starts, compute with numbers of any size, before a merge.

    A task's code may have told torch to take the smallest ones for zero: then a merge has other bytes.
    """
    torch.set_flush_denormal(False)


_ONE_AT_A_TIME = threading.Lock()


@contextmanager
def undisturbed(seed: int, device: torch.device, threads: int) -> Iterator[None]:
    """Torch's random numbers start from `seed`, and everything is afterwards as it was before.

    Generator, number of threads and determinism are the process's, so only one trainer at a time may
    use them: with several nodes in a process (tests, the world) each would disturb the others.
    """
    devices = [] if device.type == "cpu" else [device.index or 0]
    kind = "cuda" if device.type == "cpu" else device.type
    with _ONE_AT_A_TIME, torch.random.fork_rng(devices, device_type=kind):
        before, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(strict, warn_only=True)
            torch.set_num_threads(before)
