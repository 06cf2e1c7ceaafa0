"""What clumsy users give: one line that says what to do, exit code 2 or 1, and nothing half-written."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from node.config import Home, NodeConfig, SiteConfig, save_config
from node.durable import write_whole
from node.errors import DiskFull, WrongUse
from node.ledger import Address, Network
from node.progress import read_progress
from sim.devnet import STATE, reopened
from sim.folder import RunFile, RunFolder, save_run
from waggle import main

ADDRESS = "0x" + "0" * 40


def waggle(*args: object) -> Result:
    """A command's outcome."""
    return CliRunner().invoke(main, [str(arg) for arg in args])


def refused(*args: object, code: int = 2) -> str:
    """The one line that a command ends with."""
    done = waggle(*args)
    assert done.exit_code == code, (done.output, done.exception)
    assert isinstance(done.exception, SystemExit)
    (line,) = [line for line in done.stderr.splitlines() if line]
    return line.removeprefix("waggle: ")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run's folder with two nodes' homes that never ran."""
    folder = RunFolder(tmp_path / "run")
    folder.folder.mkdir()
    save_run(folder, RunFile("http://127.0.0.1:1", 1, "wdbc", 0, ("a", "b")))
    network = Network(1, Address(ADDRESS), Address(ADDRESS), bytes(32), 1)
    for home in folder.homes():
        save_config(home, NodeConfig(home.folder.name, "http://x", network, "wdbc", site=SiteConfig()))
    return folder


def commands(group: click.Group, *path: str) -> list[tuple[str, ...]]:
    """Every command, by its words."""
    found = []
    for name, command in group.commands.items():
        inner = isinstance(command, click.Group)
        found += [(*path, name), *(commands(command, *path, name) if inner else [])]
    return found


@pytest.mark.parametrize("words", commands(main), ids=" ".join)
def test_every_command_shows_an_example_and_refuses_unknown_options(words: tuple[str, ...]) -> None:
    """Help is enough to get going; a typo is wrong use."""
    assert "Example" in waggle(*words, "--help").output
    assert waggle(*words, "--bogus").exit_code == 2


BROKEN_RUN_FILES = {
    "no TOML": b"garb{",
    "no text": b"\xff\xfe",
    "empty": b"",
    "a run that is no number": b'rpc="x"\nrun="abc"\ntask="wdbc"\nseed=0\nnodes=["a"]',
    "nodes that are no names": b'rpc="x"\nrun=1\ntask="wdbc"\nseed=0\nnodes=[3]',
    "no nodes": b'rpc="x"\nrun=1\ntask="wdbc"\nseed=0\nnodes=[]',
}


@pytest.mark.parametrize("content", BROKEN_RUN_FILES.values(), ids=BROKEN_RUN_FILES)
@pytest.mark.parametrize("words", [("status",), ("audit", "show"), ("audit", "replay")], ids=" ".join)
def test_a_broken_run_file_is_named(run: RunFolder, words: tuple[str, ...], content: bytes) -> None:
    """Whatever asks for it."""
    run.file.write_bytes(content)

    assert f"{run.file} is not as `waggle up` wrote it" in refused(*words, run.folder)


@pytest.mark.parametrize("text", ["garbage", "[1]", "3", '{"round": "x"}', '{"phase": 1}', "null"])
def test_a_spoilt_status_file_is_as_good_as_none(run: RunFolder, text: str) -> None:
    """It is for people only; nothing depends on it."""
    run.homes()[0].status.write_text(text)

    assert read_progress(run.homes()[0].status) == {}
    assert [node["name"] for node in json.loads(waggle("status", run.folder, "--json").stdout)] == [
        "a",
        "b",
    ]
    assert "no finalized model yet" in refused("export", run.folder, "--out", "x", code=1)


def test_half_a_status_file_is_shown(run: RunFolder) -> None:
    """Fields that are not there are not needed."""
    run.homes()[0].status.write_text('{"round": 1}')

    assert waggle("status", run.folder).exit_code == 0


def test_a_lost_home_is_named_only_when_no_other_has_the_model(run: RunFolder) -> None:
    """One of several homes may be gone."""
    run.homes()[0].config.unlink()

    assert "is no node's home" in refused("export", run.folder, "--out", "x")


def test_a_run_whose_chain_state_is_lost_says_so_and_makes_no_other(tmp_path: Path) -> None:
    """An audit never writes to what it audits."""
    (tmp_path / STATE).write_text('{"broken": ')
    with pytest.raises(WrongUse, match="missing or broken off"), reopened(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [STATE]


@pytest.mark.parametrize(
    "rpc", ["", "notaurl", "ftp://x", "http://", "http://127.0.0.1:99999", "http://[::1"]
)
def test_an_rpc_that_is_no_web_address(tmp_path: Path, rpc: str) -> None:
    """It is wrong use, not an outage."""
    said = refused("authority", "deploy", "--rpc", rpc, "--home", tmp_path / "home")

    assert "must be like http://" in said


def test_nobody_at_the_rpc_address(tmp_path: Path) -> None:
    """An outage names the address, without the secrets in it."""
    said = refused(
        "authority", "deploy", "--rpc", "http://me:secret@127.0.0.1:1/t", "--home", tmp_path, code=1
    )

    assert said.startswith("http://127.0.0.1:1 doesn't answer")


CARDS = {
    "empty": ("{}", "lacks 'peer_key'"),
    "no JSON": ("x", "is no node's card"),
    "no address": (json.dumps({"peer_key": "00" * 32, "name": "a", "account": "0xzz"}), "no address"),
}


@pytest.mark.parametrize(("text", "said"), CARDS.values(), ids=CARDS)
def test_a_broken_card(tmp_path: Path, text: str, said: str) -> None:
    """Nothing is sent for it."""
    card = tmp_path / "card.json"
    card.write_text(text)

    assert said in refused("authority", "admit", card)


WRONG_TYPES = ["listen = 5", 'poll_seconds = "x"', "task = 5", 'threads = "many"', "name = 1"]


@pytest.mark.parametrize("line", WRONG_TYPES)
def test_a_setting_of_the_wrong_type(run: RunFolder, line: str) -> None:
    """It is named before the node starts, not when it is needed."""
    home = run.homes()[0]
    key = line.split()[0]
    kept = [old for old in home.config.read_text().splitlines() if not old.startswith(f"{key} =")]
    home.config.write_text("\n".join([line, *kept]))

    assert f"{home.config} can't be used: {key} = " in refused("node", "run", home.folder)


def test_a_task_that_is_not_there_is_told_before_anything_starts(tmp_path: Path) -> None:
    """And leaves no folder."""
    said = refused("up", "--task", tmp_path / "nope.py", "--dir", tmp_path / "run")

    assert "there is no task file" in said
    assert not (tmp_path / "run").exists()


def test_a_rule_that_needs_more_nodes_is_told_before_anything_starts(tmp_path: Path) -> None:
    """With the bound, and no chain nor folder."""
    said = refused("up", "--merge", "krum:f=1", "--nodes", 4, "--dir", tmp_path / "run")

    assert "krum:f=1 can work from 5 seats on (n >= 2f + 3), and there are 4" in said
    assert "chain at" not in said
    assert not (tmp_path / "run").exists()


def test_a_folder_that_exists_or_cannot_be(tmp_path: Path) -> None:
    """`up` touches nothing that is there."""
    (tmp_path / "file").touch()

    assert "choose another --dir" in refused("up", "--dir", tmp_path)
    assert "can't be made" in refused("up", "--dir", tmp_path / "file" / "run")


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves the old content and no debris."""
    write_whole(tmp_path / "file", b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskFull, match="no room left"):
        write_whole(tmp_path / "file", b"new")

    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"old")]


def test_a_place_that_cannot_be_written_is_the_users_to_choose(tmp_path: Path) -> None:
    """Wrong use, with the folder's name."""
    with pytest.raises(WrongUse, match="nowhere can't be written"):
        write_whole(tmp_path / "nowhere" / "file", b"x")


def test_a_home_is_no_run(tmp_path: Path) -> None:
    """An empty folder is wrong use everywhere."""
    for words in (("status",), ("audit", "show"), ("audit", "replay")):
        assert "is n" in refused(*words, tmp_path)
    assert "no node has run" in refused("node", "status", Home(tmp_path).folder)


@pytest.mark.parametrize("reason", ["", "x" * 201, "a\x1b[31mb", "two\nlines"])
def test_a_reason_for_a_rollback_is_a_line_that_can_be_shown(tmp_path: Path, reason: str) -> None:
    """It is on the chain for ever, and whoever audits reads it at a terminal."""
    said = refused("authority", "rollback", 4, "--run", 1, "--reason", reason, "--home", tmp_path)

    assert "--reason has 1 to 200 characters, in a line" in said
