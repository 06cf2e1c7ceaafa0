"""Whole drivers on memory seams: rounds finalize, whatever happens to some of the nodes."""

import json
import logging
from typing import get_args

import numpy as np
import pytest
import trio

from node import round as story
from node.blobs import DiskBlobs
from node.database import DiskDatabase
from node.driver import RETRY_SECONDS
from node.errors import Damaged, DiskFull, WrongUse
from node.ledger import (
    Advance,
    Attest,
    Commit,
    Enter,
    Hold,
    Phase,
    PhaseAdvanced,
    Reveal,
    Revoke,
    RoundOpened,
)
from node.progress import DOING
from node.receipt import Receipt
from node.weights import encode
from tests.swarm import BASE, INITIAL, PHASE_SECONDS, RUN, Swarm, garbage, on_virtual_time, quick_disk

__all__ = ["quick_disk"]
pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("quick_disk")]


def commitments(node):
    """What a node promised, by round: one for each, however often it was sent."""
    promised = {}
    for call in node.line.of(Commit):
        promised.setdefault(call.round, set()).add(call.commitment)
    return promised


def in_phase(round_, phase):
    """Whether the run is in a phase of a round."""
    return lambda run: run.round is not None and (run.round.number, run.phase) == (round_, phase)


def finalized(count):
    """Whether as many rounds are finalized."""
    return lambda run: sum(r.finalized is not None for r in run.rounds) >= count


@on_virtual_time
async def test_nobody_is_made_to_fetch_a_mountain(tmp_path):
    """What is far larger than an update of this run is never fetched, and fills nobody's disk."""
    swarm = Swarm(tmp_path, rounds=1)
    mountain = swarm[4].plant(0, bytes(3 << 20))
    run = await swarm.play()
    assert run.members_in(run.rounds[0].inputs) == (1, 2, 3)
    assert not any(swarm[honest].blob(mountain).exists() for honest in (1, 2, 3))


@on_virtual_time
async def test_a_restart_late_in_the_hold_phase_still_vouches(tmp_path):
    """What was verified before a crash is read again before the vote, however late it is."""
    swarm = Swarm(tmp_path, rounds=1)
    swarm[3].line.crash_before = Hold
    swarm[4].line.cut_before = Hold  # so that the phase lasts until its deadline

    async def come_back_late():
        await swarm.dead(3)
        await trio.sleep(0.9 * PHASE_SECONDS)
        swarm[3].line.crash_before = None
        swarm.start(3)
        await trio.sleep(0.3 * PHASE_SECONDS)
        swarm[4].line.cut = False

    run = await swarm.play(story=come_back_late)
    assert run.rounds[0].held[3] == sum(run.bit(m) for m in (1, 2, 3, 4))


@on_virtual_time
async def test_who_was_away_at_the_end_gets_the_final_model(tmp_path):
    """A node started after the run has closed fetches what the others made."""
    swarm = Swarm(tmp_path, rounds=2)

    async def come_late():
        await swarm.until(lambda run: run.rounds and run.rounds[0].finalized)
        swarm[4].crash()
        run = await swarm.until(lambda run: run.closed is not None)
        assert not swarm[4].blob(run.model).exists()
        swarm.start(4)

    run = await swarm.play(story=come_late)
    assert swarm[4].blob(run.model).exists()


@on_virtual_time
async def test_who_trains_too_long_still_holds_and_attests(tmp_path):
    """A slow clinic misses the commitment, not its vote, and begins no second training meanwhile."""
    swarm = Swarm(tmp_path, rounds=2)
    swarm[4].trainer.seconds = 2.5 * PHASE_SECONDS
    run = await swarm.play()
    first = run.rounds[0]
    assert run.members_in(first.inputs) == (1, 2, 3)
    assert (4 in first.held, 4 in first.attested) == (True, True)
    assert swarm[4].trainer.fits <= 1


@on_virtual_time
async def test_rounds_finalize(tmp_path):
    """Every round is finalized, and all nodes hold the same final bytes."""
    swarm = Swarm(tmp_path, rounds=3)
    run = await swarm.play()
    assert swarm.finalized == [0, 1, 2]
    assert swarm.holders(run.model) == [1, 2, 3, 4]


