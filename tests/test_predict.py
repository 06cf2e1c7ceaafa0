"""Predictions from CSV rows: found by name, refused when in doubt."""

import numpy as np
import pytest

from node.errors import WrongUse
from node.predict import predict
from node.task import Site, load_task
from node.train import TorchTrainer, alone

PLAIN = """
import torch
from node.task import Data

def build():
    return torch.nn.Linear(3, 2)

def load(site):
    return Data(torch.ones(4, 3), torch.tensor([0, 1, 0, 1]))

loss = torch.nn.functional.cross_entropy

def optimizer(parameters):
    return torch.optim.SGD(parameters, lr=0.1)

def metrics(outputs, targets):
    return {"accuracy": 0.5}
"""


@pytest.fixture
def task(tmp_path):
    """A task that leaves reading and labels to the defaults."""
    path = tmp_path / "task.py"
    path.write_text(PLAIN)
    return load_task(path)


@pytest.fixture
def weights(task):
    """Weights that give the scores 0.5 and 1.5, whatever the row."""
    return {"weight": np.zeros((2, 3), np.float32), "bias": np.array([0.5, 1.5], np.float32)}


def header(names):
    """A CSV header line."""
    return ",".join(names)


@pytest.fixture
def rows(tmp_path):
    """Writes a CSV file and gives its path."""

    def write(*lines):
        path = tmp_path / "rows.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def test_predictions_of_the_biopsies(rows):
    """Columns are found by name in any order, others are ignored, the label is a word."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    node = TorchTrainer(load_task("wdbc"), Site(0, 5, 0))
    trained = alone(node, node.initial(0), 5, 0)
    some = [0, 1, 19, 20]
    names = ["id", *reversed(bunch.feature_names)]
    lines = [header(map(str, [i, *reversed(bunch.data[i])])) for i in some]
    found = predict(load_task("wdbc"), trained, rows(header(names), *lines))
    assert [p.label for p in found] == [str(bunch.target_names[bunch.target[i]]) for i in some]
    assert all(len(p.output) == 2 for p in found)


def test_predictions_by_default(task, weights, rows):
    """All columns are numbers in order, and the label is the number of the highest score."""
    found = predict(task, weights, rows("a,b,c", "1,2,3", "4,5,6"))
    assert [(p.label, p.output) for p in found] == [("1", (0.5, 1.5))] * 2


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["a,b,c"], "has no rows"),
        (["a,b,c", "1,2,3", "1,x,3"], "line 3: could not convert string to float: 'x'"),
        (["a,b,c", "1,,3"], "line 2: could not convert string to float: ''"),
        (["a,b,c", "1,nan,3"], "line 2: a value is missing, NaN or infinite"),
        (["a,b,c", "1,2"], "line 2: not as many values as the header has columns"),
        (["a,b,c", "1,2,3,4"], "line 2: not as many values as the header has columns"),
        (["a,b", "1,2"], "no prediction for"),
    ],
)
def test_rows_that_cannot_be_read(task, weights, rows, lines, expected):
    """One line with file, line number and cause, and no prediction at all."""
    with pytest.raises(WrongUse) as caught:
        predict(task, weights, rows(*lines))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_column_is_named(rows):
    """A task that reads columns by name says which one is not there."""
    task = load_task("wdbc")
    with pytest.raises(WrongUse, match="line 2: there is no column 'mean radius'"):
        predict(task, TorchTrainer(task, Site()).initial(1), rows("radius", "12"))


def test_a_file_that_is_no_table(task, weights, tmp_path):
    """Neither a missing file nor one of bytes gives a traceback."""
    (tmp_path / "image.csv").write_bytes(b"\xff\xd8\xff\xe0")
    for name, expected in [("none.csv", "can't be read"), ("image.csv", "no CSV file in UTF-8")]:
        with pytest.raises(WrongUse, match=expected):
            predict(task, weights, tmp_path / name)
