"""Task files: what a user brings, and how mistakes in it are told."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from node.digest import digest
from node.errors import WrongUse
from node.task import Data, Site, load_task
from node.taskfile import REQUIRED
from node.train import TorchTrainer

DOCS = Path(__file__).parent.parent / "docs" / "tasks.md"

WHOLE = """
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
def written(tmp_path):
    """Writes a task file and gives its path."""

    def write(source, name="task.py"):
        path = tmp_path / name
        path.write_text(source)
        return path

    return write


def without(part):
    """The whole task less one part."""
    return re.sub(rf"^(def {part}\(.*\n    .*|{part} = .*)\n", "", WHOLE, flags=re.MULTILINE)


def refusal(act):
    """The message of the WrongUse that `act` must end in; always a single line."""
    with pytest.raises(WrongUse) as caught:
        act()
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", ["wdbc", "digits"])
def test_shipped_tasks_load_by_name(name):
    """A shipped task has a model, data, held-out data and all parts."""
    task = load_task(name)
    assert task.name == name
    assert len(task.data(Site(0, 5, 1))) > len(task.data(Site(4, 5, 1))) > 0
    assert len(task.held_out(1)) > 100
    assert sum(p.numel() for p in task.model().parameters()) in range(3500, 5000)


def test_digest_is_that_of_the_bytes(written):
    """The digest covers exactly the file's bytes, so a comment changes it."""
    path = written(WHOLE)
    assert load_task(path).digest == digest(WHOLE.encode())
    assert load_task(written(WHOLE + "# later\n")).digest == digest((WHOLE + "# later\n").encode())


def test_two_files_of_one_name_do_not_clash(written, tmp_path):
    """Each task keeps its own module, also when the files have a name that a library has."""
    first = load_task(written(WHOLE.replace("Linear(3, 2)", "Linear(3, 5)"), "json.py"))
    second = load_task(written(WHOLE, "json.py"))
    import json

    assert first.model().out_features == 5
    assert second.model().out_features == 2
    assert json.loads("1") == 1


def test_a_file_may_hold_dataclasses(written):
    """Dataclasses look their module up in sys.modules, where it therefore has to be."""
    source = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    source += "@dataclass\nclass Extra:\n    size: int = 3\n" + WHOLE
    assert load_task(written(source)).model().in_features == 3


def test_a_failed_import_leaves_nothing_behind(written):
    """sys.modules is as it was."""
    before = set(sys.modules)
    refusal(lambda: load_task(written("import nowhere_to_be_found")))
    assert set(sys.modules) == before


def test_optional_parts_have_defaults(written):
    """Numbers have defaults, functions are None."""
    task = load_task(written(WHOLE))
    assert (task.epochs, task.batch) == (1, 32)
    assert (task.train, task.evaluate, task.holdout, task.read, task.label) == (None,) * 5
    assert task.held_out(0) is None


def test_constants_are_read(written):
    """EPOCHS and BATCH."""
    task = load_task(written("EPOCHS, BATCH = 7, 9\n" + WHOLE))
    assert (task.epochs, task.batch) == (7, 9)


