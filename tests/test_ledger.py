"""One suite for every ledger: the in-memory twin, and the contracts on py-evm and on anvil."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_utils.crypto import keccak

from node.digest import ZERO, digest
from node.ledger import (
    Advance,
    Attest,
    Attested,
    Close,
    CloseRun,
    Commit,
    Committed,
    Enter,
    Entered,
    Evict,
    Evicted,
    Held,
    Hold,
    InputsFixed,
    Ledger,
    OpenRun,
    Phase,
    PhaseAdvanced,
    Reveal,
    Revealed,
    Revoke,
    RoundFinalized,
    RoundOpened,
    RoundSkipped,
    RunClosed,
    RunOpened,
    SeatsBenched,
    Skip,
)
from tests.chains import World
from tests.rounds import (
    BASE,
    MANIFEST,
    RECEIPT,
    TERMS,
    Play,
    merged,
    refusal,
    salt,
    seats,
    update,
)

ALL = (1, 2, 3, 4)


@pytest.fixture
def play(world: World) -> Play:
    """Run 1 of a fresh world."""
    return Play(world)


async def test_a_round_is_told_from_opening_to_finalized(play: Play) -> None:
    """Every event of a round without incident, in order."""
    await play.open(*ALL)
    await play.until_attest(*ALL)
    await play.attest(1, 2, 3)
    everybody = seats(*ALL)
    terms_at = RunOpened(1, keccak(MANIFEST), TERMS, MANIFEST)
    assert await play.events() == [
        terms_at,
        PhaseAdvanced(1, 0, Phase.ENTERING, 0),
        *(Entered(1, member, member - 1, 0) for member in ALL),
        RoundOpened(1, 0, BASE, everybody, everybody, 1, 3, 0),
        *(Committed(1, 0, member, play.commitment(member), 0) for member in ALL),
        PhaseAdvanced(1, 0, Phase.REVEAL, 0),
        *(Revealed(1, 0, member, update(member, 0), 64, 0, salt(member)) for member in ALL),
        PhaseAdvanced(1, 0, Phase.HOLD, 0),
        *(Held(1, 0, member, everybody) for member in ALL),
        InputsFixed(1, 0, everybody, seed_of(bytes(32), ALL, 0)),
        PhaseAdvanced(1, 0, Phase.ATTEST, 0),
        *(Attested(1, 0, member, merged(0), RECEIPT) for member in (1, 2, 3)),
        RoundFinalized(1, 0, merged(0), RECEIPT),
        RoundOpened(1, 1, merged(0), everybody, everybody, 1, 3, 0),
    ]


def seed_of(last: bytes, revealing: tuple[int, ...], round_: int) -> bytes:
    """The seed rule of docs/protocol.md, once more."""
    mixed = 0
    for member in revealing:
        mixed ^= int.from_bytes(keccak(salt(member) + member.to_bytes(32, "big")), "big")
    return keccak(last + b"".join(n.to_bytes(32, "big") for n in (mixed, 1, round_)))


async def test_the_next_round_starts_from_the_merge_and_chains_the_seed(play: Play) -> None:
    """Base and seed of round 1 come from round 0."""
    await play.open(*ALL)
    await play.finish(*ALL)
    await play.finish(*ALL)
    first = seed_of(bytes(32), ALL, 0)
    assert [event.seed for event in await play.said(InputsFixed)] == [first, seed_of(first, ALL, 1)]
    assert [event.base for event in await play.said(RoundOpened)] == [BASE, merged(0), merged(1)]


async def test_the_last_round_closes_the_run(play: Play) -> None:
    """A run has as many rounds as its terms say."""
    await play.open(*ALL, rounds=2)
    await play.finish(*ALL)
    await play.finish(1, 2, 3, 4)
    assert (await play.events())[-1] == Attested(1, 1, 4, merged(1), RECEIPT)
    assert (await play.events())[-2] == RunClosed(1, Close.ROUNDS_DONE)
    assert await refusal(play.ledger(1).send(Enter(1))) == ("WrongPhase", Phase.CLOSED)


async def test_run_ids_count_from_one(play: Play) -> None:
    """Two runs are two numbers."""
    await play.open()
    await play.open()
    assert [event.run for event in await play.said(RunOpened)] == [1, 2]


async def test_the_head_moves_with_each_call(world: World) -> None:
    """A call that is taken is in a block of its own, at the chain's time."""
    before = await world.authority.head()
    mined = await world.authority.send(OpenRun(TERMS, MANIFEST))
    after = await world.authority.head()
    assert (mined.block, after.number) == (before.number + 1, before.number + 1)
    assert after.time >= before.time


