"""`waggle up` with hostile clinics and failing processes: what becomes of them, and of the rounds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import WAGGLE, Waggle, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

SEVERAL = {
    "sign-flip:scale=10": "outweighed",
    "nan": "refused",
    "false-attest": "outvoted",
    "no-reveal": "timed out",
}


def test_the_demo_has_one_attacker_and_a_mean_that_fails(waggle: Waggle) -> None:
    """Five honest clinics learn with one that flips signs; the plain mean would have been guessing."""
    result = waggle.json("up", "--dir", "run")

    assert (result["good"], result["finalized"], result["merges_good"]) == (True, 5, 5)
    ((fate,), contrast) = result["hostile"], result["contrast"]
    assert (len(result["clinics"]), fate["attack"]) == (6, "sign-flip:scale=10")
    assert fate["verdict"] == "outweighed"
    assert contrast["mean"] < 0.6 < 0.9 < result["clinics"][0]["swarm"]
    assert json.loads((waggle.folder / "run/report.json").read_text())["hostile"] == result["hostile"]


def test_each_of_several_attackers_has_its_fate(waggle: Waggle) -> None:
    """Thirteen clinics, four kinds of attack: every round is finalized, and the table says why."""
    asked = [part for attack in SEVERAL for part in ("--byzantine", attack)]
    shown = waggle("up", *asked, "--rounds", 2, "--dir", "run", timeout=250)

    report = json.loads((waggle.folder / "run/report.json").read_text())
    fates = {fate["attack"]: fate["verdict"] for fate in report["hostile"]}
    assert (report["finalized"], report["merges_good"], len(report["clinics"])) == (2, 2, 13)
    assert fates == SEVERAL
    assert all(attack in shown for attack in SEVERAL)


def test_more_attackers_than_it_withstands_are_warned_of(waggle: Waggle) -> None:
    """It goes on, since seeing it break is what somebody wants; a mean that breaks says `succeeded`."""
    asked = ("--nodes", 4, "--byzantine", "sign-flip:scale=100:2", "--rounds", 3, "--dir", "run")
    shown = waggle("up", *asked, "--merge", "trimmed-mean", timeout=250)

    assert "Warning: 2 of 4 clinics attack, where 4 withstand 1" in shown
    assert "7 clinics withstand 2" in shown


def test_chaos_costs_no_finalized_round_its_replay(waggle: Waggle) -> None:
    """Clinics are killed, frozen and cut off, the chain frozen and restarted; all merges replay."""
    asked = ("--chaos", "--chaos-seed", 5, "--nodes", 7, "--rounds", 8, "--dir", "run")
    result = json.loads(waggle("up", *asked, "--json", timeout=350))

    assert result["finalized"] >= 1
    assert result["merges_good"] == result["merges"] == result["finalized"]
    assert (waggle.folder / "run/chaos.log").read_text().splitlines() == result["faults"]
    assert any("kills" in line for line in result["faults"])
    assert "merges redone" in waggle("audit", "replay", "run")


def frozen(waggle: Waggle) -> list[str]:
    """Processes of this test that are stopped."""
    stopped = []
    for process in Path("/proc").glob("[0-9]*"):
        if waggle._command(process):
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            stopped += [process.name] if state == "T" else []
    return stopped


def while_somebody_is_frozen(waggle: Waggle) -> subprocess.Popen[bytes]:
    """A swarm under chaos, at a moment at which one of its processes is stopped."""
    asked = ("--chaos", "--chaos-seed", 2, "--nodes", 7, "--rounds", 500, "--dir", "run")
    process = waggle.start("up", *asked)
    eventually(lambda: frozen(waggle), 120)
    return process


def test_ctrl_c_during_chaos_leaves_nobody_behind(waggle: Waggle) -> None:
    """Exit code 130; who was frozen is let go and ends like the others."""
    process = while_somebody_is_frozen(waggle)
    process.send_signal(signal.SIGINT)

    assert process.wait(30) == 130
    eventually(lambda: not waggle.living(), 5)
    assert waggle.json("status", "run")


def test_kill_9_during_chaos_leaves_nobody_frozen(waggle: Waggle) -> None:
    """Clinics and chain notice within seconds that they are alone, frozen ones too."""
    process = while_somebody_is_frozen(waggle)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(5)

    eventually(lambda: not waggle.living(), 20)


WRONG: dict[tuple[str, ...], str] = {
    ("--byzantine", "sing-flip"): "there is no attack 'sing-flip'; known: sign-flip, ",
    ("--byzantine", "nan:7", "--nodes", "6"): "7 attackers among 6 clinics",
    ("--byzantine", "none", "--byzantine", "nan"): "--byzantine none is for nobody: give it alone",
    ("--byzantine", "nan:0"): "how many clinics is a number from 1 to 99",
}


@pytest.mark.parametrize("asked", WRONG, ids=" ".join)
def test_wrong_attackers_are_refused_before_anything_starts(waggle: Waggle, asked: Any) -> None:
    """One line, exit code 2, no folder."""
    done = subprocess.run(
        [WAGGLE, "up", *asked, "--dir", "run"],
        cwd=waggle.folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert WRONG[asked] in done.stderr
    assert not (waggle.folder / "run").exists()
