"""What a member did, which models its updates reached, and how to go back behind them."""

import json
from dataclasses import replace

import pytest
import trio

from authority.audit.coherence import contradictions
from authority.audit.history import origin
from authority.audit.influence import Clean, Reached, influence_of
from authority.audit.member import life_of
from authority.audit.record import told_by
from authority.rollback import Wishes, rolled_back
from node.errors import WrongUse
from node.ledger import Evict, OpenRun, Revoke, RotatePeerKey
from node.manifest import Manifest
from tests.chains import MemoryWorld, peer_key
from tests.rounds import BASE, TERMS, Play, merged
from tests.swarm import Swarm, on_virtual_time, quick_disk
from tests.test_manifest import MANIFEST as EXAMPLE

__all__ = ["quick_disk"]
ALL = (1, 2, 3, 4)
MANIFEST = replace(EXAMPLE, terms=TERMS, merge="trimmed-mean", hostile=None)


def told(story):
    """A chain on which this has happened, and the play that told it."""
    world = trio.run(MemoryWorld.deployed)
    play = Play(world)
    trio.run(story, play)
    return world, play


def record_of(world):
    """What an auditor reads of it."""
    return told_by(world.chain)


async def open_run(play, terms=TERMS):
    """A run with a manifest that can be read."""
    manifest = replace(MANIFEST, terms=terms)
    await play.world.authority.send(OpenRun(terms, manifest.to_bytes()))
    await play.enter(*ALL)


async def two_without_four(play):
    """Four is away in round 0, and in from round 1 on."""
    await open_run(play)
    await play.finish_without_the_absent((1, 2, 3))
    await play.finish(*ALL)
    await play.finish(*ALL)


def test_a_model_is_reached_through_its_inputs_and_all_later_ones_through_the_base():
    """Round 0 was without four; round 1 with it; round 2 again without, but from round 1's model."""

    async def story(play):
        await open_run(play)
        await play.finish_without_the_absent((1, 2, 3))
        await play.finish(*ALL)
        await play.finish_without_the_absent((1, 2, 3))

    world, _ = told(story)
    found = influence_of(record_of(world).chronicle, 4)
    assert found.reached == (
        Reached(1, 1, merged(1), own=True),
        Reached(1, 2, merged(2), own=False),
    )
    assert found.clean == (Clean(1, 0, merged(0)),)
    assert json.loads(json.dumps(found.plain()))["reached"][0]["model"] == merged(1).hex


def test_who_was_never_merged_reached_nothing():
    """The last model is then the one without it."""

    async def story(play):
        await open_run(play)
        await play.finish_without_the_absent((1, 2, 3))

    world, _ = told(story)
    found = influence_of(record_of(world).chronicle, 4)
    assert (found.reached, found.clean) == ((), (Clean(1, 0, merged(0)),))


def test_who_was_in_from_the_start_leaves_only_the_initial_model():
    """It has no round."""
    world, _ = told(two_without_four)
    assert influence_of(record_of(world).chronicle, 1).clean == (Clean(1, None, BASE),)


def test_influence_goes_on_in_runs_opened_from_a_reached_model():
    """And ends where a run starts from one that wasn't."""

    async def story(play):
        await two_without_four(play)
        for parent_round in (2, 0):
            terms = replace(TERMS, base=merged(parent_round), parent_run=1, parent_round=parent_round)
            play.run, play.round, play.base = play.run + 1, 0, merged(parent_round)
            await open_run(play, terms)
            await play.finish_without_the_absent((1, 2, 3))

    world, _ = told(story)
    record = record_of(world)
    found = influence_of(record.chronicle, 4)
    # The play's models are the same in all runs, so round 0 of run 2 is told apart by its run only.
    assert (2, 0) in [(one.run, one.round) for one in found.reached]
    assert contradictions(record) == ()


def rollback(world, member, **wishes):
    """The new run's manifest and the model it starts from."""
    return rolled_back(record_of(world).chronicle, 1, member, "consent withdrawn", Wishes(**wishes))


def test_a_rollback_starts_from_the_last_model_without_the_member():
    """Its parent is in the terms, the reason in the manifest; one seat less; the contract takes it."""
    world, _ = told(two_without_four)
    manifest, clean = rollback(world, 4, merge="median")
    terms = manifest.terms
    assert clean == Clean(1, 0, merged(0))
    assert (terms.base, terms.parent_run, terms.parent_round, terms.seats) == (merged(0), 1, 0, 3)
    assert (manifest.reason, manifest.merge) == ("consent withdrawn", "median")
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest
    trio.run(world.authority.send, OpenRun(terms, manifest.to_bytes()))
    opened = record_of(world).chronicle.runs[2]
    assert opened.terms == terms
    said = f"goes on from model {merged(0).short} of run 1, round 0: consent withdrawn"
    assert list(origin(opened)) == [said]


