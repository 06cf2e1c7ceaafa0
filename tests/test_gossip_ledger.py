"""What a gossip ledger says and takes: the twin in memory, the contract on py-evm and on anvil."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from node.ledger import (
    FIRST_GOSSIP,
    AttestedOwn,
    Close,
    Committed,
    Enter,
    Entered,
    Evict,
    NeighboursDrawn,
    OpenGossip,
    Phase,
    PhaseAdvanced,
    Revealed,
    Revoke,
    RoundBegan,
    RoundEnded,
    RoundSkipped,
    RunClosed,
    RunOpened,
    SeatsBenched,
    Skip,
)
from tests.chains import World
from tests.gossips import GossipPlay, own
from tests.rounds import MANIFEST, RECEIPT, TERMS, Play, refusal, salt, seats, update

ALL = (1, 2, 3, 4)
EVERYBODY = seats(*ALL)


@pytest.fixture
def play(world: World) -> GossipPlay:
    """The first gossip run of a fresh world."""
    return GossipPlay(world)


def seed_of(last: bytes, revealing: tuple[int, ...], round_: int) -> bytes:
    """The seed rule of docs/protocol.md, once more."""
    mixed = 0
    for member in revealing:
        mixed ^= int.from_bytes(keccak(salt(member) + member.to_bytes(32, "big")), "big")
    return keccak(last + b"".join(n.to_bytes(32, "big") for n in (mixed, FIRST_GOSSIP, round_)))


async def test_a_round_is_told_from_opening_to_end(play: GossipPlay) -> None:
    """Every event of a round without incident, in order."""
    await play.open(*ALL)
    promises = [play.commitment(member) for member in ALL]
    await play.finish(*ALL)
    run = FIRST_GOSSIP
    assert await play.events() == [
        RunOpened(run, keccak(MANIFEST), TERMS, MANIFEST),
        PhaseAdvanced(run, 0, Phase.ENTERING, 0),
        *(Entered(run, member, member - 1, 0) for member in ALL),
        RoundBegan(run, 0, EVERYBODY, EVERYBODY, 1, 0),
        *(Committed(run, 0, m, made, 0) for m, made in zip(ALL, promises, strict=True)),
        PhaseAdvanced(run, 0, Phase.REVEAL, 0),
        *(Revealed(run, 0, member, update(member, 0), 64, 0, salt(member)) for member in ALL),
        NeighboursDrawn(run, 0, EVERYBODY, seed_of(bytes(32), ALL, 0)),
        PhaseAdvanced(run, 0, Phase.ATTEST, 0),
        *(AttestedOwn(run, 0, member, EVERYBODY, own(member, 0), RECEIPT) for member in ALL),
        RoundEnded(run, 0),
        RoundBegan(run, 1, EVERYBODY, EVERYBODY, 1, 0),
    ]


async def test_both_ledgers_count_their_runs_apart(world: World) -> None:
    """A run's number says which ledger it is in, and each has its own events."""
    both = Play(world), GossipPlay(world)
    for play in both:
        await play.open(*ALL)
    opened = await both[0].said(RunOpened)
    assert [event.run for event in opened] == [1, FIRST_GOSSIP]
    await both[0].commit(*ALL)
    await both[1].commit(*ALL)
    assert [(e.run, e.member) for e in await both[0].said(Committed)] == [
        *((1, m) for m in ALL),
        *((FIRST_GOSSIP, m) for m in ALL),
    ]


async def test_an_update_starts_from_its_own_model(play: GossipPlay) -> None:
    """The base in a commitment is what the member attested last, whatever the others have."""
    await play.open(*ALL)
    await play.finish(*ALL)
    await play.finish(*ALL)  # commitments of round 1 name what each attested in round 0
    assert [event.round for event in await play.said(RoundEnded)] == [0, 1]


async def test_who_commits_to_another_base_cannot_reveal(play: GossipPlay) -> None:
    """A promise made from somebody else's model is no promise."""
    await play.open(*ALL)
    await play.finish(*ALL)
    play.models[2] = own(1, 0)
    await play.commit(*ALL)
    name, *_ = await refusal(play.ledger(2).send(play.reveal_call(2)))
    assert name == "RevealMismatch"


async def test_who_attested_nothing_keeps_its_model(play: GossipPlay) -> None:
    """A round ends at its deadline without the absent, whose next update starts where they were."""
    await play.open(*ALL)
    await play.until_attest(*ALL)
    await play.attest_own(1, 2, 3, inputs=EVERYBODY)
    await play.time_out()
    play.round = 1
    await play.finish(*ALL)
    assert [event.round for event in await play.said(RoundEnded)] == [0, 1]


async def test_only_who_revealed_attests_once_and_names_itself(play: GossipPlay) -> None:
    """Every way in which an attestation is refused."""
    await play.open(1, 2, 3, 4)
    await play.commit(1, 2, 3)
    await play.time_out()
    await play.reveal(1, 2, 3)
    send = play.ledger(1).send
    assert await refusal(play.ledger(4).send(play.attest_call(4, 0b1001))) == ("NotRevealed", 0b1000)
    assert await refusal(send(play.attest_call(1, 0b1001))) == ("NotRevealed", 0b1000)
    assert await refusal(send(play.attest_call(1, 0b0110))) == ("OwnMissing", 0)
    await play.attest_own(1, inputs=0b0001)
    assert await refusal(send(play.attest_call(1, 0b0001))) == ("Already", 0)
    play.round = 1
    assert await refusal(play.ledger(2).send(play.attest_call(2, 0b0010))) == ("WrongRound", 1, 0)