@on_virtual_time
async def test_no_deadline_passes_when_all_are_there(tmp_path):
    """With everybody present nobody advances, and all updates are inputs."""
    swarm = Swarm(tmp_path, rounds=3)
    run = await swarm.play()
    assert [call for node in swarm.nodes.values() for call in node.line.of(Advance)] == []
    assert [run.members_in(r.inputs) for r in run.rounds] == [(1, 2, 3, 4)] * 3
    assert trio.current_time() < PHASE_SECONDS


@on_virtual_time
async def test_everybody_attests(tmp_path):
    """Those who come after the quorum attest as well, the last round included."""
    swarm = Swarm(tmp_path, rounds=2)
    run = await swarm.play()
    assert [sorted(r.attested) for r in run.rounds] == [[1, 2, 3, 4]] * 2
    assert [r.disputed for r in run.rounds] == [(), ()]


@on_virtual_time
async def test_a_swarm_of_one(tmp_path):
    """The smallest run is one node that attests its own merge."""
    swarm = Swarm(tmp_path, nodes=1, rounds=2)
    await swarm.play()
    assert swarm.finalized == [0, 1]


@on_virtual_time
async def test_nothing_is_said_before_blocks_are_deep_enough(tmp_path):
    """With confirmations, each call answers what the chain said that many blocks ago, or before."""
    deep, said = 3, []
    swarm = Swarm(tmp_path, rounds=2, confirmations=deep)
    for node in swarm.nodes.values():
        node.line.forge = lambda call: said.append((call, swarm.chain.head.number)) or call

    async def blocks():
        while swarm.run.closed is None:
            swarm.chain.mine()
            await trio.sleep(2)
        for _ in range(deep):
            swarm.chain.mine()

    await swarm.play(story=blocks)
    began = {(e.round, kind): one.block for one in swarm.logged for kind, e in phases(one.event)}
    waited = [at - began[call.round, type(call)] for call, at in said if type(call) is not Enter]
    assert swarm.finalized == [0, 1]
    assert len(waited) == 4 * 4 * 2
    assert min(waited) == deep


def phases(event):
    """Which calls a phase takes that this event begins."""
    kinds = {Phase.REVEAL: Reveal, Phase.HOLD: Hold, Phase.ATTEST: Attest}
    if isinstance(event, RoundOpened):
        yield Commit, event
    if isinstance(event, PhaseAdvanced) and event.phase in kinds:
        yield kinds[event.phase], event


@on_virtual_time
async def test_one_commitment_each_round(tmp_path):
    """Each call is sent once a round."""
    swarm = Swarm(tmp_path, rounds=2)
    await swarm.play()
    for kind in (Commit, Reveal, Hold, Attest):
        assert [call.round for call in swarm[1].line.of(kind)] == [0, 1]


@on_virtual_time
async def test_the_absent_cost_deadlines_then_nothing(tmp_path):
    """A node that vanishes after entering is benched, and then nobody waits for it any more."""
    swarm = Swarm(tmp_path, rounds=5)
    swarm[4].line.crash_after = Enter
    run = await swarm.play()
    assert swarm.finalized == [0, 1, 2, 3, 4]
    waited = [bool(r.expected & run.bit(4)) for r in run.rounds]
    assert waited == [True, True, False, False, False]
    assert all(run.members_in(r.inputs) == (1, 2, 3) for r in run.rounds)


@on_virtual_time
async def test_a_node_that_never_enters(tmp_path):
    """The run begins without it once the time for entering is over."""
    swarm = Swarm(tmp_path, rounds=2)
    await swarm.play(1, 2, 3)
    assert swarm.finalized == [0, 1]
    assert trio.current_time() >= PHASE_SECONDS


@on_virtual_time
async def test_too_few_skip_rounds_until_the_run_ends(tmp_path):
    """Without enough nodes each round is skipped after its deadline, and the run still ends."""
    swarm = Swarm(tmp_path, rounds=3)
    swarm[3].line.crash_after = swarm[4].line.crash_after = Enter
    run = await swarm.play()
    assert swarm.finalized == []
    assert run.closed is not None
    assert [r.base for r in run.rounds] == [BASE] * 3


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("kind", [Enter, Commit, Reveal, Hold, Attest])
def test_a_crash_at_any_call(tmp_path, kind, moment):
    """A node that dies around a call and comes back goes on with the round and loses nothing."""

    @on_virtual_time
    async def test():
        swarm = Swarm(tmp_path, rounds=2)
        node = swarm[2]
        setattr(node.line, f"crash_{moment}", kind)

        async def comes_back():
            await swarm.dead(2)
            node.line.crash_before = node.line.crash_after = None
            swarm.start(2)

        run = await swarm.play(story=comes_back)
        assert node.lives == 2
        assert swarm.finalized == [0, 1]
        assert [run.members_in(r.inputs) for r in run.rounds] == [(1, 2, 3, 4)] * 2
        assert {round_: len(made) for round_, made in commitments(node).items()} == {0: 1, 1: 1}
        assert swarm.holders(run.model) == [1, 2, 3, 4]
        assert node.trainer.fits == 2

    test()


