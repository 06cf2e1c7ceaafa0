"""The decision: a table of moments, one next action each."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node import round as story
from node.commitment import Claims
from node.database import OwnUpdate
from node.digest import digest
from node.ledger import Advance, Attest, Close, Enter, Hold, Phase, Revealed, Skip, Terms
from node.round import (
    COURTESY,
    HOLD_MARGIN,
    OWN_FIRST_SECONDS,
    STAGGER_MOST,
    STAGGER_SECONDS,
    Holding,
    Mine,
    decide,
)
from node.state import Attestation, Round, Run

ME, RUN, DEADLINE, NOW = 3, 9, 1000, 500.0
BASE = digest(b"base")
UPDATE = OwnUpdate(digest(b"mine"), Claims(8))
MERGED = Attestation(digest(b"merged"), digest(b"receipt"))
TERMS = Terms(
    rounds=5,
    seats=4,
    min_inputs=3,
    join_delay=1,
    enter_seconds=100,
    commit_seconds=100,
    reveal_seconds=100,
    hold_seconds=100,
    attest_seconds=100,
    privacy_budget=0,
    base=BASE,
)
SEATS = {1: 0, 2: 1, 3: 2, 4: 3}
EVERYBODY = 0b1111
MY_BIT = 0b0100


def revealed(*members):
    """What these members revealed."""
    return {m: Revealed(RUN, 0, m, digest(bytes([m])), 8, 0, bytes(32)) for m in members}


def a_round(phase=Phase.COMMIT, **fields):
    """Round 0 of four members."""
    fixed = {"number": 0, "base": BASE, "roster": EVERYBODY, "expected": EVERYBODY}
    given = {**fixed, "f": 1, "quorum": 3, "phase": phase, "deadline": DEADLINE, **fields}
    return Round(**given)


def a_run(round_=None, **fields):
    """A run of four members; without a round it is still entering."""
    given = {"seats": SEATS, "entering_until": DEADLINE, "round": round_, **fields}
    return Run(RUN, bytes(32), b"", TERMS, **given)


def mine(round_=0, models=(BASE,), enter_after=0, promises_from=0, **holding):
    """Member 3, who has the base."""
    rounds = {round_: Holding(**holding)}
    return Mine(ME, frozenset(models), rounds, enter_after, promises_from=promises_from)


def held(*members):
    """What seat 3 says it holds."""
    return story.Send(Hold(RUN, 0, sum(1 << SEATS[m] for m in members)))


MY_TURN = DEADLINE + SEATS[ME] * STAGGER_SECONDS
WAIT = story.Wait(MY_TURN)
COMMIT = a_round()
REVEAL = a_round(Phase.REVEAL, committed=EVERYBODY)
HOLD = a_round(Phase.HOLD, revealed=revealed(1, 2, 3, 4))
SHORT = DEADLINE - HOLD_MARGIN * TERMS.hold_seconds
BENCHED = replace(HOLD, expected=EVERYBODY & ~0b1000)
POLITE = DEADLINE - (1 - COURTESY) * TERMS.hold_seconds
ATTEST = a_round(Phase.ATTEST, revealed=revealed(1, 2, 3, 4), inputs=0b0111)
DONE = replace(ATTEST, finalized=MERGED)
NEXT = a_round(number=1, base=MERGED.merged)
ALL = frozenset({1, 2, 3, 4})

CASES = {
    # Entering.
    "enter": (a_run(seats={}), mine(), NOW, story.Send(Enter(RUN))),
    "enter a run under way": (a_run(COMMIT, seats={1: 0}), mine(), NOW, story.Send(Enter(RUN))),
    "let others enter first": (
        a_run(seats={1: 0}), mine(enter_after=2), NOW,
        story.Wait(DEADLINE + STAGGER_MOST * STAGGER_SECONDS),
    ),
    "enter after those": (
        a_run(seats={1: 0, 2: 1}), mine(enter_after=2), NOW, story.Send(Enter(RUN)),
    ),
    "wait for the first round": (a_run(), mine(), NOW, WAIT),
    "enter again when benched": (a_run(COMMIT, benched=MY_BIT), mine(), NOW, story.Send(Enter(RUN))),
    "others are benched": (a_run(COMMIT, benched=1), mine(update=UPDATE), NOW,
        story.Promise(COMMIT, UPDATE)),
    "not in the roster yet": (a_run(a_round(roster=0b1011)), mine(), NOW, WAIT),
    # The base.
    "fetch the model": (a_run(COMMIT), mine(models=()), NOW, story.FetchModel(COMMIT, MY_TURN)),
    "fetch the model even late in the round": (
        a_run(ATTEST), mine(models=()), NOW, story.FetchModel(ATTEST, MY_TURN),
    ),
    # Commit.
    "train": (a_run(COMMIT), mine(), NOW, story.Train(COMMIT)),
    "promise": (a_run(COMMIT), mine(update=UPDATE), NOW, story.Promise(COMMIT, UPDATE)),
    "wait when committed": (a_run(a_round(committed=MY_BIT)), mine(update=UPDATE), NOW, WAIT),
    "no second training when committed": (a_run(a_round(committed=MY_BIT)), mine(), NOW, WAIT),
    "no promise after failed training": (a_run(COMMIT), mine(no_update="NaN"), NOW, WAIT),
    "no training in a round that a lost disk may have promised in": (
        a_run(COMMIT), mine(promises_from=1), NOW, WAIT,
    ),
    "promise what the database has": (
        a_run(COMMIT), mine(promises_from=1, update=UPDATE), NOW, story.Promise(COMMIT, UPDATE),
    ),
    "train in the round after": (
        a_run(replace(COMMIT, number=1)), mine(1, promises_from=1), NOW,
        story.Train(replace(COMMIT, number=1)),
    ),
    # Reveal.
    "reveal": (a_run(REVEAL), mine(update=UPDATE), NOW, story.OpenPromise(REVEAL, UPDATE)),
    "wait when revealed": (
        a_run(replace(REVEAL, revealed=revealed(ME))), mine(update=UPDATE), NOW, WAIT,
    ),
    "no reveal of what was committed too late": (
        a_run(replace(REVEAL, committed=EVERYBODY & ~MY_BIT)), mine(update=UPDATE), NOW, WAIT,
    ),
    "nothing to reveal": (a_run(REVEAL), mine(no_update="NaN"), NOW, WAIT),
    # Hold.
    "fetch all": (a_run(HOLD), mine(), NOW, story.Fetch(HOLD, (1, 2, 3, 4), SHORT)),
    "fetch what is missing": (
        a_run(HOLD), mine(verified=frozenset({1, 3})), NOW, story.Fetch(HOLD, (2, 4), SHORT),
    ),
    "wait a little for who is benched": (
        a_run(BENCHED), mine(verified=frozenset({1, 2, 3})), POLITE - 1,
        story.Fetch(BENCHED, (4,), POLITE),
    ),
    "not longer than that": (
        a_run(BENCHED), mine(verified=frozenset({1, 2, 3})), POLITE, held(1, 2, 3),
    ),
    "fetch theirs as well while others are missing": (
        a_run(BENCHED), mine(verified=frozenset({1, 3})), POLITE, story.Fetch(BENCHED, (2, 4), SHORT),
    ),
    "hold all": (a_run(HOLD), mine(verified=ALL), NOW, held(1, 2, 3, 4)),
    "hold all but the refused": (
        a_run(HOLD), mine(verified=frozenset({1, 2, 3}), refused=frozenset({4})), NOW, held(1, 2, 3),
    ),
    "hold what there is when time gets short": (
        a_run(HOLD), mine(verified=frozenset({2, 3})), SHORT, held(2, 3),
    ),
    "hold nothing rather than nothing said": (a_run(HOLD), mine(), SHORT, held()),
    "hold without an update of one's own": (
        a_run(HOLD), mine(no_update="NaN", verified=ALL), NOW, held(1, 2, 3, 4),
    ),
    "hold nobody evicted": (
        a_run(replace(HOLD, revealed=revealed(1, 2, 3))), mine(verified=ALL), NOW, held(1, 2, 3),
    ),
    "wait when held": (a_run(replace(HOLD, held={ME: 1})), mine(verified=ALL), NOW, WAIT),
    # Attest.
    "fetch inputs that were missed": (
        a_run(ATTEST), mine(verified=frozenset({3})), NOW, story.Fetch(ATTEST, (1, 2), MY_TURN),
    ),
    "fetch inputs until it is our turn": (
        a_run(ATTEST), mine(), float(DEADLINE), story.Fetch(ATTEST, (1, 2, 3), MY_TURN),
    ),
    "merge the inputs": (a_run(ATTEST), mine(verified=ALL), NOW, story.Merge(ATTEST, (1, 2, 3))),
    "attest": (
        a_run(ATTEST), mine(verified=ALL, merged=MERGED), NOW,
        story.Send(Attest(RUN, 0, MERGED.merged, MERGED.receipt)),
    ),
    "attest without an update of one's own": (
        a_run(ATTEST), mine(no_update="NaN", verified=ALL, merged=MERGED), NOW,
        story.Send(Attest(RUN, 0, MERGED.merged, MERGED.receipt)),
    ),
    "wait when attested": (
        a_run(replace(ATTEST, attested={ME: MERGED})), mine(verified=ALL, merged=MERGED), NOW, WAIT,
    ),
    "can't merge": (a_run(ATTEST), mine(verified=ALL, no_merge="unfit"), NOW, WAIT),
    # After the round.
    "merge late": (
        a_run(NEXT, past=(DONE,)), mine(verified=ALL), NOW, story.Merge(DONE, (1, 2, 3)),
    ),
    "attest late": (
        a_run(NEXT, past=(DONE,)), mine(verified=ALL, merged=MERGED), NOW,
        story.Send(Attest(RUN, 0, MERGED.merged, MERGED.receipt)),
    ),
    "attest late after the last round": (
        a_run(None, past=(DONE,), closed=Close.ROUNDS_DONE), mine(verified=ALL, merged=MERGED), NOW,
        story.Send(Attest(RUN, 0, MERGED.merged, MERGED.receipt)),
    ),
    "go on when inputs were missed": (
        a_run(NEXT, past=(DONE,)), mine(verified=frozenset({3})), NOW,
        story.FetchModel(NEXT, MY_TURN),
    ),
    "no late attestation of a skipped round": (
        a_run(replace(NEXT, base=BASE), past=(replace(ATTEST, skipped=Skip.NO_QUORUM),)),
        mine(verified=ALL, merged=MERGED), NOW, story.Train(replace(NEXT, base=BASE)),
    ),
    # Deadlines.
    "not yet ours to advance": (a_run(REVEAL), mine(no_update="NaN"), DEADLINE + 0.9, WAIT),
    "advance in turn": (a_run(REVEAL), mine(), MY_TURN, story.Send(Advance(RUN))),
    "reveal late rather than advance": (
        a_run(REVEAL), mine(update=UPDATE), MY_TURN, story.OpenPromise(REVEAL, UPDATE),
    ),
    "advance rather than reveal for ever": (
        a_run(REVEAL), mine(update=UPDATE), MY_TURN + OWN_FIRST_SECONDS, story.Send(Advance(RUN)),
    ),
    "advance entering": (a_run(), mine(), MY_TURN, story.Send(Advance(RUN))),
    "advance without the model": (a_run(COMMIT), mine(models=()), MY_TURN, story.Send(Advance(RUN))),
    # The end.
    "finish when closed": (
        a_run(None, past=(a_round(skipped=Skip.NO_QUORUM),), closed=Close.BY_AUTHORITY), mine(), NOW,
        story.Finish("the run is closed"),
    ),
    "finish when evicted": (
        a_run(COMMIT, evicted=frozenset({ME})), mine(), NOW, story.Finish("this member was revoked"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("run", "me", "now", "expected"), CASES.values(), ids=CASES)
def test_decide(run, me, now, expected):
    """One moment, one action."""
    assert expected == decide(run, me, now)


subsets = st.sets(st.sampled_from([1, 2, 3, 4])).map(frozenset)
bitmaps = st.integers(0, EVERYBODY)
holdings = st.builds(
    Holding,
    update=st.none() | st.just(UPDATE),
    verified=subsets,
    refused=subsets,
    merged=st.none() | st.just(MERGED),
    no_update=st.sampled_from(["", "NaN"]),
    no_merge=st.sampled_from(["", "unfit"]),
)
rounds = st.builds(
    Round,
    number=st.just(1),
    base=st.sampled_from([BASE, MERGED.merged]),
    roster=bitmaps,
    expected=bitmaps,
    f=st.just(1),
    quorum=st.just(3),
    phase=st.sampled_from([Phase.COMMIT, Phase.REVEAL, Phase.HOLD, Phase.ATTEST]),
    deadline=st.just(DEADLINE),
    committed=bitmaps,
    revealed=subsets.map(lambda members: revealed(*members)),
    held=subsets.map(lambda members: dict.fromkeys(members, 0)),
    inputs=st.none() | bitmaps,
    attested=subsets.map(lambda members: dict.fromkeys(members, MERGED)),
)
ended = st.builds(
    replace,
    rounds,
    number=st.just(0),
    inputs=bitmaps,
    finalized=st.none() | st.just(MERGED),
)
runs = st.builds(
    a_run,
    st.none() | rounds,
    seats=st.sampled_from([SEATS, {}, {ME: 0}, {1: 0, ME: 1}]),
    benched=bitmaps,
    evicted=subsets,
    past=st.just(()) | ended.map(lambda round_: (round_,)),
    closed=st.none() | st.sampled_from(Close),
)
nodes = st.builds(
    Mine,
    member=st.just(ME),
    models=st.sets(st.sampled_from([BASE, MERGED.merged])).map(frozenset),
    rounds=st.fixed_dictionaries({0: holdings, 1: holdings}),
    enter_after=st.integers(0, 4),
)
moments = st.floats(0, 2 * DEADLINE)


@settings(derandomize=True)
@given(runs, nodes, moments)
def test_there_is_always_a_next_step(run, me, now):
    """Waiting ends, in the future; so does fetching: no state is a dead end or a busy loop."""
    action = decide(run, me, now)
    assert isinstance(action, story.Action)
    if isinstance(action, story.Wait | story.Fetch | story.FetchModel):
        assert now < action.until < math.inf


@settings(derandomize=True)
@given(runs, nodes, moments)
def test_nothing_is_said_twice(run, me, now):
    """Who has committed, revealed, held or attested isn't asked to do it again."""
    match decide(run, me, now):
        case story.Promise(round_) | story.Train(round_):
            assert not round_.committed & run.bit(ME)
        case story.OpenPromise(round_):
            assert ME not in round_.revealed
            assert round_.committed & run.bit(ME)
        case story.Send(Hold()):
            assert ME not in run.round.held
        case story.Send(Attest(round=number)):
            assert ME not in next(r for r in run.rounds if r.number == number).attested


@settings(derandomize=True)
@given(runs, nodes, moments)
def test_only_what_is_verified_is_held_and_merged(run, me, now):
    """Bits of a hold, and inputs of a merge, are updates that passed."""
    match decide(run, me, now):
        case story.Send(Hold(bits=bits)):
            assert set(run.members_in(bits)) <= me.of(run.round).verified & run.round.revealed.keys()
        case story.Merge(round_, members):
            assert set(members) <= me.of(round_).verified
            assert run.members_in(round_.inputs) == members


@settings(derandomize=True)
@given(runs, nodes, moments)
def test_one_update_for_one_base(run, me, now):
    """With an update written down nothing is trained, and what is promised is that update."""
    match decide(run, me, now):
        case story.Train(round_):
            assert me.of(round_).update is None
        case story.Promise(round_, update) | story.OpenPromise(round_, update):
            assert me.of(round_).update == update


@settings(derandomize=True)
@given(runs, nodes, moments)
def test_the_revoked_are_silent(run, me, now):
    """An evicted member says nothing any more."""
    if ME in run.evicted:
        assert story.Finish("this member was revoked") == decide(run, me, now)
