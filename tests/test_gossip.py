"""Gossip runs: whole drivers on memory seams. Whatever some do, the others' models go on."""

import numpy as np
import pytest
import trio

from authority.audit.replay import replay
from node.blobs import DiskBlobs
from node.gossip.merging import neighbours_of
from node.ledger import FIRST_GOSSIP, Advance, AttestOwn, Commit, Enter, Phase, Reveal
from node.merge.gossips import REPLAYABLE
from node.receipt import Receipt
from node.weights import arrays
from tests.swarm import BASE, PHASE_SECONDS, Swarm, garbage, on_virtual_time, quick_disk

__all__ = ["quick_disk"]
pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("quick_disk")]

NODES, K = 7, 4


def gossip(folder, *, rounds=2, merge="nna:f=1", hostile=1, nodes=NODES, neighbours=K, **fields):
    """A swarm that gossips."""
    return Swarm(
        folder,
        nodes=nodes,
        rounds=rounds,
        merge=merge,
        hostile=hostile,
        neighbours=neighbours,
        **fields,
    )


def near(run, round_, member):
    """A member's neighbours in a round."""
    return neighbours_of(run, run.rounds[round_], K, member)


def merged(run, round_=0):
    """Whose updates each member merged in a round."""
    return {m: run.members_in(one.inputs) for m, one in run.rounds[round_].attested.items()}


def neighbourhoods(run, round_=0, without=()):
    """What each member would merge with everybody but some there."""
    members = run.members_in(run.rounds[round_].inputs)
    return {m: tuple(sorted({m, *near(run, round_, m)} - set(without))) for m in members}


@on_virtual_time
async def test_everybody_merges_its_neighbours(tmp_path):
    """Every round, nobody else's, at once, and each ends with a model of its own on its disk."""
    swarm = gossip(tmp_path, rounds=3)
    run = await swarm.play()
    assert [merged(run, r) for r in range(3)] == [neighbourhoods(run, r) for r in range(3)]
    assert [call for node in swarm.nodes.values() for call in node.line.of(Advance)] == []
    assert trio.current_time() < PHASE_SECONDS
    models = {m: run.lived_by(m).model for m in swarm.nodes}
    assert all(m in swarm.holders(model) for m, model in models.items())
    assert len(set(models.values())) > 1


@on_virtual_time
async def test_each_trains_on_from_its_own_model(tmp_path):
    """The base of a member's round is what it attested in the round before."""
    swarm = gossip(tmp_path, rounds=2)
    run = await swarm.play()
    for member in swarm.nodes:
        first, second = run.lived_by(member).rounds
        assert (first.base, second.base) == (BASE, run.rounds[0].attested[member].merged)
        receipt = Receipt.from_bytes(
            swarm[member].blob(run.rounds[1].attested[member].receipt).read_bytes()
        )
        assert (receipt.member, receipt.base) == (member, second.base)


@on_virtual_time
async def test_updates_go_to_neighbours_only(tmp_path):
    """Nobody has an update of somebody whom it doesn't hear."""
    swarm = gossip(tmp_path, rounds=1)
    run = await swarm.play()
    for author, revealed in run.rounds[0].revealed.items():
        heard = {author, *near(run, 0, author)}
        assert set(swarm.holders(revealed.digest)) == heard


@pytest.mark.parametrize("rule", REPLAYABLE)
def test_every_rule_replays(tmp_path, rule):
    """Each member's merge of each round, by the auditor's own hands."""

    @on_virtual_time
    async def test():
        swarm = gossip(tmp_path, merge=rule, hostile=0)
        run = await swarm.play()
        done = replay(swarm.record, run, [node.blobs for node in swarm.nodes.values()])
        assert [(one.round, one.member) for one in done] == [
            (r, m) for r in range(2) for m in range(1, NODES + 1)
        ]
        assert all(one.good for one in done)

    test()


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("kind", [Enter, Commit, Reveal, AttestOwn])
def test_a_crash_at_any_call(tmp_path, kind, moment):
    """A node that dies around a call and comes back goes on with the round and loses nothing."""

    @on_virtual_time
    async def test():
        swarm = gossip(tmp_path)
        node = swarm[2]
        setattr(node.line, f"crash_{moment}", kind)

        async def comes_back():
            await swarm.dead(2)
            node.line.crash_before = node.line.crash_after = None
            swarm.start(2)

        run = await swarm.play(story=comes_back)
        assert node.lives == 2
        assert [merged(run, r) for r in range(2)] == [neighbourhoods(run, r) for r in range(2)]
        assert node.trainer.fits == 2
        assert 2 in swarm.holders(run.lived_by(2).model)

    test()


@on_virtual_time
async def test_a_neighbour_that_serves_nobody(tmp_path):
    """It costs each round the phase at most, its neighbours merge without it, and it is benched."""
    swarm = gossip(tmp_path, rounds=3)
    swarm[4].serves = False
    run = await swarm.play()
    for r in range(3):
        found = merged(run, r)
        whole, without = neighbourhoods(run, r), neighbourhoods(run, r, without=[4])
        assert found == {m: whole[m] if m == 4 else without[m] for m in found}
    assert [bool(r.expected & run.bit(4)) for r in run.rounds] == [True, True, False]
    assert trio.current_time() < 2 * 2 * PHASE_SECONDS  # two rounds, and not to their deadlines


