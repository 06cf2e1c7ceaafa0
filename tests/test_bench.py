"""The bench: what it takes, what it shows, and one real measurement."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from node.errors import WrongUse
from node.task import Site, load_task
from node.train import TorchTrainer
from sim.bench import memory as bench_memory
from sim.bench.cli import bench, params_of, size_of
from sim.bench.replay import run as replay_bench
from sim.bench.round import measure
from sim.bench.tables import blob_table, rounds_table
from sim.bench.task import source

RESULT = {
    "params": 4000,
    "finalized": 10,
    "merges_good": 10,
    "seconds": 0.25,
    "phases": {"commit": 0.07, "reveal": 0.05, "hold": 0.08, "attest": 0.05},
    "doings": {"sending": 0.1},
    "cpu": 0.4,
    "sent": 48_000,
    "received": 48_000,
    "gas": 238_000,
    "memory": {
        "kind": "pss",
        "by_node": {"clinic-1": 100_000_000, "clinic-2": 110_000_000},
        "nodes": 210_000_000,
        "chain": 20_000_000,
        "nodes_and_chain": 230_000_000,
        "all": 400_000_000,
    },
    "start_to_exit": 9.5,
}


def shown(table: object) -> str:
    """What a person sees of a table."""
    console = Console(width=120)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


@pytest.mark.parametrize(
    ("text", "params"),
    [("4e3", [4000]), ("4e3,4.3e6,25e6", [4000, 4_300_000, 25_000_000]), ("7, 1e0", [7, 1])],
)
def test_sizes_of_models(text: str, params: list[int]) -> None:
    """Whole numbers, in the short form too."""
    assert params_of(text) == params


@pytest.mark.parametrize("text", ["", "4e3,", "0", "-1", "1.5", "many", "2e9", "nan", "inf"])
def test_what_is_no_size_of_a_model(text: str) -> None:
    """Each is refused."""
    with pytest.raises(ValueError, match="give whole numbers"):
        params_of(text)


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("64K", 65_536), ("256M", 256 << 20), ("1g", 1 << 30)]
)
def test_sizes_of_blobs(text: str, size: int) -> None:
    """Units are powers of 1024."""
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "0", "M", "1.5M", "-1", "9G", "1T"])
def test_what_is_no_size_of_a_blob(text: str) -> None:
    """Each is refused."""
    with pytest.raises(ValueError, match="give a size"):
        size_of(text)


@pytest.mark.parametrize(
    "arguments", [["round", "--params", "none"], ["round", "--nodes", "0"], ["blob", "--size", "1X"]]
)
def test_wrong_use_is_exit_code_2(arguments: list[str]) -> None:
    """Before anything is started."""
    assert CliRunner().invoke(bench, arguments).exit_code == 2


def test_no_room_on_disk_is_said_before_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is needed, and nothing left behind."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(WrongUse, match=r"need .* GB in"):
        measure(64, 10**9, 1000, lambda line: None)
    assert list(tmp_path.iterdir()) == []


def test_the_table_has_a_column_for_each_size() -> None:
    """And a row for each figure."""
    text = shown(rounds_table(4, 10, [RESULT, {**RESULT, "params": 4_300_000}]))
    for part in ("4,000", "4,300,000", "0.250", "attest", "238,000", "230.0 MB", "9.5"):
        assert part in text


def test_the_blob_table_has_rates_and_ratios() -> None:
    """A row for each way."""
    rates = {"tcp": 4000.0, "tls": 1000.0, "stock": 100.0, "fast": 500.0}
    ratios = {"fast_to_tcp": 0.13, "fast_to_tls": 0.5, "fast_to_stock": 5.0}
    text = shown(blob_table({"size": 1000, "mb_per_second": rates, "ratios": ratios}))
    for part in ("tcp", "4,000", "0.13", "5.00"):
        assert part in text


def test_the_task_has_as_many_parameters_as_asked_for(tmp_path: Path) -> None:
    """And training changes them, by the seed."""
    (tmp_path / "bench.py").write_text(source((1 << 20) + 5))
    trainer = TorchTrainer(load_task(tmp_path / "bench.py"), Site())
    initial = trainer.initial(0)
    assert sum(array.size for array in initial.values()) == (1 << 20) + 5
    one, other = (trainer.fit(initial, seed).tensors["layers.1"] for seed in (1, 2))
    assert not (one == other).any()


@pytest.mark.skipif(bench_memory.measure() == "none", reason="the kernel doesn't tell")
def test_memory_and_family_of_this_process() -> None:
    """A child is found while it runs, and is gone afterwards."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        found = bench_memory.descendants(os.getpid())
        assert {os.getpid(), child.pid} <= set(found)
        sizes = bench_memory.memory(found, bench_memory.measure())
        assert sizes[os.getpid()] > 1 << 20
        child.communicate(b"\n")
    assert child.pid not in bench_memory.descendants(os.getpid())


@pytest.mark.slow
def test_a_real_measurement(tmp_path: Path) -> None:
    """All fields are there and make sense; nothing is left behind."""
    command = "bench round --nodes 2 --params 1e3 --rounds 2 --json"
    done = subprocess.run(
        [sys.executable, "-m", "waggle", *command.split()],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        timeout=110,
        check=True,
    )
    [result] = json.loads(done.stdout)["results"]
    assert result.keys() == RESULT.keys()
    assert (result["params"], result["finalized"], result["merges_good"]) == (1000, 2, 2)
    assert result["phases"].keys() == RESULT["phases"].keys()
    assert result["sent"] == result["received"] > 4000
    assert 0 < result["seconds"] < result["start_to_exit"]
    assert result["memory"].keys() == RESULT["memory"].keys()
    assert list(tmp_path.iterdir()) == []


def test_a_round_is_redone_beside_hashing_it() -> None:
    """The audit's bench replays a round that it made, and says what hashing alone takes."""
    result = replay_bench(4, 1000, lambda said: None)
    assert (result["inputs"], result["params"]) == (4, 1000)
    assert result["ratio"] == result["seconds"] / result["hashing"]
