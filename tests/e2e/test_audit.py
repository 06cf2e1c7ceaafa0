"""The audit as its users have it: a finished run, a chain and a folder of blobs, another tool."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import decode

from authority.audit.place import Place
from node.evm import artifact
from sim.anvil import request
from sim.places import open_place
from tests.e2e.conftest import WAGGLE, Waggle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CAST = Path(__file__).parents[2] / "node_modules" / ".bin" / "cast"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run: five clinics, one of which flips its signs, four rounds."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    wishes = ("--nodes", "5", "--rounds", "4", "--byzantine", "sign-flip", "--json")
    subprocess.run(
        [WAGGLE, "up", "--dir", folder, *wishes],
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=200,
    )
    return folder


@pytest.fixture
def run(finished: Path, waggle: Waggle) -> Path:
    """A copy of it, to do something to."""
    shutil.copytree(finished, waggle.folder / "run")
    return waggle.folder / "run"


@pytest.fixture
def place(run: Path) -> Iterator[Place]:
    """Its chain, running again."""
    with open_place(run) as found:
        yield found


def blob(run: Path, digest: str, clinic: int = 1) -> Path:
    """Where a clinic has a blob."""
    return run / "nodes" / f"clinic-{clinic}" / "blobs" / digest


def test_the_history_can_be_filtered(run: Path, waggle: Waggle) -> None:
    """By round and by member, in short and in full."""
    rows = waggle.json("audit", "show", "run")
    assert [row["round"] for row in rows] == [0, 1, 2, 3]
    assert all(row["began"] <= row["ended"] and row["gas"] > 100_000 for row in rows)
    assert waggle.json("audit", "show", "run", "--round", 2) == [rows[2]]
    assert waggle.json("audit", "show", "run", "--node", "clinic-2", "--round", 1) == [rows[1]]
    full = waggle("audit", "show", "run", "--full")
    assert rows[3]["model"] in full
    assert rows[3]["receipt"] in full


def test_a_finished_run_is_followed_to_its_end(run: Path, waggle: Waggle) -> None:
    """A line a round, and that it is over."""
    lines = waggle("audit", "show", "run", "--follow").splitlines()
    assert [" round 0 " in lines[0], " round 3 " in lines[3]] == [True, True]
    assert lines[4] == "run 1 is closed: rounds done"


def test_an_audit_needs_two_addresses_and_blobs(place: Place, run: Path, waggle: Waggle) -> None:
    """No folder of anybody's; two endpoints are compared."""
    (rpc,), ledger = place.rpcs, place.network.ledger
    addressed = ("--rpc", rpc, "--rpc", rpc, "--ledger", ledger)
    found = waggle.json("audit", "replay", *addressed, "--blobs", run / "nodes" / "clinic-1" / "blobs")
    assert [one["good"] for one in found["rounds"]] == [True] * 4
    assert (found["record"], found["endpoints"]) == ([], [])


def test_what_was_done_is_told_of_a_member(run: Path, waggle: Waggle) -> None:
    """Its life, its influence, its contribution: the sign-flipper's is the least."""
    contributions = waggle.json("audit", "contributions", "run")
    by_worth = sorted(contributions["members"], key=lambda one: one["shapley"]["mean"])
    hostile = json.loads((run / "hostile.json").read_text())
    assert f"clinic-{by_worth[0]['member']}" in hostile
    assert contributions["permutations"] is None

    life = waggle.json("audit", "node", "clinic-1", "run")
    assert [part["what"] for part in life["parts"]] == ["merged"] * 4
    assert life["happened"][0]["by"].startswith("0x")
    reached = waggle.json("audit", "influence", "clinic-1", "run")
    assert [one["round"] for one in reached["reached"]] == [0, 1, 2, 3]
    assert "no member: there are clinic-1" in waggle("audit", "node", "bob", "run", code=2)