@on_virtual_time
async def test_a_long_absence(tmp_path):
    """A node that was away for rounds is benched, enters again, catches up and takes part."""
    swarm = Swarm(tmp_path, rounds=8)
    swarm[4].line.crash_after = Reveal

    async def comes_back():
        await swarm.until(in_phase(4, Phase.HOLD))
        swarm[4].line.crash_after = None
        swarm.start(4)

    run = await swarm.play(story=comes_back)
    assert list(range(8)) == swarm.finalized
    assert run.members_in(run.rounds[-1].inputs) == (1, 2, 3, 4)
    assert swarm.holders(run.model) == [1, 2, 3, 4]
    assert {1} == {len(made) for made in commitments(swarm[4]).values()}


@on_virtual_time
async def test_a_damaged_promise_is_never_replaced(tmp_path):
    """A node whose promised update is lost sits the round out: a second one would be another answer."""
    swarm = Swarm(tmp_path, rounds=2)
    node = swarm[2]
    node.line.crash_after = Commit

    async def comes_back():
        await swarm.dead(2)
        promised = next(p for p in node.blobs.iterdir() if p.name != BASE.hex)
        promised.write_bytes(b"damaged")
        node.line.crash_after = None
        swarm.start(2)

    run = await swarm.play(story=comes_back)
    assert swarm.finalized == [0, 1]
    assert [run.members_in(r.inputs) for r in run.rounds] == [(1, 3, 4), (1, 2, 3, 4)]
    assert {round_: len(made) for round_, made in commitments(node).items()} == {0: 1, 1: 1}
    assert [call.round for call in node.line.of(Reveal)] == [1]


@on_virtual_time
async def test_failed_training_still_attests(tmp_path):
    """A node whose training gives NaN promises nothing, but holds, merges and attests."""
    swarm = Swarm(tmp_path, rounds=1)
    swarm[3].trainer.fails = True
    run = await swarm.play()
    assert swarm[3].line.of(Commit) == []
    assert run.members_in(run.rounds[0].inputs) == (1, 2, 4)
    assert {1, 2, 3, 4} == run.rounds[0].attested.keys()
    assert swarm[3].trainer.fits == 1


@on_virtual_time
async def test_a_member_revoked_while_updates_travel(tmp_path):
    """Its update is out, the run goes on, and its own node ends with one clear line."""
    swarm = Swarm(tmp_path, nodes=5, rounds=2)
    swarm[5].serves = False

    async def revoke():
        await swarm.until(in_phase(0, Phase.HOLD))
        swarm.revoke(5)

    run = await swarm.play(story=revoke)
    assert swarm.finalized == [0, 1]
    assert [run.members_in(r.inputs) for r in run.rounds] == [(1, 2, 3, 4)] * 2
    assert isinstance(swarm[5].ended, WrongUse)
    assert (
        str(swarm[5].ended)
        == "this member was revoked: ask the authority why; it needs a new admission"
    )
    assert trio.current_time() < PHASE_SECONDS


BAD_UPDATES = {
    "shape": garbage(4, w=np.zeros((3, 2), np.float32)),
    "dtype": garbage(4, seen=np.array(0, np.int32)),
    "extra tensor": garbage(4, more=np.zeros(1, np.float32)),
    "NaN": garbage(4, w=np.full((2, 3), np.nan, np.float32)),
    "too large": garbage(4, w=np.full((2, 3), 1e6, np.float32)),
    "another's mark": garbage(3),
    "another round's mark": garbage(4, round_=1),
    "no safetensors": b"no tensors at all",
    "nothing": b"",
}


