"""What a node decides in a gossip run: a table of moments, one next action each."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node import round as story
from node.commitment import Claims
from node.database import OwnUpdate
from node.digest import digest
from node.gossip.neighbours import drawn
from node.gossip.round import decide
from node.ledger import (
    FIRST_GOSSIP,
    Advance,
    AttestOwn,
    Close,
    Enter,
    Phase,
    Revealed,
    Skip,
    Terms,
)
from node.manifest import Manifest
from node.round import COURTESY, HOLD_MARGIN, OWN_FIRST_SECONDS, STAGGER_SECONDS, Holding, Mine
from node.state import Attestation, GossipRound, GossipRun

ME, RUN, DEADLINE, NOW = 3, FIRST_GOSSIP, 1000, 500.0
BASE, OWN = digest(b"base"), digest(b"own model")
UPDATE = OwnUpdate(digest(b"mine"), Claims(8))
TERMS = Terms(
    rounds=5,
    seats=7,
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
STRICT = Manifest(
    "run", 1, "task", BASE, TERMS, "nna:f=1", 1, 10, 64, 1 << 20, 0, BASE, 7, neighbours=2
)
MANIFEST = STRICT.to_bytes()
LOOSE = replace(STRICT, merge="gossip", hostile=0).to_bytes()
MEMBERS = range(1, 8)
SEATS = {member: member - 1 for member in MEMBERS}
EVERYBODY, MY_BIT = 0b1111111, 0b0000100
SEED = bytes(range(32))
LEFT, RIGHT = drawn(SEED, MEMBERS, 2)[ME]
NEAR = (LEFT, RIGHT)
INPUTS = sum(1 << member - 1 for member in (ME, *NEAR))
MERGED = Attestation(digest(b"merged"), digest(b"receipt"), INPUTS)


def a_round(phase=Phase.COMMIT, number=1, **fields):
    """Round 1 of seven members, the own base being what member 3 attested in round 0."""
    fixed = {"roster": EVERYBODY, "expected": EVERYBODY, "f": 2, "quorum": 0, "bases": {ME: OWN}}
    return GossipRound(number=number, base=BASE, phase=phase, deadline=DEADLINE, **{**fixed, **fields})


def a_run(round_=None, manifest=MANIFEST, **fields):
    """A run of seven members, as member 3 lives it."""
    given = {"seats": SEATS, "entering_until": DEADLINE, "round": round_, **fields}
    return GossipRun(RUN, bytes(32), manifest, TERMS, **given).lived_by(ME)


def lived(round_):
    """The round as member 3 lives it."""
    return round_.lived_by(ME)


def mine(round_=1, models=(OWN,), **holding):
    """Member 3, who has its model."""
    return Mine(ME, frozenset(models), {round_: Holding(**holding)})


def revealed(*members):
    """What these members revealed."""
    return {m: Revealed(RUN, 1, m, digest(bytes([m])), 8, 0, bytes(32)) for m in members}


MY_TURN = DEADLINE + SEATS[ME] * STAGGER_SECONDS
WAIT = story.Wait(MY_TURN)
SHORT = DEADLINE - HOLD_MARGIN * (TERMS.hold_seconds + TERMS.attest_seconds)
COMMIT, REVEAL = a_round(), a_round(Phase.REVEAL, committed=EVERYBODY)
ATTEST = a_round(Phase.ATTEST, revealed=revealed(*MEMBERS), inputs=EVERYBODY, seed=SEED)
BENCHED = replace(ATTEST, expected=EVERYBODY & ~(1 << LEFT - 1))
SOON = DEADLINE - (1 - COURTESY) * (TERMS.hold_seconds + TERMS.attest_seconds)
WITHOUT_ME = replace(ATTEST, inputs=EVERYBODY & ~MY_BIT)
BEFORE = replace(
    ATTEST, number=0, bases={}, over=True, attested={ME: Attestation(OWN, digest(b"r"), INPUTS)}
)
ALL = frozenset(MEMBERS)
TRIO = tuple(sorted((ME, *NEAR)))
SAY = story.Send(AttestOwn(RUN, 1, INPUTS, MERGED.merged, MERGED.receipt))

CASES = {
    # As in every run.
    "enter": (a_run(seats={}), mine(), NOW, story.Send(Enter(RUN))),
    "enter again when benched": (a_run(COMMIT, benched=MY_BIT), mine(), NOW, story.Send(Enter(RUN))),
    "without a model nobody need wait": (
        a_run(COMMIT, past=(BEFORE,), benched=MY_BIT), mine(models=()), NOW,
        story.Fetch(lived(BEFORE), TRIO, MY_TURN),
    ),
    "train from the own model": (a_run(COMMIT), mine(), NOW, story.Train(lived(COMMIT))),
    "promise": (a_run(COMMIT), mine(update=UPDATE), NOW, story.Promise(lived(COMMIT), UPDATE)),
    "reveal": (a_run(REVEAL), mine(update=UPDATE), NOW, story.OpenPromise(lived(REVEAL), UPDATE)),
    "not in the roster yet": (a_run(a_round(roster=EVERYBODY & ~MY_BIT)), mine(), NOW, WAIT),
    # The own model.
    "the first model comes from anybody": (
        a_run(a_round(bases={})), mine(models=()), NOW,
        story.FetchModel(lived(a_round(bases={})), MY_TURN),
    ),
    "a lost model: fetch what made it": (
        a_run(COMMIT, past=(BEFORE,)), mine(models=()), NOW,
        story.Fetch(lived(BEFORE), TRIO, MY_TURN),
    ),
    "a lost model: merge again": (
        a_run(COMMIT, past=(BEFORE,)), mine(0, models=(), verified=ALL), NOW,
        story.Merge(lived(BEFORE), TRIO),
    ),
    "a lost model: other bytes from the same inputs": (
        a_run(COMMIT, past=(BEFORE,)), mine(0, models=(), verified=ALL, merged=MERGED), NOW, WAIT,
    ),
    "a lost model: no merge any more": (
        a_run(COMMIT, past=(BEFORE,)), mine(0, models=(), verified=ALL, no_merge="unfit"), NOW, WAIT,
    ),
    # Attest.
    "fetch the neighbours' and the own": (
        a_run(ATTEST), mine(), NOW, story.Fetch(lived(ATTEST), TRIO, SHORT),
    ),
    "fetch what is missing": (
        a_run(ATTEST), mine(verified=frozenset({ME, LEFT})), NOW,
        story.Fetch(lived(ATTEST), (RIGHT,), SHORT),
    ),
    "merge the neighbours' alone": (
        a_run(ATTEST), mine(verified=ALL), NOW, story.Merge(lived(ATTEST), TRIO),
    ),
    "merge without the refused": (
        a_run(ATTEST), mine(verified=frozenset({ME, LEFT}), refused=frozenset({RIGHT})), NOW,
        story.Merge(lived(ATTEST), tuple(sorted((ME, LEFT)))),
    ),
    "wait a little for who is benched": (
        a_run(BENCHED, manifest=LOOSE), mine(verified=ALL - {LEFT}), NOW,
        story.Fetch(lived(BENCHED), (LEFT,), SOON),
    ),
    "merge without who is benched": (
        a_run(BENCHED, manifest=LOOSE), mine(verified=ALL - {LEFT}), SOON,
        story.Merge(lived(BENCHED), tuple(sorted((ME, RIGHT)))),
    ),
    "merge without who is benched though the rule needs them": (
        a_run(BENCHED), mine(verified=ALL - {LEFT}), SOON,
        story.Merge(lived(BENCHED), tuple(sorted((ME, RIGHT)))),
    ),
    "wait for the others whoever is benched": (
        a_run(BENCHED, manifest=LOOSE), mine(verified=frozenset({ME})), SOON,
        story.Fetch(lived(BENCHED), tuple(sorted(NEAR)), SHORT),
    ),
    "merge what is here when time gets short": (
        a_run(ATTEST), mine(verified=frozenset({ME, RIGHT})), SHORT,
        story.Merge(lived(ATTEST), tuple(sorted((ME, RIGHT)))),
    ),
    "merge nothing but the own": (
        a_run(ATTEST), mine(verified=frozenset({ME})), SHORT, story.Merge(lived(ATTEST), (ME,)),
    ),
    "without the own there is no anchor": (
        a_run(ATTEST), mine(verified=frozenset(NEAR)), SHORT,
        story.Fetch(lived(ATTEST), (ME,), DEADLINE),
    ),
    "give the anchor up at the deadline": (
        a_run(ATTEST), mine(verified=frozenset(NEAR)), float(DEADLINE), WAIT,
    ),
    "attest": (a_run(ATTEST), mine(verified=ALL, merged=MERGED), NOW, SAY),
    "wait when attested": (
        a_run(replace(ATTEST, attested={ME: MERGED})), mine(verified=ALL, merged=MERGED), NOW, WAIT,
    ),
    "can't merge": (a_run(ATTEST), mine(verified=ALL, no_merge="unfit"), NOW, WAIT),
    "no part in it without a reveal": (a_run(WITHOUT_ME), mine(), NOW, WAIT),
    # Deadlines.
    "attest late rather than advance": (a_run(ATTEST), mine(verified=ALL, merged=MERGED), MY_TURN, SAY),
    "advance rather than attest for ever": (
        a_run(ATTEST), mine(verified=ALL, merged=MERGED), MY_TURN + OWN_FIRST_SECONDS,
        story.Send(Advance(RUN)),
    ),
    "advance rather than fetch": (
        a_run(ATTEST), mine(verified=frozenset(NEAR)), MY_TURN, story.Send(Advance(RUN)),
    ),
    "advance in turn": (a_run(REVEAL), mine(), MY_TURN, story.Send(Advance(RUN))),
    # The end.
    "finish when closed": (
        a_run(None, past=(BEFORE,), closed=Close.ROUNDS_DONE), mine(), NOW,
        story.Finish("the run is closed"),
    ),
    "finish when evicted": (
        a_run(COMMIT, evicted=frozenset({ME})), mine(), NOW, story.Finish("this member was revoked"),
    ),
    "nothing is attested late": (
        a_run(COMMIT, past=(replace(BEFORE, attested={}),)),
        replace(mine(0, verified=ALL, merged=MERGED), models=frozenset({OWN})), NOW,
        story.Train(lived(COMMIT)),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("run", "me", "now", "expected"), CASES.values(), ids=CASES)
def test_decide(run, me, now, expected):
    """One moment, one action."""
    assert expected == decide(run, me, now)


def test_a_member_lives_its_own_run():
    """Its model is what it attested last; who attested nothing has the first."""
    other = digest(b"another's")
    past = replace(BEFORE, attested={**BEFORE.attested, 5: Attestation(other, digest(b"s"), 0b10000)})
    skipped = replace(COMMIT, number=1, skipped=Skip.TOO_FEW_COMMITTED)
    run = replace(a_run(None), past=(past, skipped), closed=Close.ROUNDS_DONE)
    assert [run.lived_by(m).model for m in (ME, 5, 1)] == [OWN, other, BASE]
    assert [r.base for r in run.lived_by(ME).rounds] == [BASE, OWN]
    assert [r.ended for r in run.rounds] == [True, True]


subsets = st.sets(st.sampled_from([*MEMBERS])).map(frozenset)
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
    a_round,
    st.sampled_from([Phase.COMMIT, Phase.REVEAL, Phase.ATTEST]),
    roster=bitmaps,
    committed=bitmaps,
    revealed=subsets.map(lambda members: revealed(*members)),
    inputs=st.none() | bitmaps,
    seed=st.just(SEED),
    attested=subsets.map(lambda members: dict.fromkeys(members, MERGED)),
)
runs = st.builds(
    a_run,
    st.none() | rounds,
    seats=st.sampled_from([SEATS, {}, {ME: 0}, {1: 0, ME: 1}]),
    benched=bitmaps,
    evicted=subsets,
    past=st.sampled_from([(), (BEFORE,), (replace(BEFORE, attested={}),)]),
    closed=st.none() | st.sampled_from(Close),
)
nodes = st.builds(
    Mine,
    member=st.just(ME),
    models=st.sets(st.sampled_from([BASE, OWN])).map(frozenset),
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
def test_nothing_is_merged_but_the_own_and_the_neighbours(run, me, now):
    """Verified, and the own update always among them."""
    match decide(run, me, now):
        case story.Merge(round_, members) if round_ == run.round:
            near = set(drawn(SEED, run.members_in(round_.inputs), 2)[ME])
            assert ME in members
            assert set(members) <= {ME, *near} & me.of(round_).verified
        case story.Send(AttestOwn()):
            assert ME not in run.round.attested
            assert run.bit(ME) & run.round.inputs