def test_tampering_is_found_and_reported(run: Path, waggle: Waggle) -> None:
    """One byte of one update, in every clinic's copy: the replay and the page name it."""
    rows = waggle.json("audit", "show", "run")
    digest = _update(waggle, rows[1])
    for clinic in range(1, 6):
        if (copy := blob(run, digest, clinic)).exists():
            copy.write_bytes(copy.read_bytes()[:-1] + b"\xff")
    assert "1 of 4 finalized rounds have findings" in waggle("audit", "replay", "run", code=1)
    said = waggle("audit", "report", "run", "--out", "report.html", code=1)
    assert "see report.html" in said
    page = (waggle.folder / "report.html").read_text()
    assert f"update {digest[:8]}: damaged in" in page


def test_an_erased_blob_is_no_alarm(run: Path, waggle: Waggle) -> None:
    """Every clinic erases one update: the audit ends well, and says what can't be redone."""
    digest = _update(waggle, waggle.json("audit", "show", "run")[0])
    for clinic in range(1, 6):
        waggle("node", "erase", f"run/nodes/clinic-{clinic}", digest, "--because", "withdrawn")
    said = waggle("audit", "replay", "run")
    assert "1 can't be redone, for blobs that were erased on purpose" in said
    assert "because: withdrawn" in said


def _update(waggle: Waggle, row: dict[str, Any]) -> str:
    """The digest of a round's first input, as its receipt names it."""
    receipt = json.loads(blob(waggle.folder / "run", row["receipt"]).read_bytes())
    return str(receipt["inputs"][0]["digest"])


def test_a_good_run_gets_a_good_page(run: Path, waggle: Waggle) -> None:
    """Written once, measured on held-out data; never over another page."""
    waggle("audit", "report", "run", "--out", "report.html")
    page = (waggle.folder / "report.html").read_text()
    assert "Balanced accuracy over rounds" in page
    assert "exists: choose another --out" in waggle(
        "audit", "report", "run", "--out", "report.html", code=2
    )


def test_an_altered_database_is_found(run: Path, waggle: Waggle) -> None:
    """By whoever audits the node's home."""
    database = run / "nodes" / "clinic-1" / "node.db"
    database.write_bytes(b"\0" * 100 + database.read_bytes()[100:])
    assert "a node's database was altered" in waggle("audit", "replay", "run", code=1)


def test_cast_tells_the_same_history_from_the_abi_alone(place: Place, waggle: Waggle) -> None:
    """Foundry's cast, given the address and an event of the committed ABI, and nothing of ours."""
    rows = waggle.json("audit", "show", "run")
    event = next(e for e in artifact("RoundLedger")["abi"] if e.get("name") == "RoundFinalized")
    types = [f"{i['type']}{' indexed' * i['indexed']} {i['name']}" for i in event["inputs"]]
    signature = f"RoundFinalized({','.join(types)})"
    where = ("--rpc-url", place.rpcs[0], "--from-block", "0", "--address", place.network.ledger)
    logs = json.loads(
        subprocess.run(
            [CAST, "logs", *where, "--json", signature], check=True, capture_output=True, timeout=60
        ).stdout
    )
    told = [decode(["bytes32", "bytes32"], bytes.fromhex(log["data"][2:])) for log in logs]
    assert [(model.hex(), receipt.hex()) for model, receipt in told] == [
        (row["model"], row["receipt"]) for row in rows
    ]
    assert len(request(place.rpcs[0], "eth_getCode", place.network.ledger, "latest")) > 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "what to audit? Give a FOLDER, or --rpc and --ledger"),
        (("--ledger", "0x" + "11" * 20), "--ledger goes with --rpc"),
        (("--rpc", "http://127.0.0.1:1", "--ledger", "nonsense"), "is no address"),
        (("run", "--run", 9), "there is no run 9"),
    ],
)
def test_wrong_use_is_one_line(run: Path, waggle: Waggle, options: tuple[Any, ...], said: str) -> None:
    """Exit code 2 and the remedy."""
    assert said in waggle("audit", "show", *options, code=2)


def test_a_ledger_that_is_none_is_named(place: Place, waggle: Waggle) -> None:
    """An account's address, and the registry's."""
    rpc = ("--rpc", place.rpcs[0], "--ledger")
    assert "there is no contract at" in waggle("audit", "show", *rpc, "0x" + "11" * 20, code=2)
    assert "is not a RoundLedger" in waggle("audit", "show", *rpc, place.network.registry, code=2)