async def test_events_are_those_of_the_blocks_asked_for(world: World) -> None:
    """A range has both ends, and events say where they are."""
    mined = await world.authority.send(OpenRun(TERMS, MANIFEST))
    await world.nodes[0].send(Enter(1))
    logged = await world.authority.events(mined.block, mined.block)
    assert [type(entry.event) for entry in logged] == [RunOpened, PhaseAdvanced]
    assert {(entry.block, entry.transaction) for entry in logged} == {(mined.block, mined.transaction)}
    assert [entry.index for entry in logged] == [0, 1]
    assert await world.authority.events(mined.block + 2, mined.block + 1) == []


# Phases and deadlines.


async def test_no_phase_is_advanced_before_its_deadline(play: Play) -> None:
    """`advance` names the time and the deadline."""
    await play.open(*ALL)
    name, _, deadline = await refusal(play.ledger(1).send(Advance(1)))
    logged = await play.world.authority.events(0, (await play.world.authority.head()).number)
    assert (name, deadline) == ("TooEarly", logged[-1].event.deadline)


async def test_each_deadline_counts_from_the_block_that_starts_the_phase(play: Play) -> None:
    """Deadlines are the block's time and the terms' seconds."""
    await play.open(*ALL)
    await play.until_attest(1, 2, 3, 4)
    head = (await play.world.authority.head()).number
    seconds = {Phase.ENTERING: 100, Phase.REVEAL: 300, Phase.HOLD: 400, Phase.ATTEST: 500}
    for entry in await play.world.authority.events(0, head):
        if isinstance(entry.event, PhaseAdvanced):
            assert entry.event.deadline == await time_of(play, entry.block) + seconds[entry.event.phase]
        if isinstance(entry.event, RoundOpened):
            assert entry.event.deadline == await time_of(play, entry.block) + 200


async def time_of(play: Play, block: int) -> int:
    """A block's time: only the newest can be asked for, so each phase is compared as it begins."""
    ledger: Any = play.world.authority
    if hasattr(ledger, "_chain"):
        return int(ledger._chain._blocks[block].time)
    return int((await ledger._endpoint.ask(lambda eth: eth.get_block(block)))["timestamp"])


async def test_entering_starts_over_with_too_few(play: Play) -> None:
    """Fewer than minInputs wait on; with enough, round 0 opens at the deadline."""
    await play.open(1, 2)
    await play.time_out()
    assert (await play.events())[-1] == PhaseAdvanced(1, 0, Phase.ENTERING, 0)
    await play.enter(3)
    await play.time_out()
    assert (await play.events())[-1] == RoundOpened(1, 0, BASE, 0b111, 0b111, 0, 3, 0)


async def test_deadlines_carry_a_round_on_without_the_absent(play: Play) -> None:
    """One of four is away: three deadlines pass, and the round is finalized."""
    await play.open(*ALL)
    await play.commit(1, 2, 3)
    await play.time_out()
    await play.reveal(1, 2, 3)  # all who committed: closes at once
    await play.hold(0b0111, 1, 2, 3)
    await play.time_out()
    assert [event.inputs for event in await play.said(InputsFixed)] == [0b0111]
    await play.attest(1, 2, 3)
    assert await play.finalized() == [(0, merged(0))]


async def test_a_call_is_good_until_somebody_advances(play: Play) -> None:
    """The stored phase counts, not the clock."""
    await play.open(*ALL)
    play.world.travel(1000)
    await play.commit(*ALL)
    assert (await play.events())[-1] == PhaseAdvanced(1, 0, Phase.REVEAL, 0)


async def test_too_few_commitments_skip_the_round(play: Play) -> None:
    """The base stays."""
    await play.open(*ALL)
    await play.commit(1, 2)
    await play.time_out()
    assert await play.said(RoundSkipped) == [RoundSkipped(1, 0, Skip.TOO_FEW_COMMITTED)]
    assert (await play.opened()).base == BASE


