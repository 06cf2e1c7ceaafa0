"""`waggle audit` at a terminal: what is said of odd names, blobs and records, with which exit code."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace

import pytest
from click.testing import CliRunner

from authority.audit import reading
from authority.audit.place import Place
from node.ledger import Committed
from tests.swarm import RUN, played, quick_disk
from waggle import main

__all__ = ["quick_disk"]
pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("quick_disk")]

NAME = "[red]a[/nope] :smile:\x1b[31m\nb"
SHOWN = "[red]a[/nope] :smile: [31m b"


@pytest.fixture
def swarm(tmp_path):
    """A swarm of four whose two rounds are over; the second member has a name that is no name."""
    return played(tmp_path)


@pytest.fixture
def audit(swarm, tmp_path, monkeypatch):
    """Runs a command on the swarm. record: what the chain says; by default the truth."""

    def run(*args, record=None):
        record = record or swarm.record
        place = Place(("http://x",), record.network, (swarm[1].blobs,), names={2: NAME})

        async def read(rpcs, network):
            return record

        @contextmanager
        def opened(folder):
            yield place

        monkeypatch.setattr(reading, "read_record", read)
        return CliRunner().invoke(main, ["audit", *map(str, args)], obj=opened)

    return run


def update_of(swarm, member):
    """Where its first update lies."""
    return swarm[1].blob(swarm.run.rounds[0].revealed[member].digest)


def test_a_name_is_shown_as_it_is_and_on_one_line(audit, swarm, tmp_path):
    """Brackets are no markup, codes of a terminal don't reach it, whatever command says the name."""
    update_of(swarm, 2).unlink()
    for words in (("replay",), ("node", "2"), ("influence", "2"), ("node", "9")):
        done = audit(*words, tmp_path)
        assert SHOWN in done.output, (words, done.output, done.exception)
        assert "\x1b" not in done.output


def test_a_reason_for_an_erasure_is_no_markup(audit, swarm, tmp_path):
    """It may hold anything, too."""
    path = update_of(swarm, 2)
    path.unlink()
    note = {"erased": "2026-01-01", "because": "[bold]x[/nope]"}
    (path.parent / f".erased-{path.name}").write_text(json.dumps(note))
    done = audit("replay", tmp_path)
    assert "because: [bold]x[/nope]" in done.output
    assert done.exit_code == 0


def with_manifest(record, manifest):
    """The record, as if the run had been opened with another manifest."""
    run = replace(record.chronicle.runs[RUN], manifest=manifest)
    return replace(record, chronicle=replace(record.chronicle, runs={RUN: run}))


def one_json(done):
    """The single value on standard output."""
    return json.loads(done.stdout)


def test_a_manifest_that_is_rubbish_is_one_finding(audit, swarm, tmp_path):
    """What else is known of the run is told all the same, on the page, too."""
    record = with_manifest(swarm.record, b"rubbish")
    done = audit("replay", tmp_path, "--json", record=record)
    assert done.exit_code == 1
    assert [one["kind"] for one in one_json(done)["manifest"]] == ["manifest"]
    assert done.stderr.splitlines()[-1] == "waggle: the run's manifest can't be used"
    page = tmp_path / "page.html"
    assert audit("report", tmp_path, "--out", page, record=record).exit_code == 1
    assert "manifest can&#39;t be read" in page.read_text()
    for words in (("show",), ("node", "1"), ("influence", "1")):
        assert audit(*words, tmp_path, record=record).exit_code == 0


def test_a_manifest_without_a_rule_is_one_finding(audit, swarm, tmp_path):
    """A rule that nobody knows is as good as none."""
    manifest = swarm.run.manifest.replace(b'"trimmed-mean', b'"trimmed-hat')
    assert manifest != swarm.run.manifest
    done = audit("replay", tmp_path, record=with_manifest(swarm.record, manifest))
    assert (done.exit_code, "manifest: " in done.output) == (1, True)


def test_differing_endpoints_are_a_finding_of_every_command(audit, swarm, tmp_path):
    """Whatever was asked, the answer hangs on them; with JSON it is one value all the same."""
    record = replace(swarm.record, differences=("b lacks 1 of the logs",))
    for words in (("show",), ("replay",), ("node", "1"), ("influence", "1")):
        done = audit(*words, tmp_path, "--json", record=record)
        assert (words, done.exit_code) == (words, 1)
        assert one_json(done) is not None
        assert done.stderr.splitlines()[-1] == "waggle: b lacks 1 of the logs"


def test_contributions_that_cannot_be_told_are_json_where_it_was_asked_for(audit, swarm, tmp_path):
    """One value, whatever stopped it."""
    record = with_manifest(swarm.record, b"rubbish")
    done = audit("contributions", tmp_path, "--json", record=record)
    assert done.exit_code == 1
    assert one_json(done)["good"] is False


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--round", 7), "there is no round 7: the run has 2 until now"),
        (("--node", ""), "'' is no member"),
        (("--follow", "--json"), "--follow tells every round in a line"),
        (("--follow", "--round", 1), "--follow tells every round in a line"),
    ],
)
def test_what_cannot_be_shown_is_wrong_use(audit, tmp_path, words, said):
    """Instead of an empty table, or another one than was asked for."""
    done = audit("show", tmp_path, *words)
    assert (done.exit_code, said in done.stderr) == (2, True), done.output


def test_a_gossip_ledger_goes_with_a_ledger(audit, tmp_path):
    """A folder has its own; to leave the option unheeded would mislead."""
    done = audit("show", tmp_path, "--gossip-ledger", "0x" + "11" * 20)
    assert (done.exit_code, "--gossip-ledger goes with --ledger" in done.stderr) == (2, True)


@pytest.mark.parametrize("words", ["report", "export"])
def test_a_file_that_can_be_nowhere_is_told_before_the_work(audit, tmp_path, monkeypatch, words):
    """Nobody waits for an hour to hear it."""

    def worked(*args):
        raise AssertionError("it began")

    monkeypatch.setattr("authority.audit.reading.Reader.connected", worked)
    done = audit(words, tmp_path, "--out", tmp_path / "nowhere" / "file")
    assert (done.exit_code, "is no folder: make it" in done.stderr) == (2, True)


def test_privacy_is_told_in_epsilon(audit, swarm, tmp_path):
    """As people say it; the chain's unit is a millionth."""
    logged = tuple(
        replace(one, event=replace(one.event, privacy=1_500_000))
        if isinstance(one.event, Committed) and one.event.member == 3
        else one
        for one in swarm.logged
    )
    done = audit("node", "3", tmp_path, record=replace(swarm.record, logged=logged))
    assert ("epsilon" in done.output, " 1.5 " in done.output) == (True, True)
