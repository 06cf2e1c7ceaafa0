"""What may be served to whom, and when."""

from dataclasses import replace

import pytest

from node.digest import digest
from node.gossip.neighbours import drawn
from node.ledger import FIRST_GOSSIP, Address, Close, Phase, Revealed, Skip, Terms
from node.manifest import Manifest
from node.serving import may_serve
from node.state import Attestation, Chronicle, GossipRound, GossipRun, Member, Round, Run

BASE, UPDATE, MODEL, RECEIPT = (digest(name) for name in (b"base", b"update", b"model", b"receipt"))
TERMS = Terms(3, 4, 3, 1, 1, 1, 1, 1, 1, 0, BASE)
MEMBERS = {n: Member(n, Address(f"0x{n:040x}"), bytes([n]) * 32) for n in (1, 2, 3)}
REVEALED = {1: Revealed(1, 0, 1, UPDATE, 8, 0, bytes(32))}
ROUND = Round(0, BASE, 0b011, 0b011, 0, 2, Phase.COMMIT, 100, revealed=REVEALED)
RUN = Run(1, bytes(32), b"", TERMS, seats={1: 0, 2: 1, 3: 2}, round=ROUND)


def serves(digest, to=2, members=MEMBERS, run=RUN, **fields):
    """Whether a blob may go to a member in a round with these fields."""
    run = replace(run, round=replace(run.round, **fields)) if run.round else run
    return may_serve(Chronicle(members, {1: run}), 1, digest, bytes([to]) * 32)


@pytest.mark.parametrize(
    ("phase", "expected"),
    [(Phase.COMMIT, False), (Phase.REVEAL, False), (Phase.HOLD, True), (Phase.ATTEST, True)],
)
def test_updates_wait_for_the_end_of_reveals(phase, expected):
    """Nobody sees an update while somebody could still reveal another."""
    assert serves(UPDATE, phase=phase) is expected


def test_updates_of_a_round_skipped_for_too_few_reveals():
    """The next round starts from the same base: its updates could be shaped after these."""
    assert not serves(UPDATE, phase=Phase.REVEAL, skipped=Skip.TOO_FEW_REVEALED)


def test_a_run_closed_during_reveals():
    """The round never got past its reveals, so its updates stay where they are."""
    closed = replace(RUN, past=(replace(ROUND, phase=Phase.REVEAL),), round=None)
    assert not serves(UPDATE, run=closed)


def test_the_first_base_is_served_from_the_start():
    """A roster member without it gets it from the others."""
    assert serves(BASE)


def test_models_and_receipts_once_finalized():
    """Not what one node merged, but what a quorum attested."""
    attested = {1: Attestation(MODEL, RECEIPT)}
    assert not serves(MODEL, phase=Phase.ATTEST, attested=attested)
    done = {"phase": Phase.ATTEST, "finalized": Attestation(MODEL, RECEIPT)}
    assert serves(MODEL, **done)
    assert serves(RECEIPT, **done)


def test_blobs_of_earlier_rounds_stay_available():
    """Those who catch up, and auditors, need them."""
    later = replace(
        RUN,
        past=(replace(ROUND, phase=Phase.ATTEST, finalized=Attestation(MODEL, RECEIPT)),),
        round=replace(ROUND, number=1, revealed={}),
    )
    assert all(serves(name, run=later) for name in (UPDATE, MODEL, RECEIPT))


@pytest.mark.parametrize("to", [3, 9])
def test_nobody_outside_the_roster(to):
    """Neither a member that waits for a later round, nor a stranger."""
    assert not serves(UPDATE, to=to, phase=Phase.HOLD)


def test_nobody_revoked():
    """A revoked member gets nothing, though the seat is still in the roster."""
    revoked = {**MEMBERS, 2: replace(MEMBERS[2], active=False)}
    assert not serves(UPDATE, phase=Phase.HOLD, members=revoked)


def test_nothing_unknown():
    """A blob that the chain doesn't name stays here: other runs, private files."""
    assert not serves(digest(b"another"), phase=Phase.HOLD)


def test_nothing_before_the_first_round():
    """Nobody is in a roster yet."""
    assert not serves(BASE, run=replace(RUN, round=None))


def gossip_serves(to, digest=UPDATE, **fields):
    """Whether member 1's update in a gossip run of five with two neighbours each goes to a member."""
    members = {n: Member(n, Address(f"0x{n:040x}"), bytes([n]) * 32) for n in range(1, 6)}
    revealed = {n: Revealed(FIRST_GOSSIP, 0, n, update_of(n), 8, 0, bytes(32)) for n in members}
    manifest = Manifest(
        "run", 1, "task", BASE, TERMS, "nna:f=1", 1, 10, 64, 1 << 20, 0, BASE, 7, neighbours=2
    )
    given = {
        "phase": Phase.ATTEST,
        "inputs": 0b11111,
        "seed": bytes(32),
        "revealed": revealed,
        **fields,
    }
    round_ = replace(GossipRound(0, BASE, 0b11111, 0b11111, 1, 0, Phase.COMMIT, 100), **given)
    run = GossipRun(
        FIRST_GOSSIP,
        bytes(32),
        manifest.to_bytes(),
        TERMS,
        seats={n: n - 1 for n in members},
        round=round_,
    )
    return may_serve(Chronicle(members, {FIRST_GOSSIP: run}), FIRST_GOSSIP, digest, bytes([to]) * 32)