async def test_too_few_reveals_skip_the_round_but_move_the_seed(play: Play) -> None:
    """Salts made public by a skipped round are not drawn from again."""
    await play.open(*ALL)
    await play.commit(*ALL)
    await play.reveal(1, 2)
    await play.time_out()
    assert await play.said(RoundSkipped) == [RoundSkipped(1, 0, Skip.TOO_FEW_REVEALED)]
    play.round = 1
    await play.until_attest(*ALL)
    expected = seed_of(seed_of(bytes(32), (1, 2), 0), ALL, 1)
    assert [event.seed for event in await play.said(InputsFixed)] == [expected]


async def test_too_few_inputs_skip_the_round(play: Play) -> None:
    """Updates that fewer than a quorum hold are no inputs."""
    await play.open(*ALL)
    await play.until_hold(*ALL)
    await play.hold(0b0011, 1, 2)
    await play.hold(0b1110, 3, 4)
    assert await play.said(RoundSkipped) == [RoundSkipped(1, 0, Skip.TOO_FEW_INPUTS)]


async def test_inputs_are_what_a_quorum_holds(play: Play) -> None:
    """Three of four name seats 0 to 2, two name seat 3."""
    await play.open(*ALL)
    await play.until_hold(*ALL)
    await play.hold(0b0111, 1, 2)
    await play.hold(0b1111, 3, 4)
    assert [event.inputs for event in await play.said(InputsFixed)] == [0b0111]


async def test_no_quorum_skips_the_round(play: Play) -> None:
    """Two against two finalize nothing."""
    await play.open(*ALL)
    await play.until_attest(*ALL)
    await play.attest(1, 2)
    await play.attest(3, 4, result=digest(b"another"))
    await play.time_out()
    assert await play.said(RoundSkipped) == [RoundSkipped(1, 0, Skip.NO_QUORUM)]


async def test_equal_votes_of_different_rounds_do_not_add_up(play: Play) -> None:
    """A skipped round's attestations count nothing in the next one."""
    await play.open(*ALL)
    await play.until_attest(*ALL)
    await play.attest(1, 2, result=merged(7))
    await play.time_out()
    play.round = 1
    await play.until_attest(*ALL)
    await play.attest(3, 4, result=merged(7))
    assert await play.finalized() == []


async def test_a_phase_is_never_hurried_into_being_skipped(play: Play) -> None:
    """Three are needed, and only two are waited for: phases go on until the benched have spoken too."""
    await play.open(*ALL)
    for _ in range(2):
        await play.commit(1, 2)
        await play.skip()
    assert (await play.opened()).expected == 0b0011
    await play.commit(1, 2)
    assert (await play.events())[-1] == Committed(1, 2, 2, play.commitment(2), 0)
    await play.commit(4)
    assert type((await play.events())[-1]) is Committed
    await play.commit(3)
    assert (await play.events())[-1] == PhaseAdvanced(1, 2, Phase.REVEAL, 0)
    await play.reveal(1, 2, 4)
    assert type((await play.events())[-1]) is Revealed
    await play.reveal(3)
    assert (await play.events())[-1] == PhaseAdvanced(1, 2, Phase.HOLD, 0)


# Seats: late, absent, back again, revoked.


async def bench_one(play: Play, absent: int) -> None:
    """Two rounds without one seat."""
    present = [member for member in ALL if member != absent]
    await play.finish_without_the_absent(present)
    await play.finish_without_the_absent(present)


async def test_a_seat_absent_twice_is_not_waited_for(play: Play) -> None:
    """It stays in the roster."""
    await play.open(*ALL)
    await bench_one(play, absent=4)
    assert await play.said(SeatsBenched) == [SeatsBenched(1, 1, 0b1000)]
    opened = await play.opened()
    assert (opened.roster, opened.expected, opened.quorum) == (0b1111, 0b0111, 3)
    await play.finish(1, 2, 3)


async def test_a_benched_seat_comes_back_later_each_time(play: Play) -> None:
    """Waited for from round + 2 at first, then from round + 3."""
    await play.open(*ALL, rounds=30)
    await bench_one(play, absent=4)
    await play.enter(4)
    assert await refusal(play.ledger(4).send(Enter(1))) == ("AlreadyEntered", 1, 4)
    await play.finish(1, 2, 3)
    await play.finish(1, 2, 3)
    assert (await play.opened()).expected == 0b1111
    await bench_one(play, absent=4)
    await play.enter(4)
    entered = [event.from_round for event in await play.said(Entered) if event.member == 4]
    assert entered == [0, 4, 9]