@pytest.mark.parametrize("data", BAD_UPDATES.values(), ids=BAD_UPDATES)
def test_garbage_is_not_held(tmp_path, data):
    """An update that fails verification is no input; its author's round costs nobody else anything."""

    @on_virtual_time
    async def test():
        swarm = Swarm(tmp_path, rounds=1)
        planted = swarm[4].plant(0, data)
        run = await swarm.play()
        assert not any(swarm[honest].blob(planted).exists() for honest in (1, 2, 3))
        assert {1, 2, 3, 4} == run.rounds[0].revealed.keys()
        assert run.members_in(run.rounds[0].inputs) == (1, 2, 3)
        assert swarm.finalized == [0]
        assert trio.current_time() < PHASE_SECONDS

    test()


@on_virtual_time
async def test_one_digest_revealed_by_two(tmp_path):
    """Colluders who reveal the same bytes get one input, the one whose mark is right."""
    swarm = Swarm(tmp_path, nodes=7, rounds=1)
    shared = garbage(6)
    swarm[6].plant(0, shared)
    swarm[7].plant(0, shared)
    run = await swarm.play()
    assert run.members_in(run.rounds[0].inputs) == (1, 2, 3, 4, 5, 6)
    assert swarm.finalized == [0]
    assert [node.ended for node in swarm.nodes.values()] == [None] * 7


@on_virtual_time
async def test_a_withholding_author(tmp_path):
    """An update that its author serves to nobody is no input; the others don't wait past a deadline."""
    swarm = Swarm(tmp_path, rounds=1)
    swarm[4].serves = False
    run = await swarm.play()
    assert run.members_in(run.rounds[0].inputs) == (1, 2, 3)
    assert swarm.finalized == [0]
    assert {1, 2, 3, 4} == run.rounds[0].held.keys()
    assert trio.current_time() < 2 * PHASE_SECONDS


@on_virtual_time
async def test_the_receipt_names_who_was_left_out(tmp_path):
    """Inputs, and whose update was revealed but is none."""
    swarm = Swarm(tmp_path, rounds=1)
    swarm[4].serves = False
    run = await swarm.play()
    data = swarm[1].blob(run.rounds[0].finalized.receipt).read_bytes()
    receipt = Receipt.from_bytes(data)
    assert ([item.member for item in receipt.inputs], receipt.left_out) == ([1, 2, 3], (4,))


@on_virtual_time
async def test_an_author_who_dies_after_revealing(tmp_path):
    """Nobody has its update, so the round goes on without it."""
    swarm = Swarm(tmp_path, rounds=1)
    swarm[4].line.crash_after = Reveal
    run = await swarm.play()
    assert run.members_in(run.rounds[0].inputs) == (1, 2, 3)
    assert swarm.finalized == [0]


@on_virtual_time
async def test_inputs_come_from_holders_when_the_author_is_gone(tmp_path):
    """Who missed an input while its author lived gets it from somebody who holds it."""
    swarm = Swarm(tmp_path, rounds=1)
    swarm[1].line.crash_before = Hold
    swarm[4].line.crash_after = Hold

    async def comes_back():
        await swarm.until(in_phase(0, Phase.ATTEST))
        for path in list(swarm[1].blobs.iterdir()):
            if path.name != BASE.hex:
                path.unlink()
        swarm[1].line.crash_before = None
        swarm.start(1)

    run = await swarm.play(story=comes_back)
    assert run.members_in(run.rounds[0].inputs) == (1, 2, 3, 4)
    assert {1, 2, 3} == run.rounds[0].attested.keys()
    assert swarm.finalized == [0]


@on_virtual_time
async def test_a_wrong_attestation_is_disputed(tmp_path):
    """A node that attests something else is on record, and goes on with what the quorum got."""
    swarm = Swarm(tmp_path, rounds=2)
    lie = DiskBlobs(swarm.folder / "lie").put(b"another model")

    def forge(call):
        return Attest(RUN, 0, lie, lie) if isinstance(call, Attest) and call.round == 0 else call

    swarm[2].line.forge = forge
    run = await swarm.play()
    assert swarm.finalized == [0, 1]
    assert [r.disputed for r in run.rounds] == [(2,), ()]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("kind", [Commit, Reveal, Hold, Attest])
