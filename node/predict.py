"""Predictions of a task's model for the rows of a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from node.errors import WrongUse
from node.task import Task
from node.train import model_of
from node.weights import Array

AT_ONCE = 1024
"""Rows of one forward pass, so that memory stays bounded."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of one row. label: in words. output: the model's raw numbers, flat."""

    label: str
    output: tuple[float, ...]


def predict(task: Task, tensors: Mapping[str, Array], path: Path) -> list[Prediction]:
    """One prediction for each row of a CSV file with a header line, in order.

    Raises WrongUse naming the line that can't be read, Unfit for weights of another task.
    """
    rows = list(_rows(task, path))
    if not rows:
        raise WrongUse(f"{path} has no rows: give a header line and a line for each prediction")
    model = model_of(task, tensors).eval()
    label = task.label or default_label
    with torch.no_grad(), task.blamed(f"no prediction for {path}"):
        batches = torch.split(torch.stack(rows), AT_ONCE)
        outputs = torch.cat([model(batch) for batch in batches])
        return [Prediction(label(o), tuple(o.flatten().tolist())) for o in outputs]


def default_read(row: Mapping[str, str]) -> Tensor:
    """All columns as numbers, in the file's order."""
    return torch.tensor([float(value) for value in row.values()])


def default_label(output: Tensor) -> str:
    """The number of the highest score; of a single score (a logit) 1 or 0."""
    if output.numel() == 1:
        return str(int(output.item() > 0))
    return str(int(output.argmax()))


def _rows(task: Task, path: Path) -> Iterator[Tensor]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            for row in reader:
                yield _row(task, row, f"{path}, line {reader.line_num}")
    except OSError as error:
        raise WrongUse(f"{path} can't be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise WrongUse(f"{path} is no CSV file in UTF-8: {error}") from None


def _row(task: Task, row: Mapping[str, str], where: str) -> Tensor:
    """The model's input. A value that is missing or not finite would give a confident wrong answer."""
    if None in row or None in row.values():
        raise WrongUse(f"{where}: not as many values as the header has columns")
    try:
        values = (task.read or default_read)(row)
    except KeyError as error:
        raise WrongUse(f"{where}: there is no column {error}: name it in the header line") from None
    except ValueError as error:
        raise WrongUse(f"{where}: {error}") from None
    if not values.isfinite().all():
        raise WrongUse(f"{where}: a value is missing, NaN or infinite")
    return values