async def test_absence_is_forgotten_after_a_round_of_presence(play: Play) -> None:
    """Two in a row bench, not two in all."""
    await play.open(*ALL)
    for missing in (4, 3, 4):
        await play.finish_without_the_absent([member for member in ALL if member != missing])
    assert await play.said(SeatsBenched) == []


async def test_all_are_waited_for_when_too_few_are_left_to_wait_for(play: Play) -> None:
    """With f or fewer waited for, hostile seats alone could be all that a round waits for."""
    await play.open(*ALL)
    await play.skip()
    await play.skip()
    assert await play.said(SeatsBenched) == [SeatsBenched(1, 1, 0b1111)]
    opened = await play.opened()
    assert (opened.expected, opened.quorum) == (0b1111, 3)


async def test_who_withholds_its_update_counts_as_absent(play: Play) -> None:
    """An update that no quorum could get benches its seat after two rounds."""
    await play.open(*ALL)
    for _ in range(2):
        await play.until_hold(*ALL)
        await play.hold(0b0111, 1, 2, 3)
        await play.hold(0b1111, 4)
        await play.attest(*ALL)
        play.base = merged(play.round)
        play.round += 1
    assert await play.said(SeatsBenched) == [SeatsBenched(1, 1, 0b1000)]


async def test_who_withholds_counts_as_absent_also_when_the_round_fails(play: Play) -> None:
    """Else exactly enough seats and one that withholds would fail every round, and bench nobody."""
    await play.open(*ALL, min_inputs=4)
    for play.round in range(2):
        await play.until_hold(*ALL)
        await play.hold(0b0111, 1, 2, 3)
        await play.hold(0b1111, 4)
    assert await play.said(RoundSkipped) == [RoundSkipped(1, r, Skip.TOO_FEW_INPUTS) for r in (0, 1)]
    assert await play.said(SeatsBenched) == [SeatsBenched(1, 1, 0b1000)]


async def test_no_author_is_absent_for_want_of_holds(play: Play) -> None:
    """When no update reached a quorum, only those that held not were absent."""
    await play.open(*ALL)
    for play.round in range(2):
        await play.until_hold(*ALL)
        await play.hold(0b1111, 1, 2)
        await play.time_out()
    assert await play.said(SeatsBenched) == [SeatsBenched(1, 1, 0b1100)]


async def test_a_late_member_counts_after_the_join_delay(play: Play) -> None:
    """Until then it has no voice, and nobody waits for it."""
    await play.open(*ALL, join_delay=2)
    await play.enter(5)
    assert (await play.events())[-1] == Entered(1, 5, 4, 2)
    assert await refusal(play.ledger(5).send(Enter(1))) == ("AlreadyEntered", 1, 5)
    assert await refusal(play.ledger(5).send(play.commit_call(5))) == ("NotSeated", 1, 5)
    await play.finish(*ALL)
    await play.finish(*ALL)
    opened = await play.opened()
    assert (opened.round, opened.roster, opened.expected, opened.quorum) == (2, 31, 31, 4)
    await play.finish(1, 2, 3, 4, 5)


async def revoke(play: Play, member: int) -> None:
    """The authority takes a member out."""
    await play.world.authority.send(Revoke(member, (1,), 7))


async def test_revocation_before_inputs_takes_the_update_out(play: Play) -> None:
    """A revoked seat's update is no input, whoever holds it."""
    await play.open(1, 2, 3, 4, 5, seats=5)
    await play.until_hold(1, 2, 3, 4, 5)
    await play.hold(0b11111, 1, 2)
    await revoke(play, 5)
    await play.hold(0b01111, 3, 4)
    assert [event.inputs for event in await play.said(InputsFixed)] == [0b01111]
    assert await play.said(Evicted) == [Evicted(1, 5, 4)]


async def test_revocation_after_inputs_leaves_them(play: Play) -> None:
    """Who is out can't attest, and the quorum stays."""
    await play.open(*ALL)
    await play.until_attest(*ALL)
    await revoke(play, 4)
    account = play.ledger(4).account
    assert await refusal(play.attest(4)) == ("NotMember", account)
    await play.attest(1, 2, 3)
    assert (await play.opened()).roster == 0b0111
    assert [event.inputs for event in await play.said(InputsFixed)] == [0b1111]