def test_a_lost_disk_at_any_call(tmp_path, kind, moment):
    """With keys alone a node promises nothing in the round under way, but says what it holds; from the
    next round on it is an input again."""

    @on_virtual_time
    async def test():
        swarm = Swarm(tmp_path, rounds=4)
        node = swarm[2]

        async def comes_back_without():
            await swarm.until(in_phase(1, Phase.COMMIT))
            setattr(node.line, f"crash_{moment}", kind)
            await swarm.dead(2)
            node.line.crash_before = node.line.crash_after = None
            node.lose_disk()
            node.trainer.samples += 1  # a second update for one base would be another one
            swarm.start(2)

        run = await swarm.play(story=comes_back_without)
        assert swarm.finalized == [0, 1, 2, 3]
        assert {1} == {len(made) for made in commitments(node).values()}
        assert 2 in run.rounds[1].held
        assert run.members_in(run.rounds[3].inputs) == (1, 2, 3, 4)
        assert swarm.holders(run.model) == [1, 2, 3, 4]

    test()


@on_virtual_time
async def test_a_lost_disk_is_not_forgotten_by_a_second_restart(tmp_path):
    """No later life promises in a round that was under way when the database was made: it attests."""
    swarm = Swarm(tmp_path, rounds=2)
    node = swarm[2]

    async def comes_back_twice():
        node.line.crash_before = Commit
        await swarm.dead(2)
        node.line.crash_before = None
        node.lose_disk()
        node.trainer.samples += 1
        swarm.start(2)
        await trio.sleep(1)
        node.crash()
        await trio.sleep(1)
        swarm.start(2)

    run = await swarm.play(story=comes_back_twice)
    assert {round_: len(made) for round_, made in commitments(node).items()} == {0: 1, 1: 1}
    assert [run.members_in(r.inputs) for r in run.rounds] == [(1, 3, 4), (1, 2, 3, 4)]
    assert 2 in run.rounds[0].attested


@on_virtual_time
async def test_a_disk_lost_before_the_first_round(tmp_path):
    """While the run is entering nothing was promised: such a node takes part from round 0 on."""
    swarm = Swarm(tmp_path, rounds=1)
    swarm[2].line.crash_after = Enter

    async def comes_back_without():
        await swarm.dead(2)
        swarm[2].line.crash_after = None
        swarm[2].lose_disk()
        for member in swarm.nodes:
            swarm.start(member)

    run = await swarm.play(2, story=comes_back_without)
    assert run.members_in(run.rounds[0].inputs) == (1, 2, 3, 4)


@pytest.mark.parametrize("ruin", ["missing", "damaged"])
def test_a_lost_base_is_fetched_again(tmp_path, ruin):
    """A node that comes back without a good copy of the base gets it from its peers."""

    @on_virtual_time
    async def test():
        swarm = Swarm(tmp_path, rounds=2)
        node = swarm[2]

        async def lose_it():
            run = await swarm.until(in_phase(1, Phase.COMMIT))
            node.crash()
            path = node.blob(run.round.base)
            path.unlink(missing_ok=True)
            if ruin == "damaged":
                path.write_bytes(b"damaged")
            await swarm.until(in_phase(1, Phase.COMMIT))
            swarm.start(2)

        run = await swarm.play(story=lose_it)
        assert swarm.finalized == [0, 1]
        assert run.members_in(run.rounds[1].inputs) == (1, 2, 3, 4)
        assert swarm.holders(run.rounds[1].base) == [1, 2, 3, 4]

    test()


@on_virtual_time
async def test_an_update_lost_before_the_merge(tmp_path):
    """A blob that goes away between verifying and merging is fetched again."""
    swarm = Swarm(tmp_path, rounds=1)
    node, lost = swarm[2], []

    def lose(call):
        if isinstance(call, Hold) and not lost:
            run = swarm.run
            lost.append(run.round.revealed[1].digest)
            node.blob(lost[0]).unlink()
        return call

    node.line.forge = lose
    run = await swarm.play()
    assert swarm.holders(lost[0]) == [1, 2, 3, 4]
    assert {1, 2, 3, 4} == run.rounds[0].attested.keys()


@on_virtual_time
async def test_a_base_that_nobody_has(tmp_path):
    """Nodes that can't get the model still call for the deadline, so the run doesn't stand still."""
    swarm = Swarm(tmp_path, rounds=2)
    for node in swarm.nodes.values():
        node.lives = 1  # only a first life builds the initial model
    run = await swarm.play()
    assert run.closed is not None
    assert swarm.finalized == []


@on_virtual_time
async def test_a_joiner_catches_up(tmp_path):
    """A node that enters after round 2 gets the model from its peers and takes part."""
    swarm = Swarm(tmp_path, nodes=5, seats=4, rounds=6)

    async def join():
        await swarm.until(finalized(2))
        swarm.start(5)

    run = await swarm.play(1, 2, 3, 4, story=join)
    assert list(range(6)) == swarm.finalized
    assert run.members_in(run.rounds[-1].inputs) == (1, 2, 3, 4, 5)
    assert swarm.holders(run.model) == [1, 2, 3, 4, 5]


