"""Gossip runs with a hostile member: the others' rounds go on, and each of their merges replays."""

import pytest

from authority.audit.replay import replay
from sim.adversary.grammar import conduct_of
from sim.adversary.stage import Stage
from sim.world.lies import GOSSIP_LIES
from tests.swarm import Swarm, now, on_virtual_time, quick_disk

__all__ = ["quick_disk"]
pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("quick_disk")]

LIAR = 4
HONEST = {1, 2, 3, 5, 6, 7}


def gossip_with(folder, text, *members, rounds=2):
    """Seven that gossip, and these of them conspire."""
    swarm = Swarm(folder, nodes=7, rounds=rounds, merge="nna:f=1", hostile=1, neighbours=4)
    for member in members:
        swarm[member].conduct = lambda m=member: conduct_of(text, Stage(m, now, 3, members))
    return swarm


@pytest.mark.parametrize("text", GOSSIP_LIES)
def test_one_attacker_ends_nobody_and_no_round(tmp_path, text):
    """Every honest member attests in every round, and what it attested replays; no node fails."""

    @on_virtual_time
    async def test():
        swarm = gossip_with(tmp_path, text, LIAR)
        run = await swarm.play()
        assert [HONEST - r.attested.keys() for r in run.rounds] == [set(), set()]
        assert [node.ended for node in swarm.nodes.values()] == [None] * 7
        done = replay(swarm.record, run, [node.blobs for node in swarm.nodes.values()])
        assert [one.findings for one in done if one.member != LIAR and one.findings] == []

    test()


@on_virtual_time
async def test_a_false_attester_is_named_and_trains_on(tmp_path):
    """It merged strangers, it says; the next round finds it with the run's first model again."""
    swarm = gossip_with(tmp_path, "false-attest", LIAR)
    run = await swarm.play()
    assert [r.base for r in run.lived_by(LIAR).rounds] == [run.terms.base] * 2
    done = replay(swarm.record, run, [node.blobs for node in swarm.nodes.values()])
    assert {one.member for one in done if not one.good} == {LIAR}