def update_of(member):
    """What a member revealed."""
    return UPDATE if member == 1 else digest(bytes([member]))


def test_gossip_goes_to_neighbours_alone():
    """In a gossip run only the author's neighbours of that round get an update."""
    near = drawn(bytes(32), range(1, 6), 2)[1]
    assert {to for to in range(2, 6) if gossip_serves(to)} == set(near)


def test_gossip_comes_back_to_its_author():
    """Who lost its own update gets it from a neighbour that has it."""
    assert gossip_serves(1)


def test_gossip_waits_for_the_end_of_reveals():
    """As every update does."""
    for phase in (Phase.COMMIT, Phase.REVEAL):
        assert not any(gossip_serves(to, phase=phase, inputs=None) for to in range(2, 6))


def test_own_models_of_a_gossip_run_are_nobody_s_business():
    """The first one is everybody's."""
    attested = {1: Attestation(MODEL, RECEIPT, 0b11111)}
    assert not any(gossip_serves(to, digest=MODEL, attested=attested) for to in range(1, 6))
    assert all(gossip_serves(to, digest=BASE) for to in range(1, 6))


AUDITOR = bytes([77]) * 32


def audits(digest, run=RUN, number=1, others=(), auditors=(AUDITOR,), **fields):
    """Whether a blob may go to an auditor in a round with these fields."""
    run = replace(run, round=replace(run.round, **fields)) if run.round else run
    runs = {one.number: one for one in (run, *others)}
    return may_serve(Chronicle(MEMBERS, runs, auditors), number, digest, AUDITOR)


@pytest.mark.parametrize(
    ("phase", "expected"),
    [(Phase.COMMIT, False), (Phase.REVEAL, False), (Phase.HOLD, True), (Phase.ATTEST, True)],
)
def test_an_auditor_that_asks_before_reveals_are_closed(phase, expected):
    """It gets nothing that somebody who promised nothing yet could be told by it."""
    assert audits(UPDATE, phase=phase) is expected


def test_an_auditor_gets_no_update_of_a_round_skipped_for_too_few_reveals():
    """As members don't."""
    assert not audits(UPDATE, phase=Phase.REVEAL, skipped=Skip.TOO_FEW_REVEALED)


def test_an_auditor_gets_the_base_and_what_was_finalized():
    """And nothing that was merged but not agreed on, or that the chain doesn't name."""
    attested = {1: Attestation(MODEL, RECEIPT)}
    assert not audits(MODEL, phase=Phase.ATTEST, attested=attested)
    done = {"phase": Phase.ATTEST, "finalized": Attestation(MODEL, RECEIPT)}
    assert all(audits(name, **done) for name in (BASE, UPDATE, MODEL, RECEIPT))
    assert not audits(digest(b"another"), **done)


def test_somebody_with_a_key_that_audits_no_more():
    """A revoked auditor is a stranger."""
    assert not audits(BASE, auditors=())


def test_an_auditor_gets_what_is_left_of_closed_runs():
    """Of a run under way only from those who are in it, since they know how deep to look."""
    past = (replace(ROUND, phase=Phase.HOLD),)
    before = replace(RUN, number=2, past=past, round=None, closed=Close.ROUNDS_DONE)
    other = replace(RUN, terms=replace(TERMS, base=MODEL), round=None)
    assert audits(UPDATE, run=other, others=[before])
    going_on = replace(before, closed=None, round=replace(ROUND, number=1, revealed={}))
    assert not audits(UPDATE, run=other, others=[going_on])


def test_an_auditor_gets_nothing_from_a_node_that_is_in_no_run():
    """It doesn't know yet how deep a block must lie."""
    assert not audits(BASE, number=0)


@pytest.mark.parametrize(("phase", "expected"), [(Phase.REVEAL, False), (Phase.ATTEST, True)])
def test_an_auditor_gets_all_of_a_gossip_run(phase, expected):
    """Every member's update, once none can be revealed any more, and what each attested."""
    revealed = {n: Revealed(FIRST_GOSSIP, 0, n, update_of(n), 8, 0, bytes(32)) for n in MEMBERS}
    own = {2: Attestation(MODEL, RECEIPT, 0b11)}
    round_ = GossipRound(0, BASE, 0b111, 0b111, 0, 0, phase, 100, revealed=revealed, attested=own)
    run = GossipRun(FIRST_GOSSIP, bytes(32), b"", TERMS, seats=RUN.seats, round=round_)
    given = Chronicle(MEMBERS, {FIRST_GOSSIP: run}, (AUDITOR,))
    for member in MEMBERS:
        assert may_serve(given, FIRST_GOSSIP, update_of(member), AUDITOR) is expected
    assert all(may_serve(given, FIRST_GOSSIP, name, AUDITOR) for name in (BASE, MODEL, RECEIPT))