@on_virtual_time
async def test_the_chain_is_away_for_a_while(tmp_path):
    """Nodes go on where they were once it answers again."""
    swarm = Swarm(tmp_path, rounds=3)

    for node in swarm.nodes.values():
        node.line.cut_before = Reveal

    async def outage():
        await swarm.until(lambda run: all(node.line.cut for node in swarm.nodes.values()))
        await trio.sleep(PHASE_SECONDS / 2)
        for node in swarm.nodes.values():
            node.line.cut = False

    run = await swarm.play(story=outage)
    assert swarm.finalized == [0, 1, 2]
    assert [node.ended for node in swarm.nodes.values()] == [None] * 4
    assert {1, 2, 3, 4} == run.rounds[-1].attested.keys()


@on_virtual_time
async def test_one_node_loses_the_chain(tmp_path):
    """It misses what it misses; the others wait no longer than the deadlines."""
    swarm = Swarm(tmp_path, rounds=3)

    swarm[4].line.cut_before = Reveal

    async def outage():
        await swarm.until(lambda run: swarm[4].line.cut)
        await swarm.until(in_phase(1, Phase.COMMIT))
        swarm[4].line.cut = False

    run = await swarm.play(story=outage)
    assert swarm.finalized == [0, 1, 2]
    assert run.members_in(run.rounds[2].inputs) == (1, 2, 3, 4)
    assert {1} == {len(made) for made in commitments(swarm[4]).values()}


@pytest.mark.parametrize("away", [21, 24, 27, 30])
def test_a_refusal_makes_a_node_look_at_once(tmp_path, away):
    """After a long outage the chain is asked seldom; an answer from it is reason to look again."""

    @on_virtual_time
    async def test():
        swarm = Swarm(tmp_path, rounds=1)
        swarm[4].line.cut_before = Commit

        async def outage():
            await swarm.until(in_phase(0, Phase.REVEAL))
            await trio.sleep(away)
            swarm[4].line.cut = False
            with trio.fail_after(2 * RETRY_SECONDS):
                await swarm[4].driver._watch.until(lambda: swarm[4].driver.run.phase > Phase.COMMIT)

        await swarm.play(story=outage)

    test()


@on_virtual_time
async def test_a_commitment_that_came_too_late(tmp_path):
    """An update whose commitment missed the phase is never revealed; its node holds and attests."""
    swarm = Swarm(tmp_path, rounds=2)

    swarm[4].line.cut_before = Commit

    async def outage():
        await swarm.until(lambda run: swarm[4].line.cut)
        await swarm.until(in_phase(0, Phase.REVEAL))
        swarm[4].line.cut = False

    run = await swarm.play(story=outage)
    assert [call.round for call in swarm[4].line.of(Reveal)] == [1]
    assert [run.members_in(r.inputs) for r in run.rounds] == [(1, 2, 3), (1, 2, 3, 4)]
    assert {1, 2, 3, 4} == run.rounds[0].held.keys() == run.rounds[0].attested.keys()


@on_virtual_time
async def test_a_chain_whose_clock_is_behind(tmp_path):
    """A node refused with TooEarly asks again at most once a second, though refusals make blocks."""
    swarm = Swarm(tmp_path, rounds=1, chain_behind=30)
    swarm[4].line.crash_after = Enter
    await swarm.play()
    assert swarm.finalized == [0]
    # Two deadlines are waited for, each about 30 seconds too early.
    assert all(30 <= len(swarm[m].line.of(Advance)) <= 64 for m in (1, 2, 3))


@on_virtual_time
async def test_a_damaged_database_ends_the_node(tmp_path, monkeypatch):
    """Without its memory a node might promise twice, so it stops and says which file is damaged."""
    swarm = Swarm(tmp_path, rounds=1)

    def damaged(*args):
        raise Damaged("node.db is damaged")

    real = DiskDatabase.promise
    monkeypatch.setattr(
        DiskDatabase,
        "promise",
        lambda self, *args: damaged() if "node-2" in str(self._path) else real(self, *args),
    )
    await swarm.play()
    assert str(swarm[2].ended) == "node.db is damaged"
    assert swarm.finalized == [0]


