"""The fold: whatever happens on a chain, the events add up to what the chain itself knows."""

import contextlib
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from node.commitment import Claims, commitment
from node.contracts.chain import MemoryChain, memory_address
from node.digest import digest
from node.errors import LedgerRefusal
from node.ledger import (
    AcceptAccount,
    Admit,
    Advance,
    Attest,
    Close,
    CloseRun,
    Commit,
    Enter,
    Evict,
    Hold,
    OpenRun,
    Phase,
    ProposeAccount,
    Reveal,
    Revoke,
    RotatePeerKey,
    Terms,
)
from node.state import Attestation, Chronicle, apply, apply_all

AUTHORITY = memory_address("authority")
MEMBERS = (1, 2, 3, 4, 5)
ORDERED = (Phase.COMMIT, Phase.REVEAL, Phase.HOLD, Phase.ATTEST)
TERMS = Terms(
    rounds=4,
    seats=4,
    min_inputs=2,
    join_delay=1,
    enter_seconds=10,
    commit_seconds=10,
    reveal_seconds=10,
    hold_seconds=10,
    attest_seconds=10,
    privacy_budget=100,
    base=digest(b"base"),
)


class History:
    """A chain with five members and one run of four seats, and what may happen to it."""

    def __init__(self):
        self.now = 1_800_000_000
        self.chain = MemoryChain(AUTHORITY, clock=lambda: self.now)
        for member in MEMBERS:
            self.chain.call(AUTHORITY, Admit(account(member), bytes([member]) * 32, bytes(32)))
        self.chain.call(AUTHORITY, OpenRun(TERMS, b"{}"))

    @property
    def told(self):
        """The run on the chain."""
        return self.chain.runs[0]

    @property
    def chronicle(self):
        """What its events add up to."""
        logged = self.chain.events(0, self.chain.head.number)
        return apply_all(Chronicle(), (one.event for one in logged))

    @property
    def run(self):
        """The run as the events have it."""
        return self.chronicle.runs[1]

    def attempt(self, caller, call):
        """A call that may be refused."""
        with contextlib.suppress(LedgerRefusal):
            self.chain.call(caller, call)

    def say(self, member, choice=0):
        """A member does what the present phase asks for; `choice` is how it answers."""
        self.attempt(account(member), self.call(member, choice))

    def call(self, member, choice):
        """What a member says in the present phase."""
        round_, update, claims = self.told.round, digest(bytes([member])), Claims(8, 7)
        match self.told.phase:
            case Phase.COMMIT:
                made = commitment(
                    self.chain.network, 1, round_, self.told.base, member, update, claims, bytes(32)
                )
                return Commit(1, round_, made, claims.privacy)
            case Phase.REVEAL:
                return Reveal(1, round_, update, claims.weight, claims.privacy, bytes(32))
            case Phase.HOLD:
                return Hold(1, round_, self.told.tallies.revealed & ~choice)
            case Phase.ATTEST:
                return Attest(1, round_, digest(bytes([round_, choice])), digest(b"receipt"))
        return Enter(1)

    def late(self, member):
        """A member attests the round before."""
        self.attempt(account(member), Attest(1, self.told.round - 1, digest(b"late"), digest(b"late")))

    def everybody(self):
        """All members do what the phase asks for."""
        for member in MEMBERS:
            self.say(member)

    def time_out(self):
        """The deadline passes, and somebody advances."""
        self.now += 11
        self.attempt(memory_address("anybody"), Advance(1))

    def finish_round(self):
        """All members go through all phases of the round, as far as they are enough."""
        before = self.told.round
        for _ in ORDERED:
            if self.told.round == before:
                self.everybody()

    def revoke(self, member, runs=(1,)):
        """The authority revokes a member, here or everywhere."""
        self.attempt(AUTHORITY, Revoke(member, runs, 0))

    def do(self, what, member, choice):
        """One step of a random history."""
        match what:
            case "say":
                self.say(member, choice)
            case "enter":
                self.attempt(account(member), Enter(1))
            case "late":
                self.late(member)
            case "revoke":
                self.revoke(member)
            case "revoke, evict later":
                self.revoke(member, ())
            case "evict":
                self.attempt(AUTHORITY, Evict(1, member))
            case "close":
                self.attempt(AUTHORITY, CloseRun(1))
            case _:
                getattr(self, what)()


def account(member):
    """A member's account."""
    return memory_address(f"node {member}")


def bits(run, members):
    """The bitmap of some members."""
    return sum(run.bit(member) for member in members)


def check_same(told, run):
    """The run's storage and the fold of its events agree on everything that both know."""
    assert (run.phase, run.model) == (told.phase, told.base)
    assert {r.number: r.finalized.merged for r in run.rounds if r.finalized} == told.finalized
    attested = {r.number: bits(run, r.attested) for r in run.rounds if r.attested}
    assert attested == told.attested
    seated = {member: seat for member, seat in run.seats.items() if member not in run.evicted}
    assert seated == {member: seat.number for member, seat in told._seats.items()}
    benched = (
        seat.bit
        for seat in told._seats.values()
        if not seat.bit & told._waited and seat.waited_from <= told.round
    )
    assert run.benched == sum(benched)
    if told.phase is not Phase.CLOSED:
        assert run.deadline == told.deadline
    if told.phase in ORDERED:
        check_same_round(told, run)