async def test_votes_of_a_revoked_member_stand(play: Play) -> None:
    """It attested before it was revoked, so two more make the quorum of three."""
    await play.open(*ALL)
    await play.until_attest(*ALL)
    await play.attest(4)
    await revoke(play, 4)
    await play.attest(1, 2)
    assert await play.finalized() == [(0, merged(0))]


async def test_revoking_the_last_one_waited_for_closes_the_phase(play: Play) -> None:
    """Nobody waits for who is out."""
    await play.open(*ALL)
    await play.commit(1, 2, 3)
    await revoke(play, 4)
    assert (await play.events())[-2:] == [Evicted(1, 4, 3), PhaseAdvanced(1, 0, Phase.REVEAL, 0)]


async def test_anybody_evicts_whom_the_registry_revoked(play: Play) -> None:
    """A revocation that forgot a run is made good; for who has no seat nothing happens."""
    await play.open(*ALL)
    evict = Evict(1, 4)
    assert await refusal(play.ledger(1).send(evict)) == ("StillActive", 4)
    await play.world.authority.send(Revoke(4, (), 7))
    await play.ledger(1).send(evict)
    await play.ledger(1).send(evict)
    assert await play.said(Evicted) == [Evicted(1, 4, 3)]


async def test_a_revoked_members_seat_is_not_given_out_again(play: Play) -> None:
    """Old bitmaps keep their meaning."""
    await play.open(1, 2, 3)
    await revoke(play, 2)
    await play.enter(4)
    assert (await play.events())[-1] == Entered(1, 4, 3, 0)
    await play.enter(5)
    assert (await play.opened()).roster == 0b11101


# Late attestations.


async def test_late_attestations_are_recorded_until_the_next_round_ends(play: Play) -> None:
    """Also differing ones, each seat once, and nothing is finalized again."""
    await play.open(*ALL)
    await play.until_attest(*ALL)
    await play.attest(1, 2, 3)
    await play.attest(4, result=digest(b"differs"))
    assert (await play.events())[-1] == Attested(1, 0, 4, digest(b"differs"), RECEIPT)
    assert await refusal(play.attest(4)) == ("Already", 3)
    assert await play.finalized() == [(0, merged(0))]
    play.round, play.base = 1, merged(0)
    await play.finish(*ALL)
    play.round = 0
    assert await refusal(play.attest(4)) == ("WrongRound", 0, 2)


async def test_a_skipped_round_takes_no_late_attestation(play: Play) -> None:
    """There is nothing to agree with."""
    await play.open(*ALL)
    await play.skip()
    play.round = 0
    assert await refusal(play.attest(1)) == ("WrongRound", 0, 1)


async def test_a_newcomer_has_no_voice_about_the_round_before_it(play: Play) -> None:
    """Late attestations come from the finalized round's roster."""
    await play.open(*ALL)
    await play.enter(5)
    await play.finish(*ALL)
    play.round = 0
    assert await refusal(play.attest(5)) == ("NotSeated", 1, 5)


# Privacy.


async def test_declared_privacy_never_decreases_and_stays_in_the_budget(play: Play) -> None:
    """Across rounds, and whether or not the round was finalized."""
    await play.open(*ALL)
    play.privacy[1] = 600
    await play.commit(1)
    await play.skip()
    play.privacy[1] = 599
    assert await refusal(play.commit(1)) == ("PrivacyDecreased", 599, 600)
    play.privacy[1] = 1001
    assert await refusal(play.commit(1)) == ("OverBudget", 1001, 1000)
    play.privacy[1] = 1000
    await play.commit(1)


async def test_the_reveal_repeats_the_declared_privacy(play: Play) -> None:
    """Declaring less in the commitment than in the call is refused when revealed."""
    await play.open(*ALL)
    hidden = play.commitment(1)
    await play.ledger(1).send(Commit(1, 0, hidden, 5))
    await play.commit(2, 3, 4)
    assert await refusal(play.reveal(1)) == ("RevealMismatch", hidden, hidden)


# Refusals that have no story of their own.


async def test_a_commitment_is_made_once_and_is_not_zero(play: Play) -> None:
    """The first promise stays."""
    await play.open(*ALL)
    assert await refusal(play.ledger(1).send(Commit(1, 0, bytes(32), 0))) == ("Zero",)
    await play.commit(1)
    assert await refusal(play.commit(1)) == ("Already", 0)


