"""`waggle audit` at a terminal: what is said whatever names and blobs hold, and with which exit code."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace

import pytest
from click.testing import CliRunner

from authority.audit import reading
from authority.audit.place import Place
from tests.swarm import Swarm, on_virtual_time, quick_disk
from waggle import main

__all__ = ["quick_disk"]
pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("quick_disk")]

NAME = "[red]a[/nope] :smile:\x1b[31m\nb"
SHOWN = "[red]a[/nope] :smile: [31m b"


@pytest.fixture
def swarm(tmp_path):
    """A swarm of four whose two rounds are over; the second member has a name that is no name."""
    swarms = []

    @on_virtual_time
    async def play():
        swarms.append(Swarm(tmp_path, rounds=2))
        await swarms[0].play()

    play()
    return swarms[0]


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
    assert (0, True) == (done.exit_code, "because: [bold]x[/nope]" in done.output)