def check_same_round(told, run):
    """The present round is the same."""
    round_, tallies = run.round, told.tallies
    assert (round_.number, round_.base) == (told.round, told.base)
    assert (round_.roster, round_.expected) == (tallies.roster, tallies.expected)
    assert (round_.f, round_.quorum) == (tallies.f, tallies.quorum)
    assert round_.committed == tallies.committed
    assert bits(run, round_.revealed) == tallies.revealed
    assert bits(run, round_.held) == tallies.held
    if told.phase is Phase.ATTEST:
        assert (round_.inputs, round_.seed) == (tallies.inputs, told.seed)
    else:
        assert round_.inputs is None


steps = st.tuples(
    st.sampled_from(
        ["everybody"] * 6
        + ["say"] * 6
        + ["finish_round", "time_out", "time_out", "enter", "enter", "late"]
        + ["revoke", "revoke, evict later", "evict", "close"]
    ),
    st.sampled_from(MEMBERS),
    st.integers(0, 3),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(steps, max_size=40))
def test_events_add_up_to_the_chains_own_state(history):
    """After any history of calls, taken or refused, the fold is what the ledger stores."""
    world = History()
    world.everybody()
    for step in history:
        world.do(*step)
        check_same(world.told, world.run)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(steps, max_size=20), st.data())
def test_folding_in_parts_is_folding_at_once(history, data):
    """Where a poll of the chain happens to end makes no difference."""
    world = History()
    world.everybody()
    for step in history:
        world.do(*step)
    events = [one.event for one in world.chain.events(0, world.chain.head.number)]
    cut = data.draw(st.integers(0, len(events)))
    assert apply_all(apply_all(Chronicle(), events[:cut]), events[cut:]) == world.chronicle


def test_a_late_attestation_lands_in_its_round():
    """Also after the next round has opened, and it counts as disputed when it differs."""
    world = History()
    world.everybody()
    for _ in range(3):
        world.everybody()
    for member in (1, 2, 3):
        world.say(member)
    world.late(4)
    run = world.run
    assert run.round.number == 1
    assert run.round.attested == {}
    late = Attestation(digest(b"late"), digest(b"late"))
    assert run.past[0].attested[4] == late
    assert run.past[0].disputed == (4,)


def test_a_late_attestation_after_the_run():
    """The last round's late attestation lands in it, though the run is closed."""
    world = History()
    world.everybody()
    for _ in range(TERMS.rounds):
        world.finish_round()
    assert world.run.closed is Close.ROUNDS_DONE
    assert world.run.round is None
    assert [r.number for r in world.run.rounds] == [0, 1, 2, 3]


def test_an_evicted_member_leaves_at_once():
    """Its seat, promise and update are gone from the round, and others keep their seats."""
    world = History()
    world.everybody()
    world.everybody()
    world.say(1)
    world.say(2)
    world.revoke(2)
    run = world.run
    assert run.evicted == {2}
    assert run.seats == {1: 0, 2: 1, 3: 2, 4: 3}
    assert (run.round.roster, run.round.expected, run.round.committed) == (0b1101,) * 3
    assert run.round.revealed.keys() == {1}
    assert not world.chronicle.members[2].active


def test_an_input_stays_when_its_author_is_evicted_later():
    """Once inputs are fixed, a revocation changes them no more."""
    world = History()
    for _ in range(4):
        world.everybody()
    assert world.run.phase is Phase.ATTEST
    world.revoke(2)
    assert world.run.members_in(world.run.round.inputs) == (1, 2, 3, 4)
    assert world.run.round.revealed.keys() == {1, 2, 3, 4}


def test_who_comes_back_is_not_benched():
    """A seat absent twice is benched, until it enters again."""
    world = History()
    for member in (1, 2, 3, 4):
        world.say(member)
    while world.told.round < 2:
        phase = world.told.phase
        for member in (1, 2, 3):
            world.say(member)
        if world.told.phase is phase:
            world.time_out()
    assert world.run.benched == world.run.bit(4)
    world.attempt(account(4), Enter(1))
    assert world.run.benched == 0


def test_accounts_and_keys_rotate():
    """The newest ones count; a proposed account only once it accepts."""
    world = History()
    fresh = memory_address("fresh")
    world.attempt(account(1), RotatePeerKey(b"k" * 32))
    world.attempt(account(1), ProposeAccount(fresh))
    assert world.chronicle.member_of(account(1)).peer_key == b"k" * 32
    world.attempt(fresh, AcceptAccount(1))
    assert world.chronicle.member_of(account(1)) is None
    assert world.chronicle.member_of(fresh).number == 1


def test_a_moment_stays_as_it_was():
    """Whoever holds a chronicle holds a moment: later events change nothing in it."""
    world = History()
    world.everybody()
    before, copy = world.chronicle, world.chronicle
    event = world.chain.events(0, world.chain.head.number)[-1].event
    apply(before, replace(event, deadline=1))
    assert before == copy
