"""A matrix's folder and its pool: nothing is done twice, nothing is lost, nobody is left behind."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from node.errors import Damaged, InfrastructureFault, WrongUse
from sim.matrix import ray_pool
from sim.matrix.cell import Answer, attempt, lost
from sim.matrix.cells import Cells
from sim.pool import LocalPool, local_pool
from sim.scenario import Scenario
from tests.fake_arena import simulate, trace

SCENARIO = Scenario(rounds=2)


@pytest.fixture
def cells(tmp_path: Path) -> Cells:
    """An empty folder of cells."""
    made = Cells(tmp_path / "matrix", {"a": "b"})
    made.open()
    return made


def test_a_cell_is_kept(cells: Cells) -> None:
    """As a file named by the scenario's digest, which is read again."""
    assert cells.load(SCENARIO) is None
    cells.save(trace(SCENARIO, 0.5, 0.6))
    assert cells.load(SCENARIO) == trace(SCENARIO, 0.5, 0.6)
    assert os.listdir(cells.folder / "cells") == [f"{SCENARIO.digest.hex}.json"]


def test_a_cell_of_another_release_or_task_isnt_done(cells: Cells) -> None:
    """Facts that differ make it count for nothing."""
    cells.save(trace(SCENARIO, 0.5, 0.6))
    assert Cells(cells.folder, {"a": "c"}).load(SCENARIO) is None
    assert Cells(cells.folder, {"task": "d"}).load(SCENARIO) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text[:-10],
        lambda text: "[" * 100_000,
        lambda text: "\udcff",
        lambda text: json.dumps({}),
        lambda text: text.replace("0.5", '"0.5"'),
        lambda text: text.replace("0.5", "null"),
        lambda text: text.replace('"points"', '"dots"'),
        lambda text: text.replace('"seed": 0', '"seed": 1'),
        lambda text: trace(SCENARIO, 0.5).to_json(),
    ],
)
def test_a_damaged_cell_is_named(cells: Cells, change) -> None:
    """Cut off, not JSON, of wrong kinds, of another cell, or of too few rounds."""
    cells.save(trace(SCENARIO, 0.5, 0.6))
    file = cells.file(SCENARIO)
    file.write_bytes(change(file.read_text()).encode(errors="surrogateescape"))
    with pytest.raises(Damaged, match=file.name):
        cells.load(SCENARIO)


def test_a_folder_that_cant_be_made(tmp_path: Path) -> None:
    """Is wrong use, and says which."""
    (tmp_path / "file").write_text("")
    with pytest.raises(WrongUse, match="can't be written"):
        Cells(tmp_path / "file", {}).open()
    (tmp_path / "cells").write_text("")
    with pytest.raises(WrongUse, match="can't be written"):
        Cells(tmp_path, {}).open()


def test_two_matrices_dont_share_a_folder(cells: Cells) -> None:
    """The second is refused while the first is at work, and let in afterwards."""
    with cells.alone(), pytest.raises(WrongUse, match="another matrix is at work"), cells.alone():
        pass
    with cells.alone():
        pass


def test_an_attempt_never_raises() -> None:
    """What goes wrong is in the answer; a bug with its place."""
    assert attempt(simulate, SCENARIO).trace == simulate(SCENARIO)
    assert attempt(simulate, replace(SCENARIO, attack="nan", byzantine=1)).why == "no number"
    assert attempt(_bug, SCENARIO).why.startswith("ZeroDivisionError: division by zero (test_cells.py,")


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[LocalPool[Any, Any]]:
    """Two workers, which have ended afterwards."""
    with local_pool(2, partial(attempt, simulate), lost, tmp_path / "log.txt") as made:
        yield made


def test_the_pool_answers_every_cell(pool: LocalPool[Any, Any], tmp_path: Path) -> None:
    """In two processes that live on; what goes wrong in a cell, or kills it, costs that cell only."""
    good = [replace(SCENARIO, seed=seed) for seed in range(4)]
    bad = [replace(SCENARIO, attack=attack, byzantine=1) for attack in ("nan", "huge")]

    answers = {answer.scenario: answer for answer in pool.run([*good[:2], *bad, *good[2:]])}

    assert {s: answers[s].trace for s in good} == {s: simulate(s) for s in good}
    assert answers[bad[0]].why == "no number"
    assert answers[bad[1]].why == f"its process died: exit code 7: see {tmp_path / 'log.txt'}"


def test_the_pool_ends_its_processes(tmp_path: Path) -> None:
    """Also those in the middle of a cell, when an interrupt comes."""
    pool = local_pool(2, partial(attempt, _forever), lost, tmp_path / "log.txt")
    with pytest.raises(KeyboardInterrupt), pool as opened, _interrupted(0.3):
        next(opened.run([SCENARIO, replace(SCENARIO, seed=1)]))
    assert multiprocessing.active_children() == []


def test_whoever_stops_asking_stops_the_workers(pool: LocalPool[Any, Any]) -> None:
    """And may ask again."""
    answers = pool.run([SCENARIO, replace(SCENARIO, seed=1), replace(SCENARIO, seed=2)])
    assert isinstance(next(answers), Answer)
    answers.close()
    assert [answer.scenario for answer in pool.run([SCENARIO])] == [SCENARIO]


def test_a_ray_cluster_where_nobody_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is told at once; Ray itself would try for minutes."""
    monkeypatch.setattr(ray_pool, "_ray", object)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with (
        pytest.raises(InfrastructureFault, match=f"no Ray cluster at 127.0.0.1:{port}: "),
        ray_pool.ray_pool(f"127.0.0.1:{port}", None, simulate),
    ):
        pass


def _bug(scenario: Scenario):
    return 1 / 0


def _forever(scenario: Scenario):
    signal.pause()


@contextmanager
def _interrupted(seconds: float) -> Iterator[None]:
    """As by Ctrl-C, after so many seconds."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)
