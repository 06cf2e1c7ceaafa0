"""`waggle audit export` and `verify`: what people and programs are told, and with which exit code."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace

import pytest
import trio
from click.testing import CliRunner
from eth_utils.crypto import keccak

from authority.audit.passport.frames import Kind
from authority.audit.place import Place
from node.evidence import RpcEvidence
from node.ledger import RunOpened
from tests.passports import export, forged, parts, passport, swarm
from tests.test_passport_chain import one_round
from waggle import main

__all__ = ["passport", "swarm"]
pytestmark = pytest.mark.timeout(60)


def waggle(*args, place=None):
    """A command's outcome. place: where any folder is."""

    @contextmanager
    def opened(folder):
        yield place

    return CliRunner().invoke(main, [str(arg) for arg in args], **({"obj": opened} if place else {}))


def fault(*args, code):
    """The one line that a command ends with."""
    done = waggle(*args)
    assert (done.exit_code, type(done.exception)) == (code, SystemExit)
    return done.stderr.splitlines()[-1].removeprefix("waggle: ")


def test_a_good_passport_says_what_it_proves_and_what_not(passport, swarm):
    """Run, model, block to compare, code hashes, merges, limits."""
    done = waggle("audit", "verify", passport)
    assert done.exit_code == 0
    for words in (
        "run 1 (swarm) of network",
        "4 members admitted, 4 with a seat; task fake, rule trimmed-mean",
        f"model {swarm.run.model.hex}, of round 1",
        "code of RoundLedger: hash ",
        "2 of 2 merges redone from their inputs, identical",
        "compare it with any other node of chain 31337",
        "not proven: that a clinic trained honestly",
    ):
        assert words in done.stdout


def test_as_json_it_is_one_value(passport, swarm):
    """For programs."""
    found = json.loads(waggle("audit", "verify", passport, "--json").stdout)
    assert (found["good"], found["findings"], found["model"]) == (True, [], swarm.run.model.hex)
    assert [one["block"] for one in found["compare"]] == [found["head"]]
    assert [one["good"] for one in found["merges"]] == [True, True]


def test_a_manifest_cant_write_on_the_terminal(swarm, tmp_path):
    """Whoever opened the run chose its name."""
    nasty = swarm.run.manifest.replace(b'"name":"swarm"', b'"name":"\\u001b[2Jgood"')
    opened = next(one for one in swarm.logged if isinstance(one.event, RunOpened))
    event = replace(opened.event, manifest=nasty, manifest_digest=keccak(nasty))
    logged = [replace(one, event=event) if one is opened else one for one in swarm.logged]
    export(swarm, tmp_path / "out", logged=logged)
    done = waggle("audit", "verify", tmp_path / "out")
    assert (done.exit_code, "run 1 (?[2Jgood)" in done.stdout) == (0, True)
    assert "\x1b" not in done.stdout


def test_a_forged_one_ends_with_exit_code_1(passport, tmp_path):
    """In one line; as JSON, too."""
    found = parts(passport)
    del found[[one[0] for one in found].index(Kind.RECEIPTS)]
    path = forged(tmp_path / "forged", found)
    assert "something is left out" in fault("audit", "verify", path, code=1)
    done = waggle("audit", "verify", path, "--json")
    assert json.loads(done.stdout)["good"] is False


def test_what_is_no_passport_ends_with_exit_code_2(tmp_path):
    """Wrong use is told apart from a bad passport."""
    (tmp_path / "file").write_bytes(b"waggle passport 9\n")
    assert "is a passport of format 9" in fault("audit", "verify", tmp_path / "file", code=2)
    assert "does not exist" in waggle("audit", "verify", tmp_path / "none").stderr


def test_a_finding_about_a_blob_ends_with_exit_code_1(swarm, tmp_path):
    """The proofs hold; the merge isn't confirmed."""
    gone = swarm.run.rounds[0].revealed[3].digest
    export(swarm, tmp_path / "out", blobs=True, without=gone)
    assert fault("audit", "verify", tmp_path / "out", code=1) == "1 of 2 merges have findings"


def test_an_endpoint_of_nobody_is_named(passport):
    """A passport that is good can still not be compared."""
    said = fault("audit", "verify", passport, "--rpc", "http://127.0.0.1:1", code=1)
    assert "http://127.0.0.1:1" in said


def test_from_a_chain_to_a_passport_and_back(anvil_world, tmp_path):
    """Export, verify, compare; then with a chain that says otherwise."""
    place, out = Place((anvil_world.url,), anvil_world.network), tmp_path / "out"
    with anvil_world.undone():
        trio.run(one_round, anvil_world)
        head = trio.run(RpcEvidence(anvil_world.url).height)
        made = waggle("audit", "export", tmp_path, "--out", out, place=place)
        same = waggle("audit", "verify", out, "--rpc", anvil_world.url)
        again = waggle("audit", "export", tmp_path, "--out", out, place=place)
    assert (made.exit_code, same.exit_code, again.exit_code) == (0, 0, 2)
    assert f"block {head} has hash " in made.stdout
    assert f"the same at {anvil_world.url}" in same.stdout
    assert "exists: choose another --out" in again.stderr
    with anvil_world.undone():
        anvil_world.request("anvil_mine", hex(99))
        said = fault("audit", "verify", out, "--rpc", anvil_world.url, code=1)
    assert said.startswith(f"block {head} is ")


def test_a_sparse_passport_as_json_lists_all_blocks_to_compare(anvil_world, tmp_path):
    """And says what it doesn't prove."""
    place, out = Place((anvil_world.url,), anvil_world.network), tmp_path / "out"
    with anvil_world.undone():
        trio.run(one_round, anvil_world)
        anvil_world.request("anvil_mine", hex(9))
        made = waggle("audit", "export", tmp_path, "--sparse", "--json", "--out", out, place=place)
        found = json.loads(waggle("audit", "verify", out, "--rpc", anvil_world.url, "--json").stdout)
    assert json.loads(made.stdout)["blocks"] == found["blocks"] < found["head"]
    assert [one["block"] for one in found["compare"]][-1] == found["head"]
    assert 2 <= len(found["compare"]) < found["blocks"]
    assert found["compared"] == [anvil_world.url]
    assert any("sparse" in what for what in found["not_proven"])