@on_virtual_time
async def test_an_update_withheld_from_one_comes_from_another(tmp_path):
    """Who merged it serves it, so that its author can't choose who gets it."""
    swarm = gossip(tmp_path, rounds=1, nodes=5)
    victim = swarm[1].key
    author = swarm[4]
    author.denies = victim
    run = await swarm.play()
    assert merged(run) == neighbourhoods(run)


@on_virtual_time
async def test_garbage_is_left_out(tmp_path):
    """What fails verification no neighbour merges; its author, who believes in it, is alone."""
    swarm = gossip(tmp_path, rounds=1)
    nan = np.full((2, 3), np.nan, np.float32)
    swarm[4].plant(0, garbage(4, run=FIRST_GOSSIP, w=nan))
    run = await swarm.play()
    found = merged(run)
    assert found == {m: inputs for m, inputs in neighbourhoods(run, without=[4]).items() if m != 4}


@on_virtual_time
async def test_too_few_neighbours_and_a_node_stays_alone(tmp_path):
    """Where the rule can't withstand what it must, the own update is the next model, bit for bit."""
    swarm = gossip(tmp_path, rounds=1, nodes=3, neighbours=2, merge="nna:f=1")
    swarm[3].serves = False
    run = await swarm.play()
    assert 1 in swarm.holders(run.rounds[0].revealed[2].digest)
    assert merged(run)[1] == (1,)
    blobs = DiskBlobs(swarm[1].blobs)
    own, model = run.rounds[0].revealed[1].digest, run.rounds[0].attested[1].merged
    assert {k: v.tobytes() for k, v in arrays(blobs.view(own)).items()} == {
        k: v.tobytes() for k, v in arrays(blobs.view(model)).items()
    }
    done = replay(swarm.record, run, [node.blobs for node in swarm.nodes.values()])
    assert all(one.good for one in done)


@on_virtual_time
async def test_the_absent_cost_deadlines_then_nothing(tmp_path):
    """A node that vanishes after entering is benched, and then nobody waits for it any more."""
    swarm = gossip(tmp_path, rounds=4)
    swarm[4].line.crash_after = Enter
    run = await swarm.play()
    assert [bool(r.expected & run.bit(4)) for r in run.rounds] == [True, True, False, False]
    assert all(len(r.attested) == NODES - 1 for r in run.rounds)


@on_virtual_time
async def test_a_revoked_member_leaves_at_once(tmp_path):
    """Its node ends, the round goes on, and what it had revealed may still be merged."""
    swarm = gossip(tmp_path, rounds=2)
    swarm[4].line.crash_before = AttestOwn

    async def revoke():
        await swarm.until(lambda run: run.round is not None and run.phase is Phase.ATTEST)
        await swarm.dead(4)
        swarm.revoke(4)

    run = await swarm.play(story=revoke)
    assert 4 not in run.rounds[0].attested
    assert 4 not in run.rounds[1].revealed
    assert sorted(run.rounds[1].attested) == [1, 2, 3, 5, 6, 7]


@on_virtual_time
async def test_a_model_lost_from_the_disk_is_merged_again(tmp_path):
    """Nobody else has it: its inputs come back from their authors, and give the same bytes."""
    swarm = gossip(tmp_path, rounds=2)
    swarm[2].line.crash_after = AttestOwn

    async def loses_it():
        await swarm.dead(2)
        swarm[2].line.crash_after = None
        model = swarm.run.rounds[0].attested[2].merged
        swarm[2].blob(model).unlink()
        for revealed in swarm.run.rounds[0].revealed.values():
            if revealed.member != 2:
                swarm[2].blob(revealed.digest).unlink(missing_ok=True)
        swarm.start(2)

    run = await swarm.play(story=loses_it)
    model = run.rounds[0].attested[2].merged
    assert 2 in swarm.holders(model)
    assert merged(run, 1) == neighbourhoods(run, 1)


@on_virtual_time
async def test_a_model_is_merged_again_without_the_one_before(tmp_path):
    """Who lost its disk has no older model either, and nobody else has: the updates are enough."""
    swarm = gossip(tmp_path, rounds=3)

    async def loses_all():
        await swarm.until(lambda run: len(run.rounds) == 3)
        swarm[2].crash()
        await swarm.dead(2)
        swarm[2].lose_disk()
        swarm.start(2)

    run = await swarm.play(story=loses_all)
    assert 2 in swarm.holders(run.rounds[1].attested[2].merged)
    assert 2 not in swarm.holders(run.rounds[0].attested[2].merged)
    done = replay(swarm.record, run, [node.blobs for node in swarm.nodes.values()])
    assert all(one.good for one in done)


@on_virtual_time
async def test_who_comes_late_starts_from_the_first_model(tmp_path):
    """A member that enters a run under way is drawn into neighbourhoods like anybody."""
    swarm = gossip(tmp_path, rounds=4, seats=6)

    async def comes():
        await swarm.until(lambda run: run.rounds and run.rounds[0].ended)
        swarm.start(7)

    run = await swarm.play(1, 2, 3, 4, 5, 6, story=comes)
    joined = next(r for r in run.lived_by(7).rounds if run.bit(7) & r.roster)
    assert joined.base == BASE
    assert 7 in joined.attested
    assert 7 in {m for inputs in merged(run, joined.number).values() for m in inputs}
