"""What a model is worth on data that the auditor chose."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from node.errors import WrongUse
from node.manifest import Manifest
from node.task import Data, Site, Task, load_task
from node.train import TorchTrainer, exact
from node.weights import Array


class Scorer:
    """Gives the task's leading metric, of which higher is better.

    metric: its name, once known. whose: what it is measured on, in words.
    """

    def __init__(self, manifest: Manifest, source: str | None, data: Path | None) -> None:
        """source: the run's task, a name or a file; data: held-out patients. None: as the task says.

        Raises WrongUse, also for another task than the run's.
        """
        exact()
        task = _task(source or manifest.task, manifest)
        self._held_out = _held_out(task, data, manifest)
        self.whose = f"what the task reads from {data}" if data else "the task's held-out data"
        self._trainer, self.metric = TorchTrainer(task, Site()), "score"

    def __call__(self, model: Mapping[str, Array]) -> float:
        """Measure a model. Raises WrongUse where the task's code fails."""
        self.metric, value = next(iter(self._trainer.evaluate(model, self._held_out).items()))
        return value


def _task(source: str, manifest: Manifest) -> Task:
    task = load_task(source)
    if task.digest != manifest.task_digest:
        raise WrongUse(
            f"the run's task {manifest.task!r:.80} has digest {manifest.task_digest.short}, {source} "
            f"has {task.digest.short}: give --task with the same file"
        )
    return task


def _held_out(task: Task, folder: Path | None, manifest: Manifest) -> Data:
    found = task.data(Site(folder=folder)) if folder else task.held_out(manifest.seed)
    if found is None:
        raise WrongUse(f"task {task.name} has no held-out data: give yours with --data")
    return found