@pytest.mark.parametrize("part", REQUIRED)
def test_a_missing_part_is_named(written, part):
    """The message says which part, and what it should be."""
    assert refusal(lambda: load_task(written(without(part)))).startswith(
        f"task task.py lacks {part}: define {part}("
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "import nowhere",
            "line 1: the file doesn't import: ModuleNotFoundError: No module named 'nowhere'",
        ),
        ("x = 1\ndef f(:\n", "line 2: the file doesn't import: SyntaxError: invalid syntax"),
        ("x = 1\n\ny = x / 0", "line 3: the file doesn't import: ZeroDivisionError"),
        ("import sys\nsys.exit('bye')", "line 2: the file doesn't import: SystemExit: bye"),
        (
            WHOLE + "def build(x): ...",
            "task task.py: build must be a function: build() -> torch.nn.Module",
        ),
        (WHOLE + "loss = 3", "task task.py: loss must be a function: loss(outputs, targets) -> Tensor"),
        (WHOLE + "EPOCHS = 0", "EPOCHS is 0, and must be a whole number from 1 up"),
        (WHOLE + "BATCH = '8'", "BATCH is '8', and must be a whole number from 1 up"),
    ],
)
def test_what_is_wrong_with_a_file(written, source, expected):
    """One line with file, line number and cause."""
    assert expected in refusal(lambda: load_task(written(source)))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("def build():\n    raise OSError('a\\nb')", "line 19: the model can't be built: OSError: a"),
        ("def build(): return 3", "build() must return a torch.nn.Module with parameters, not int"),
        ("build = torch.nn.ReLU", "build() must return a torch.nn.Module with parameters, not ReLU"),
    ],
)
def test_a_model_that_cannot_be_built(written, change, expected):
    """One line with file, line number and cause."""
    task = load_task(written(WHOLE + change))
    assert expected in refusal(task.model)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("def load(site): return None", "load(1 of 5) must return Data(inputs, targets), not NoneType"),
        (
            "def load(site): return Data(torch.ones(0, 3), torch.ones(0))",
            "load(1 of 5) returned no patients",
        ),
        (
            "def load(site): return Data(torch.ones(2), torch.ones(3))",
            "ValueError: 2 inputs, but 3 targets",
        ),
        (
            "def load(site): return open(site.folder / 'no.csv')",
            "the data can't be loaded: FileNotFoundError",
        ),
        ("def load(site): return [1, 2]", "so the file must define train and evaluate as well"),
    ],
)
def test_data_that_cannot_be_loaded(written, change, expected):
    """One line with file and cause."""
    task = load_task(written(WHOLE + change))
    assert expected in refusal(lambda: task.data(Site(1, 5)))


def test_unknown_names_list_the_known():
    """Neither a shipped name nor a path."""
    assert refusal(lambda: load_task("wdbcc")) == (
        "no task 'wdbcc': shipped are digits, wdbc; your own is a path ending in .py"
    )


def test_a_missing_file_is_said(tmp_path):
    """A path that is not there."""
    assert refusal(lambda: load_task(tmp_path / "no.py")) == f"there is no task file {tmp_path}/no.py"


def test_a_site_must_be_one_of_its_swarm():
    """Indices run from 0."""
    assert "runs from 0" in refusal(lambda: Site(5, 5))


def test_the_example_in_the_docs_works(written, tmp_path):
    """The file printed in docs/tasks.md loads, trains and is measured."""
    task = load_task(written(re.search(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)[1]))
    rows = np.column_stack([np.random.default_rng(0).normal(size=(40, 12)), np.arange(40) % 2])
    np.savetxt(tmp_path / "patients.csv", rows, delimiter=",", header="columns")
    trainer = TorchTrainer(task, Site(folder=tmp_path))
    trained = trainer.fit(trainer.initial(1), seed=2)
    assert trained.samples == 40
    assert 0 <= trainer.evaluate(trained.tensors)["accuracy"] <= 1


def test_digest_needs_no_torch(written):
    """Commands that need the digest only start fast: node.task itself doesn't import torch."""
    code = "import sys, node.task; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["wdbc", "digits"])
def test_nobody_trains_on_the_held_out(name):
    """Sites and held-out patients together are the whole data set, once."""
    task = load_task(name)
    parts = [task.data(Site(i, 5, 3)).inputs for i in range(5)] + [task.held_out(3).inputs]
    everyone = torch.cat(parts).flatten(1)
    assert len(everyone) == {"wdbc": 569, "digits": 1797}[name]
    assert len(everyone.unique(dim=0)) == len(everyone)


def test_data_counts_patients():
    """Rows, whatever their shape."""
    assert len(Data(torch.zeros(3, 1, 8, 8), torch.zeros(3))) == 3