async def test_a_reveal_is_checked_against_the_commitment(play: Play) -> None:
    """Another digest, another weight, nothing promised, a second time."""
    await play.open(*ALL)
    await play.commit(1, 2, 3)
    await play.time_out()
    promised, ledger = play.commitment(1), play.ledger(1)
    odd = play.reveal_call(1, weight=3)
    assert await refusal(ledger.send(odd)) == ("BadWeight", 3)
    assert await refusal(ledger.send(replace(odd, weight=0))) == ("BadWeight", 0)
    assert await refusal(ledger.send(replace(odd, digest=ZERO))) == ("Zero",)
    heavier = play.reveal_call(1, weight=128)
    got = play.commitment(1, weight=128)
    assert await refusal(ledger.send(heavier)) == ("RevealMismatch", promised, got)
    nothing = ("RevealMismatch", bytes(32), play.commitment(4))
    assert await refusal(play.reveal(4)) == nothing
    await play.reveal(1)
    assert await refusal(play.reveal(1)) == ("Already", 0)


async def test_a_promise_of_an_earlier_round_is_no_promise_now(play: Play) -> None:
    """A seat that committed last round only can't reveal this round."""
    await play.open(*ALL)
    await play.commit(4)
    await play.skip()
    await play.commit(1, 2, 3)
    await play.time_out()
    assert await refusal(play.reveal(4)) == ("RevealMismatch", bytes(32), play.commitment(4))


async def test_a_hold_names_revealed_updates_once(play: Play) -> None:
    """Bits of others are named in the refusal."""
    await play.open(*ALL)
    await play.commit(1, 2, 3)
    await play.time_out()
    await play.reveal(1, 2, 3)
    assert await refusal(play.hold(0b11001, 1)) == ("NotRevealed", 0b11000)
    await play.hold(0b0001, 1)
    assert await refusal(play.hold(0b0111, 1)) == ("Already", 0)


async def test_an_attestation_is_made_once_and_is_not_zero(play: Play) -> None:
    """Neither digest may be zero."""
    await play.open(*ALL)
    await play.until_attest(*ALL)
    for bad in (Attest(1, 0, ZERO, RECEIPT), Attest(1, 0, merged(0), ZERO)):
        assert await refusal(play.ledger(1).send(bad)) == ("Zero",)
    await play.attest(1)
    assert await refusal(play.attest(1, result=digest(b"another"))) == ("Already", 0)


ROUND_CALLS = {
    Phase.COMMIT: Commit(1, 0, bytes([1]) * 32, 0),
    Phase.REVEAL: Reveal(1, 0, BASE, 1, 0, bytes(32)),
    Phase.HOLD: Hold(1, 0, 0),
    Phase.ATTEST: Attest(1, 0, BASE, RECEIPT),
}


@pytest.mark.parametrize("phase", ROUND_CALLS, ids=lambda phase: phase.name)
async def test_a_call_is_good_in_its_round_and_phase_only(play: Play, phase: Phase) -> None:
    """Another run, another round, another phase, somebody without a seat, somebody unknown."""
    call = ROUND_CALLS[phase]
    await play.open(*ALL)
    other = Phase.HOLD if phase is Phase.COMMIT else Phase.COMMIT
    if phase is Phase.COMMIT:
        await play.until_hold(*ALL)
    assert await refusal(play.ledger(1).send(call)) == ("WrongPhase", other)
    assert await refusal(play.ledger(1).send(replace(call, run=2))) == ("NoRun", 2)
    assert await refusal(play.ledger(1).send(replace(call, round=1))) == ("WrongRound", 1, 0)


@pytest.mark.parametrize("phase", ROUND_CALLS, ids=lambda phase: phase.name)
async def test_only_seated_members_speak(play: Play, phase: Phase) -> None:
    """A member without a seat, and a stranger."""
    await play.open(*ALL)
    if phase > Phase.COMMIT:
        await play.commit(*ALL)
    if phase > Phase.REVEAL:
        await play.reveal(*ALL)
    if phase > Phase.HOLD:
        await play.hold(0b1111, *ALL)
    stranger = play.world.strangers[0]
    assert await refusal(play.ledger(7).send(ROUND_CALLS[phase])) == ("NotSeated", 1, 7)
    assert await refusal(stranger.send(ROUND_CALLS[phase])) == ("NotMember", stranger.account)