@on_virtual_time
async def test_a_liar_is_dropped_for_the_round(tmp_path, caplog):
    """Whoever serves a wrong byte isn't asked again in that round."""
    caplog.set_level(logging.WARNING)
    swarm = Swarm(tmp_path, rounds=1)

    def spoil(call):
        if isinstance(call, Reveal):  # by now it has hashed the blob: it offers the right outline
            path = swarm[4].blob(call.digest)
            path.write_bytes(bytes(path.stat().st_size))
        return call

    swarm[4].line.forge = spoil
    run = await swarm.play()
    assert run.members_in(run.rounds[0].inputs) == (1, 2, 3)
    lies = [r for r in caplog.records if "member 4 is not asked again" in r.getMessage()]
    assert len(lies) == 3


@on_virtual_time
async def test_progress_is_told(tmp_path):
    """status.json ends with what the node did."""
    swarm = Swarm(tmp_path, rounds=1)
    run = await swarm.play()
    facts = json.loads((swarm[1].home / "status.json").read_text())
    told = (facts["doing"], facts["phase"], facts["finalized"], facts["model"])
    assert ("done", "closed", 1, run.model.hex) == told


@on_virtual_time
async def test_progress_that_cant_be_told(tmp_path):
    """A status file that can't be written stops nobody."""
    swarm = Swarm(tmp_path, rounds=1)
    (swarm[1].home / "status.json").mkdir()
    run = await swarm.play()
    assert run.rounds[0].attested.keys() == {1, 2, 3, 4}


@on_virtual_time
async def test_what_is_remembered_stays_small(tmp_path):
    """After many rounds a driver remembers the last few only."""
    swarm = Swarm(tmp_path, rounds=9)
    await swarm.play()
    driver = swarm[1].driver
    assert len(driver._mine.rounds) <= 3
    assert len(driver._fetcher._found) <= 3


def test_every_action_has_a_word():
    """Progress can name each action that decide answers with."""
    assert {kind.__name__ for kind in get_args(story.Action)} == DOING.keys()


@on_virtual_time
async def test_a_revocation_ends_a_fetch(tmp_path):
    """A revoked node stops at once, even in the middle of a wait, and whichever runs were named."""
    swarm = Swarm(tmp_path, rounds=1)
    swarm[4].serves = False

    async def revoke():
        await swarm.until(in_phase(0, Phase.HOLD))
        await trio.sleep(5)  # by now it waits for the update that nobody serves
        swarm.authority(Revoke(1, (), 0))
        await swarm.until(lambda run: swarm[1].ended is not None)
        assert trio.current_time() < PHASE_SECONDS / 10

    await swarm.play(story=revoke)
    assert "this member was revoked" in str(swarm[1].ended)


@on_virtual_time
async def test_what_liars_begin_is_given_back(tmp_path):
    """Files that were begun and never completed don't pile up."""
    swarm = Swarm(tmp_path, rounds=6)

    def spoil(call):
        if isinstance(call, Reveal) and call.round < 2:
            path = swarm[4].blob(call.digest)
            path.write_bytes(bytes(path.stat().st_size))
        return call

    swarm[4].line.forge = spoil
    begun = []

    async def count():
        await swarm.until(in_phase(5, Phase.ATTEST))
        begun.extend(swarm[1].blobs.glob(".part-*"))

    run = await swarm.play(story=count)
    assert [4 in r.revealed for r in run.rounds[:2]] == [True, True]
    assert begun == []


@on_virtual_time
async def test_a_full_disk_ends_the_node(tmp_path, monkeypatch):
    """With one clear line; the others go on, and so does the node once there is room again."""
    swarm = Swarm(tmp_path, rounds=2)
    real, full = DiskBlobs.put, [True]

    def put(self, data):
        if full and "node-2" in str(self._folder) and len(data) != len(encode(INITIAL)):
            raise DiskFull("no room left in blobs: free some and start the node again")
        return real(self, data)

    monkeypatch.setattr(DiskBlobs, "put", put)

    async def make_room():
        await swarm.until(lambda run: swarm[2].ended is not None)
        assert str(swarm[2].ended) == "no room left in blobs: free some and start the node again"
        full.clear()
        swarm.start(2)

    run = await swarm.play(story=make_room)
    assert swarm.finalized == [0, 1]
    assert [run.members_in(r.inputs) for r in run.rounds] == [(1, 2, 3, 4)] * 2
