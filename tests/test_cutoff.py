"""A node behind a cable that a file unplugs."""

import pytest
import trio

from node.conduct import HONEST
from node.ledger import Phase, Reveal
from sim.cutoff import cut_off
from tests.swarm import PHASE_SECONDS, Swarm, on_virtual_time, quick_disk

__all__ = ["quick_disk"]
pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("quick_disk")]


def in_round(number):
    """Whether the run is in this round."""
    return lambda run: run.round is not None and run.round.number == number


@on_virtual_time
async def test_a_file_cuts_a_node_off(tmp_path):
    """It says and serves nothing while the file is there, and goes on when it is gone."""
    swarm, cable = Swarm(tmp_path, rounds=4), tmp_path / "cut"
    swarm[4].conduct = lambda: cut_off(HONEST, cable)

    async def unplugged():
        await swarm.until(lambda run: run.phase is Phase.COMMIT)
        cable.touch()
        await swarm.until(in_round(1))
        await trio.sleep(PHASE_SECONDS / 2)
        cable.unlink()

    run = await swarm.play(story=unplugged)
    assert swarm.finalized == [0, 1, 2, 3]
    assert 4 not in run.members_in(run.rounds[0].inputs)
    assert run.members_in(run.rounds[3].inputs) == (1, 2, 3, 4)


@on_virtual_time
async def test_nothing_is_served_over_a_cable_that_is_out(tmp_path):
    """An update revealed before that is withheld: nobody gets it."""
    swarm, cable = Swarm(tmp_path, rounds=1), tmp_path / "cut"
    swarm[4].conduct = lambda: cut_off(HONEST, cable)

    def unplug(call):
        if isinstance(call, Reveal):
            cable.touch()
            swarm[4].line.forge = lambda call: call
        return call

    swarm[4].line.forge = unplug

    async def plug_in_again():
        await swarm.until(lambda run: run.closed is not None)
        cable.unlink()

    run = await swarm.play(story=plug_in_again)
    assert (4 in run.rounds[0].revealed, run.members_in(run.rounds[0].inputs)) == (True, (1, 2, 3))
