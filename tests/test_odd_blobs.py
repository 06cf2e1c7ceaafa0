"""Folders and models that nobody would expect: each a finding, none the end of an audit."""

import os
from dataclasses import replace

import numpy as np
import pytest

from authority.audit.receipts import receipts_in
from authority.audit.replay import replay
from node.blobs import DiskBlobs
from node.digest import digest
from node.ledger import Attest
from node.weights import encode
from tests.swarm import BASE, INITIAL, Swarm, on_virtual_time, quick_disk

__all__ = ["quick_disk"]
pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("quick_disk")]


def played(folder, forge=lambda blobs, call: call, rounds=2):
    """A swarm of four whose rounds are over. forge: changes what every member attests."""
    swarms = []

    @on_virtual_time
    async def play():
        swarm = Swarm(folder, rounds=rounds)
        for node in swarm.nodes.values():
            node.line.forge = lambda call, node=node: (
                forge(DiskBlobs(node.blobs), call) if isinstance(call, Attest) else call
            )
        await swarm.play()
        swarms.append(swarm)

    play()
    return swarms[0]


def found(swarm, *folders):
    """Round and words of each finding."""
    done = replay(swarm.record, swarm.run, folders or [swarm[1].blobs])
    return [(one.round, each.what) for one in done for each in one.findings]


def odd(path, kind):
    """Put something that is no file where a blob was."""
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path)
    else:
        path.symlink_to("/dev/zero")


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "device"])
def test_what_is_no_file_is_no_copy(tmp_path, kind):
    """It is not waited for, nor read without end; a whole copy elsewhere is as good as ever."""
    swarm = played(tmp_path)
    name = swarm.run.rounds[0].revealed[2].digest
    odd(swarm[1].blob(name), kind)
    [(round_, what)] = found(swarm)
    assert (round_, what.split(":")[0]) == (0, f"update {name.short}")
    assert found(swarm, swarm[1].blobs, swarm[2].blobs) == []


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop"])
def test_a_receipt_that_is_no_file_is_not_waited_for(tmp_path, kind):
    """Whoever reads it goes on without."""
    swarm = played(tmp_path)
    name = swarm.run.rounds[0].finalized.receipt
    odd(swarm[1].blob(name), kind)
    assert receipts_in([swarm[1].blobs])(name) is None
    assert receipts_in([swarm[1].blobs, swarm[2].blobs])(name) is not None


NAN = encode({**INITIAL, "w": np.full((2, 3), np.nan, np.float32)})


@pytest.mark.parametrize("junk", [b"no model", NAN, encode({})], ids=["bytes", "nan", "empty"])
def test_a_base_that_is_no_model_is_a_finding(tmp_path, junk):
    """A majority of liars may finalize any bytes and go on; the audit tells the other rounds."""
    swarm = played(tmp_path)
    DiskBlobs(swarm[1].blobs).put(junk)
    first, second = swarm.run.rounds
    run = replace(swarm.run, past=(first, replace(second, base=digest(junk))))
    done = replay(swarm.record, run, [swarm[1].blobs])
    assert [one.good for one in done] == [True, False]


def test_a_base_that_a_later_round_is_said_to_give_is_not_waited_for(tmp_path):
    """Liars finalize the initial model, of which no copy is left: the audit ends all the same."""
    swarm = played(tmp_path, lambda blobs, call: replace(call, merged=BASE) if call.round else call)
    swarm[1].blob(BASE).unlink()
    assert swarm.run.rounds[1].finalized.merged == BASE
    rounds = dict(found(swarm))
    assert rounds[0] == f"base {BASE.short}: no copy was found"
