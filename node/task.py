"""A task: what a user brings to a run, as one Python file of plain functions. See docs/tasks.md.

    task = load_task("wdbc")              # or "path/to/task.py"
    model, data = task.model(), task.data(Site(0, 5, seed=1))

Goal: a mistake in the file is one line that names file, line and remedy. Non-goals: a sandbox (the
operator installs the file and answers for it), and the digest covers the file only, not its imports.
torch is not imported here, so that commands which only need the digest start fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from node import taskfile
from node.digest import Digest, digest
from node.errors import WrongUse

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Site:
    """Which clinic this is: `index` of `count`, from 0; the run's data seed; the node's data folder.

    A real clinic reads `folder`. A simulated one takes its part of a data set by index and seed.
    """

    index: int = 0
    count: int = 1
    seed: int = 0
    folder: Path = Path("data")

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise WrongUse(f"site {self.index} of {self.count}: the index runs from 0 to count - 1")


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """Inputs and targets of some patients: two tensors with a row for each."""

    inputs: Tensor
    targets: Tensor

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.targets):
            raise ValueError(f"{len(self.inputs)} inputs, but {len(self.targets)} targets")

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A checked task file. `model` and `data` check what the file's functions answer.

    digest: of the bytes that were executed. epochs: over this site's data, a round. batch: rows a
    step. The functions are as docs/tasks.md says; None where the file leaves an optional one out.
    """

    name: str
    path: Path
    digest: Digest
    epochs: int
    batch: int
    build: Callable[[], nn.Module]
    load: Callable[[Site], Data]
    loss: Callable[[Tensor, Tensor], Tensor]
    optimizer: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
    metrics: Callable[[Tensor, Tensor], Mapping[str, float]]
    train: Callable[[nn.Module, Data, int], float] | None
    evaluate: Callable[[nn.Module, Data], Mapping[str, float]] | None
    holdout: Callable[[int], Data] | None
    read: Callable[[Mapping[str, str]], Tensor] | None
    label: Callable[[Tensor], str] | None

    def model(self) -> nn.Module:
        """A new model, seeded by torch's global generator. Raises WrongUse."""
        from torch import nn

        with self.blamed("the model can't be built"):
            model = self.build()
        if not isinstance(model, nn.Module) or not model.state_dict():
            raise WrongUse(
                f"task {self.path.name}: build() must return a torch.nn.Module with parameters, "
                f"not {type(model).__name__}"
            )
        return model

    def data(self, site: Site) -> Data:
        """This site's data, at least one patient. Raises WrongUse."""
        with self.blamed("the data can't be loaded"):
            data = self.load(site)
        return self._some(data, f"load({site.index} of {site.count})")

    def held_out(self, seed: int) -> Data | None:
        """The patients on which a simulated swarm is measured; None when the task has none."""
        if self.holdout is None:
            return None
        with self.blamed("the held-out data can't be loaded"):
            data = self.holdout(seed)
        return self._some(data, "holdout")

    def blamed(self, what: str) -> taskfile.Blame:
        """Turns whatever the file's code raises into WrongUse that names file and line."""
        return taskfile.Blame(self.path, what)

    def _some(self, data: object, where: str) -> Data:
        # By name: the file may have made its own class that serves its own train and evaluate.
        if not hasattr(data, "__len__"):
            raise WrongUse(
                f"task {self.path.name}: {where} must return Data(inputs, targets), "
                f"not {type(data).__name__}"
            )
        if not isinstance(data, Data) and (self.train is None or self.evaluate is None):
            raise WrongUse(
                f"task {self.path.name}: {where} returned {type(data).__name__}, not "
                "Data(inputs, targets), so the file must define train and evaluate as well"
            )
        if len(data) == 0:
            raise WrongUse(f"task {self.path.name}: {where} returned no patients")
        return data  # type: ignore[return-value]  # its own class, which its own functions take


def load_task(name_or_path: str | Path) -> Task:
    """A shipped task by name, or a task file by path (ending in .py). Raises WrongUse."""
    path = taskfile.locate(name_or_path)
    source = taskfile.read(path)
    name = digest(source)
    module = taskfile.execute(path, source, f"waggle_task_{name.hex}")
    parts = taskfile.parts(path, module)
    return Task(name=path.stem, path=path, digest=name, **parts)
