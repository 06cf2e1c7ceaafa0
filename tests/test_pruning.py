"""A node that prunes drops what is long over, and is as good a node as one that keeps everything."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.blobs import DiskBlobs
from node.digest import Digest
from node.ledger import Phase, is_gossip
from node.pruning import droppable, needed_by
from node.serving import of_record
from node.state import Run
from tests.swarm import BASE, Swarm, on_virtual_time, quick_disk

__all__ = ["quick_disk"]
pytestmark = [pytest.mark.timeout(180), pytest.mark.usefixtures("quick_disk")]


def pruning(folder, keep, **options):
    """A swarm whose nodes all prune."""
    swarm = Swarm(folder, **options)
    for node in swarm.nodes.values():
        node.keep_rounds = keep
    return swarm


def kept(swarm, member):
    """What is on a member's disk, of all that the chain names."""
    return {name for name in of_record(swarm.run) if swarm[member].blob(name).exists()}


@pytest.mark.parametrize("keep", [1, 2])
def test_old_updates_and_models_are_dropped(tmp_path, keep):
    """Those of the newest rounds stay, and so do receipts and the run's base."""

    @on_virtual_time
    async def test():
        swarm = pruning(tmp_path, keep, rounds=4)
        run = await swarm.play()
        assert swarm.finalized == [0, 1, 2, 3]
        new = run.past[-keep:]
        receipts = {r.finalized.receipt for r in run.past}
        fresh = {r.digest for round_ in new for r in round_.revealed.values()}
        models = {r.finalized.merged for r in new} | {new[0].base, BASE}
        for member in swarm.nodes:
            assert kept(swarm, member) == receipts | fresh | models

    test()


@on_virtual_time
async def test_by_default_all_is_kept(tmp_path):
    """Pruning is the operator's decision."""
    swarm = Swarm(tmp_path, rounds=4)
    await swarm.play()
    assert all(kept(swarm, member) == set(of_record(swarm.run)) for member in swarm.nodes)


@on_virtual_time
async def test_an_update_that_was_never_revealed_is_dropped(tmp_path):
    """It was promised too late, so that no event names it."""
    swarm = pruning(tmp_path, 1, rounds=4)
    swarm[4].trainer.seconds = 150  # longer than the commit phase

    async def quick_again():
        await swarm.until(lambda run: len(run.past) == 1)
        swarm[4].trainer.seconds = 0

    await swarm.play(story=quick_again)
    named = set(of_record(swarm.run))
    assert set(DiskBlobs(swarm[4].blobs)) - named == set()


@on_virtual_time
async def test_the_model_stays_while_rounds_are_skipped(tmp_path):
    """However many rounds have passed since it was finalized: everybody trains from it."""
    swarm = pruning(tmp_path, 1, rounds=7, nodes=4)
    models = []

    async def nobody_trains():
        run = await swarm.until(lambda run: len(run.past) == 1)
        for node in swarm.nodes.values():
            node.trainer.fails = True
        models.append(run.model)
        await swarm.until(lambda run: len(run.past) == 5)
        assert swarm.run.model == models[0]
        assert swarm.holders(models[0]) == [1, 2, 3, 4]

    await swarm.play(story=nobody_trains)


ROUNDS = 5


@dataclass(frozen=True)
class Outcome:
    """How a story ended. here: what of all that the chain names is on each member's disk."""

    run: Run
    here: dict[int, set[Digest]]


faults = st.lists(
    st.tuples(
        st.integers(1, 4),  # who crashes
        st.integers(1, 4),  # in which round
        st.sampled_from([Phase.COMMIT, Phase.HOLD, Phase.ATTEST]),
        st.booleans(),  # whether its disk is lost
    ),
    max_size=2,
    unique_by=lambda fault: fault[0],
)


@settings(
    max_examples=8, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(keep=st.integers(1, 3), gossip=st.booleans(), faults=faults)
def test_who_prunes_takes_part_and_serves_what_it_must(keep, gossip, faults):
    """Whoever crashes and comes back, perhaps without its disk: rounds go on as with everything kept.

    At the end each has the last model and all that went into the last rounds, and nothing older.
    """
    found = outcome(keep, gossip, faults)
    lost = {member: number for member, number, _, disk_too in faults if disk_too and not gossip}
    done = [r for r in found.run.rounds if r.finalized or r.attested]
    assert len(done) >= ROUNDS - len(lost)
    for member, here in found.here.items():
        lived = found.run.lived_by(member)
        old = {name for round_ in lived.past for name in droppable(round_)}
        assert lived.model in here
        assert here & old <= needed_by(lived, keep)
        for round_ in lived.past[-keep:]:
            if member in round_.attested and round_.number > lost.get(member, -1):
                inputs = round_.finalized.inputs if gossip else round_.inputs
                merged = {round_.revealed[m].digest for m in lived.members_in(inputs)}
                assert merged <= here


def outcome(keep, gossip, faults):
    """A swarm of four in which nodes crash at some phase of some round, and come back at once."""
    found = []

    @on_virtual_time
    async def play():
        with tempfile.TemporaryDirectory() as folder:
            given = {"neighbours": 2, "merge": "gossip", "hostile": 0} if gossip else {}
            swarm = pruning(Path(folder), keep, rounds=ROUNDS, **given)
            for node in swarm.nodes.values():
                node.trainer.seconds = 5
            await swarm.play(story=lambda: mishaps(swarm, faults))
            here = {member: kept(swarm, member) for member in swarm.nodes}
            found.append(Outcome(swarm.run, here))

    play()
    return found[0]


async def mishaps(swarm, faults):
    """One after the other."""
    for member, number, phase, disk_too in sorted(faults, key=lambda fault: fault[1]):
        await swarm.until(partial(is_there, number, phase))
        if swarm.run.closed is None:
            swarm[member].crash()
            # In gossip runs nobody else has the own model, so a whole disk is another story.
            if disk_too and not is_gossip(swarm.number):
                swarm[member].lose_disk()
            swarm.start(member)


def is_there(number, phase, run):
    """Whether a run is in a phase of a round, or past it."""
    return run.closed is not None or (
        bool(run.rounds) and (run.rounds[-1].number, run.phase) >= (number, phase)
    )