def test_a_rollback_to_the_initial_model_has_no_parent():
    """Only finalized models have a place on the chain."""
    world, _ = told(two_without_four)
    manifest, clean = rollback(world, 1, merge="median")
    assert (clean.round, manifest.terms.base, manifest.terms.parent_run) == (None, BASE, 0)


def test_a_rollback_to_a_model_that_another_run_gave_keeps_the_lineage():
    """A run that began from a clean model, and has none of its own yet: the parent is its parent."""

    async def story(play):
        await two_without_four(play)
        terms = replace(TERMS, base=merged(0), parent_run=1, parent_round=0)
        play.run, play.round, play.base = 2, 0, merged(0)
        await open_run(play, terms)

    world, _ = told(story)
    chronicle = record_of(world).chronicle
    manifest, clean = rolled_back(chronicle, 2, 4, "consent withdrawn", Wishes(merge="median"))
    assert clean == Clean(2, None, merged(0))
    assert (manifest.terms.parent_run, manifest.terms.parent_round) == (1, 0)
    trio.run(world.authority.send, OpenRun(manifest.terms, manifest.to_bytes()))


@pytest.mark.parametrize(
    ("run", "member", "why"),
    [(7, 4, "there is no run 7"), (1, 6, "member 6 was never in run 1"), (1, 99, "was never in run 1")],
)
def test_a_rollback_that_makes_no_sense_says_why(run, member, why):
    """Unknown runs, members who had no part."""
    world, _ = told(two_without_four)
    with pytest.raises(WrongUse, match=why):
        rolled_back(record_of(world).chronicle, run, member, "why", Wishes())


def test_a_rollback_to_fewer_seats_than_the_rule_needs_says_so():
    """Before anything is on the chain."""
    world, _ = told(two_without_four)
    with pytest.raises(WrongUse, match="seats"):
        rollback(world, 4, merge="trimmed-mean:f=2")


def life(world, member):
    """The member's life in run 1, without receipts."""
    record = record_of(world)
    return life_of(record, record.run(1), member, lambda digest: None)


def test_a_life_tells_each_round():
    """How far its update got, what it attested, what it has spent."""

    async def story(play):
        play.privacy = {4: 3}
        await open_run(play)
        await play.finish_without_the_absent((1, 2, 3))
        await play.until_attest(*ALL)
        await play.attest(1, 2, 3)
        await play.attest(4, result=merged(77))  # late, and otherwise
        play.base, play.round = merged(1), 2
        await play.commit(*ALL)
        await play.reveal(1, 2, 3)
        await play.time_out()

    world, _ = told(story)
    parts = [(part.what, part.attested, part.privacy) for part in life(world, 4).parts]
    assert parts == [
        ("waited for in vain", "-", None),
        ("merged", "otherwise than the quorum", 3),
        ("never revealed", "-", 3),
    ]
    assert [part.attested for part in life(world, 1).parts] == ["yes", "yes", "-"]


def test_a_life_tells_what_was_done_to_a_member():
    """Admission, seats, keys, revocation with its reason, eviction; another's life doesn't."""

    async def story(play):
        await open_run(play)
        await play.ledger(4).send(RotatePeerKey(peer_key(50)))
        await play.world.authority.send(Revoke(4, (), 1))
        await play.world.strangers[0].send(Evict(1, 4))

    world, _ = told(story)
    assert [one.what for one in life(world, 4).happened] == [
        "admitted",
        "entered: seat 3, counts from round 0 on",
        "has another peer key from here on",
        "revoked, reason: consent",
        "lost seat 3",
    ]
    assert len(life(world, 1).happened) == 2


def test_scores_come_from_the_receipt(tmp_path, quick_disk):
    """What the rule made of an update is in the receipt that was attested."""
    from authority.audit.receipts import receipts_in

    lives = []

    @on_virtual_time
    async def play():
        swarm = Swarm(tmp_path, rounds=1, merge="krum:f=0", hostile=0)
        await swarm.play()
        receipts = receipts_in([swarm[1].blobs])
        lives.extend(life_of(swarm.record, swarm.run, m, receipts).parts[0] for m in ALL)

    play()
    assert [part.used for part in lives].count(True) == 1
    assert all(part.score is not None for part in lives)
    assert {part.what for part in lives} == {"merged", "an input, left out by the rule"}
