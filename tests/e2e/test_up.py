"""`waggle up` as its user meets it: five processes, a real chain, real peer-to-peer links."""

from __future__ import annotations

import csv
import signal
from pathlib import Path

import pytest
from safetensors import safe_open
from sklearn.datasets import load_breast_cancer

from sim.anvil import request
from tests.e2e.conftest import Waggle, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_up_trains_audits_and_leaves_a_usable_model(waggle: Waggle) -> None:
    """One command gives a model that beats the typical clinic, and every merge replays."""
    result = waggle.json("up", "--seed", 1, "--dir", "run")

    assert (result["good"], result["finalized"], result["merges_good"]) == (True, 5, 5)
    alone = sorted(clinic["alone"] for clinic in result["clinics"])
    assert result["clinics"][0]["swarm"] > alone[2]
    assert all(clinic["received"] > 0 for clinic in result["clinics"])
    assert "5 of 5 merges redone" in waggle("audit", "replay", "run")
    assert waggle("audit", "show", "run").count("finalized") == 5
    assert {node["doing"] for node in waggle.json("status", "run")} == {"done"}
    _check_export(waggle, result)
    _check_predict(waggle)


def test_same_seed_gives_the_same_model(waggle: Waggle) -> None:
    """Twice in a row on one machine, the final digest is the same; another seed gives another."""
    runs = {
        name: waggle.json("up", "--nodes", 4, "--rounds", 2, "--seed", seed, "--dir", name)["model"]
        for name, seed in (("a", 7), ("b", 7), ("c", 8))
    }

    assert runs["a"] == runs["b"] != runs["c"]


def test_digits_merges_convolutions_and_integer_buffers(waggle: Waggle) -> None:
    """A convolutional network with BatchNorm trains, merges and replays."""
    result = waggle.json("up", "--task", "digits", "--nodes", 4, "--rounds", 2, "--dir", "run")

    assert (result["good"], result["merges_good"]) == (True, 2)


def test_a_plain_mean_says_that_it_withstands_nobody(waggle: Waggle) -> None:
    """A rule that tolerates fewer hostile updates than there may be says so where it is shown."""
    shown = waggle("up", "--merge", "mean", "--nodes", 4, "--rounds", 1, "--dir", "run")

    assert "withstands 0 hostile updates" in shown


def test_keep_running_shows_the_result_and_leaves_the_chain_on(waggle: Waggle) -> None:
    """The result comes first; then anybody may ask the chain, until Ctrl-C."""
    process = waggle.start("up", "--nodes", 4, "--rounds", 1, "--dir", "run", "--keep-running")
    (log,) = waggle.folder.glob("*.log")

    eventually(lambda: "Ctrl-C ends it" in log.read_text(), 60)
    said = log.read_text()
    rpc = next(word for word in said.split() if word.startswith("http://")).rstrip(";")

    assert "What joining gives" in said
    assert request(rpc, "eth_chainId") == hex(31337)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


@pytest.mark.parametrize("when", ["importing", "preparing", "training"])
def test_interrupting_leaves_no_orphan_and_no_broken_folder(waggle: Waggle, when: str) -> None:
    """Ctrl-C at any moment: exit code 130, nothing runs on, the folder is whole or gone."""
    run = waggle.folder / "run"
    signs = {
        "importing": run.exists,
        "preparing": (run / "authority" / "account.json").exists,
        "training": lambda: list(run.glob("nodes/*/status.json")),
    }
    process = waggle.start("up", "--dir", "run")

    eventually(signs[when], 60)
    process.send_signal(signal.SIGINT)

    assert process.wait(20) == 130
    eventually(lambda: not waggle.living(), 2)
    assert not run.exists() or waggle.json("status", "run")


def _check_export(waggle: Waggle, result: dict[str, object]) -> None:
    waggle("export", "run", "--out", "model.safetensors")
    with safe_open(waggle.folder / "model.safetensors", "np") as model:
        facts = model.metadata()
    assert (facts["digest"], facts["run"], facts["round"]) == (result["model"], "1", "4")
    assert "exists" in waggle("export", "run", "--out", "model.safetensors", code=2)


def _check_predict(waggle: Waggle) -> None:
    bunch = load_breast_cancer()
    _write(waggle.folder / "rows.csv", bunch.feature_names, bunch.data[:40])
    answers = waggle("predict", "run", "--input", "rows.csv").splitlines()[1:]
    wanted = [bunch.target_names[target] for target in bunch.target[:40]]
    right = sum(answer.split(",")[1] == name for answer, name in zip(answers, wanted, strict=True))
    assert right >= 34


def _write(path: Path, header: list[str], rows: list[list[float]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