async def test_nothing_is_attested_before_reveals_close(play: GossipPlay) -> None:
    """Nor by strangers."""
    await play.open(*ALL)
    await play.commit(*ALL)
    await play.reveal(1, 2)
    call = play.attest_call(1, 0b0011)
    assert await refusal(play.ledger(1).send(call)) == ("WrongPhase", Phase.REVEAL)
    await play.reveal(3, 4)
    stranger = play.world.strangers[0]
    assert (await refusal(stranger.send(call)))[0] == "NotMember"


async def test_too_few_reveals_skip_the_round(play: GossipPlay) -> None:
    """Nobody's model changes, and the seed moves on."""
    await play.open(*ALL)
    await play.commit(*ALL)
    await play.reveal(1, 2)
    await play.time_out()
    assert (await play.said(RoundSkipped))[0].reason == Skip.TOO_FEW_REVEALED
    play.round = 1
    await play.finish(*ALL)
    (drawn,) = await play.said(NeighboursDrawn)
    assert drawn.seed == seed_of(seed_of(bytes(32), (1, 2), 0), ALL, 1)


async def test_an_update_that_nobody_could_merge_is_absence(play: GossipPlay) -> None:
    """Who reveals and serves nobody is benched after two rounds, though it attests."""
    await play.open(*ALL)
    for _ in range(2):
        await play.until_attest(*ALL)
        await play.attest_own(4, inputs=EVERYBODY)
        await play.attest_own(1, 2, 3, inputs=0b0111)
        play.round += 1
    assert await play.said(SeatsBenched) == [SeatsBenched(FIRST_GOSSIP, 1, 0b1000)]


async def test_the_silent_are_benched_and_come_back(play: GossipPlay) -> None:
    """Two rounds without an attestation, and nobody waits any more; two rounds after it enters again,
    everybody does."""
    await play.open(*ALL)
    for _ in range(2):
        await play.until_attest(*ALL)
        await play.attest_own(1, 2, 3, inputs=EVERYBODY)
        await play.time_out()
        play.round += 1
    assert [event.bits for event in await play.said(SeatsBenched)] == [0b1000]
    await play.finish(1, 2, 3)
    await play.enter(4)
    assert (await play.said(Entered))[-1] == Entered(FIRST_GOSSIP, 4, 3, 5)


async def test_a_round_is_not_hurried_by_a_few(play: GossipPlay) -> None:
    """When fewer than enough are waited for, the others have their time, too."""
    await play.open(*ALL, min_inputs=3)
    for _ in range(2):
        await play.commit(1, 2, 3)
        await play.time_out()
        await play.reveal(1, 2, 3)
        await play.attest_own(1, 2, inputs=0b0111)
        await play.time_out()
        play.round += 1
    assert sum(event.bits for event in await play.said(SeatsBenched)) == 0b1100
    await play.commit(1, 2, 3)
    await play.time_out()
    await play.reveal(1, 2, 3)
    await play.attest_own(1, 2, inputs=0b0111)
    assert (await play.events())[-1] == AttestedOwn(FIRST_GOSSIP, 2, 2, 0b0111, own(2, 2), RECEIPT)
    await play.attest_own(3, inputs=0b0111)
    assert (await play.said(RoundEnded))[-1].round == 2
    play.round = 3
    await play.until_attest(*ALL)
    await play.attest_own(1, 2, 3, inputs=EVERYBODY)
    assert (await play.said(RoundEnded))[-1].round == 2
    await play.attest_own(4, inputs=EVERYBODY)
    assert (await play.said(RoundEnded))[-1].round == 3


async def test_the_revoked_leave_and_what_they_revealed_stays(play: GossipPlay) -> None:
    """Neighbours were drawn with it; it may not attest, and nobody waits for it."""
    await play.open(*ALL)
    await play.until_attest(*ALL)
    await play.attest_own(1, 2, 3, inputs=EVERYBODY)
    await play.world.authority.send(Revoke(4, (FIRST_GOSSIP,), 1))
    assert (await play.said(RoundEnded)) == [RoundEnded(FIRST_GOSSIP, 0)]
    assert (await play.said(RoundBegan))[-1].roster == 0b0111


async def test_anybody_evicts_whom_the_authority_forgot(play: GossipPlay) -> None:
    """As on the other ledger."""
    await play.open(*ALL)
    await play.world.authority.send(Revoke(4, (), 1))
    await play.ledger(1).send(Evict(FIRST_GOSSIP, 4))
    await play.finish(1, 2, 3)


async def test_the_last_round_closes_the_run(play: GossipPlay) -> None:
    """And nothing is taken any more."""
    await play.open(*ALL, rounds=1)
    await play.finish(*ALL)
    assert (await play.events())[-1] == RunClosed(FIRST_GOSSIP, Close.ROUNDS_DONE)
    assert await refusal(play.ledger(1).send(Enter(FIRST_GOSSIP))) == ("WrongPhase", Phase.CLOSED)


async def test_a_gossip_run_has_no_parent(world: World) -> None:
    """There is no model that all finalized."""
    terms = {name: getattr(TERMS, name) for name in TERMS.__slots__} | {"parent_run": 1}
    opening = OpenGossip(type(TERMS)(**terms), MANIFEST)
    assert await refusal(world.authority.send(opening)) == ("BadTerms", "parentRun")
    assert (await refusal(world.nodes[0].send(opening)))[0] == "NotAuthority"