async def test_strangers_and_the_seated_cannot_enter(play: Play) -> None:
    """Only members enter, and once."""
    await play.open(1)
    stranger = play.world.strangers[0]
    assert await refusal(stranger.send(Enter(1))) == ("NotMember", stranger.account)
    assert await refusal(play.ledger(1).send(Enter(1))) == ("AlreadyEntered", 1, 1)
    assert await refusal(stranger.send(Enter(2))) == ("NoRun", 2)


@pytest.mark.parametrize(
    "call", [Advance(1), Evict(1, 99), CloseRun(1)], ids=lambda c: type(c).__name__
)
async def test_a_run_that_does_not_exist_is_named(world: World, call: Any) -> None:
    """Calls of anybody and of the authority."""
    assert await refusal(world.authority.send(call)) == ("NoRun", 1)


async def test_the_authority_closes_a_run_once(play: Play) -> None:
    """Afterwards nothing moves."""
    await play.open(*ALL)
    account = play.ledger(1).account
    assert await refusal(play.ledger(1).send(CloseRun(1))) == ("NotAuthority", account)
    await play.world.authority.send(CloseRun(1))
    assert (await play.events())[-1] == RunClosed(1, Close.BY_AUTHORITY)
    closed = ("WrongPhase", Phase.CLOSED)
    assert await refusal(play.world.strangers[0].send(Enter(1))) == closed
    assert await refusal(play.world.authority.send(CloseRun(1))) == closed
    assert await refusal(play.ledger(1).send(Advance(1))) == closed
    assert await refusal(play.commit(1)) == closed
    await revoke(play, 1)
    assert await play.said(Evicted) == []


BAD_TERMS: list[tuple[str, dict[str, Any]]] = [
    ("rounds", {"rounds": 0}),
    ("seats", {"seats": 0}),
    ("seats", {"seats": 257}),
    ("minInputs", {"min_inputs": 0}),
    ("minInputs", {"min_inputs": 5}),
    ("joinDelay", {"join_delay": 0}),
    ("enterSeconds", {"enter_seconds": 0}),
    ("commitSeconds", {"commit_seconds": 0}),
    ("revealSeconds", {"reveal_seconds": 0}),
    ("holdSeconds", {"hold_seconds": 0}),
    ("attestSeconds", {"attest_seconds": 0}),
    ("base", {"base": ZERO}),
]


@pytest.mark.parametrize(("named", "change"), BAD_TERMS, ids=lambda value: str(value))
async def test_terms_that_cannot_work_are_named(world: World, named: str, change: Any) -> None:
    """The first field that is wrong."""
    call = OpenRun(replace(TERMS, **change), MANIFEST)
    assert await refusal(world.authority.send(call)) == ("BadTerms", named)


async def test_only_the_authority_opens_runs(world: World) -> None:
    """Members don't."""
    node: Ledger = world.nodes[0]
    assert await refusal(node.send(OpenRun(TERMS, MANIFEST))) == ("NotAuthority", node.account)


async def test_a_run_may_go_on_from_a_finalized_model_only(play: Play) -> None:
    """Parent run, round and digest must fit."""
    await play.open(*ALL)
    await play.finish(*ALL)
    child = replace(TERMS, parent_run=1, parent_round=0, base=merged(0))
    await play.world.authority.send(OpenRun(child, MANIFEST))
    for terms, found in (
        (replace(child, base=BASE), merged(0)),
        (replace(child, parent_round=1), ZERO),
    ):
        expected = ("BadParent", 1, terms.parent_round, found.raw)
        assert await refusal(play.world.authority.send(OpenRun(terms, MANIFEST))) == expected


async def test_a_refused_call_leaves_nothing_behind(play: Play) -> None:
    """No event, and the next good call works."""
    await play.open(*ALL)
    before = await play.events()
    await refusal(play.hold(0, 1))
    await refusal(play.ledger(1).send(Commit(1, 0, bytes(32), 900)))
    assert await play.events() == before
    await play.commit(*ALL)


async def test_a_revocation_names_an_unknown_run_and_changes_nothing(play: Play) -> None:
    """All or nothing."""
    await play.open(*ALL)
    assert await refusal(play.world.authority.send(Revoke(1, (1, 9), 7))) == ("NoRun", 9)
    assert await play.said(Evicted) == []
    await play.commit(1)
