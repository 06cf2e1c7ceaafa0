"""The fold of a gossip run: whatever happens, the events add up to what the ledger stores."""

import contextlib
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from node.commitment import Claims, commitment
from node.contracts.chain import MemoryChain, memory_address
from node.digest import digest
from node.errors import LedgerRefusal
from node.ledger import (
    FIRST_GOSSIP,
    Admit,
    Advance,
    AttestOwn,
    Commit,
    Enter,
    OpenGossip,
    OpenRun,
    Phase,
    Reveal,
    Revoke,
)
from node.state import Chronicle, apply_all
from tests.rounds import TERMS

AUTHORITY = memory_address("authority")
MEMBERS = (1, 2, 3, 4, 5)


def account(member):
    """A member's account."""
    return memory_address(f"member {member}")


class History:
    """A chain with five members, a gossip run of four seats, and a run on the other ledger."""

    def __init__(self):
        self.now = 1_800_000_000
        self.chain = MemoryChain(AUTHORITY, clock=lambda: self.now)
        for member in MEMBERS:
            self.chain.call(AUTHORITY, Admit(account(member), bytes([member]) * 32, bytes(32)))
        self.chain.call(AUTHORITY, OpenRun(TERMS, b"{}"))
        self.chain.call(AUTHORITY, OpenGossip(replace(TERMS, rounds=4), b"{}"))

    @property
    def told(self):
        """The run on the chain."""
        return self.chain.gossips[0]

    @property
    def chronicle(self):
        """What the events add up to."""
        logged = self.chain.events(0, self.chain.head.number)
        return apply_all(Chronicle(), (one.event for one in logged))

    def do(self, what, member, choice):
        """One step of a random history; what is refused changes nothing."""
        with contextlib.suppress(LedgerRefusal):
            match what:
                case "revoke":
                    self.chain.call(AUTHORITY, Revoke(member, (FIRST_GOSSIP,), 0))
                case "enter":
                    self.chain.call(account(member), Enter(FIRST_GOSSIP))
                case "time out":
                    self.now += 2000
                    self.chain.call(account(1), Advance(FIRST_GOSSIP))
                case "say":
                    self.chain.call(account(member), self.call(member, choice))
                case "everybody":
                    for each in MEMBERS:
                        self.do("say", each, choice)

    def call(self, member, choice):
        """What a member says in the present phase."""
        run, round_, update = FIRST_GOSSIP, self.told.round, digest(bytes([member]))
        base, claims = self.told.base_of(member), Claims(8)
        match self.told.phase:
            case Phase.COMMIT:
                promise = commitment(
                    self.chain.network, run, round_, base, member, update, claims, bytes(32)
                )
                return Commit(run, round_, promise, 0)
            case Phase.REVEAL:
                return Reveal(run, round_, update, 8, 0, bytes(32))
            case Phase.ATTEST:
                inputs = self.told.tallies.revealed & ~(1 << choice)
                return AttestOwn(run, round_, inputs, digest(bytes([member, choice])), digest(b"r"))
        return Enter(run)


steps = st.tuples(
    st.sampled_from(["everybody", "everybody", "say", "time out", "enter", "revoke"]),
    st.sampled_from(MEMBERS),
    st.integers(0, 7),
)


def check_same(told, run):
    """The fold's run is the ledger's."""
    assert (run.phase, run.terms) == (told.phase, told.terms)
    assert run.models == told.models
    if told.phase in (Phase.ENTERING, Phase.CLOSED):
        return
    tallies, round_ = told.tallies, run.round
    assert (round_.number, round_.deadline, round_.f) == (told.round, told.deadline, tallies.f)
    assert (round_.roster, round_.expected) == (tallies.roster, tallies.expected)
    assert round_.committed == tallies.committed
    # Who is evicted later keeps its bit here, and has lost its seat there.
    seated = {member: run.seats[member] for member in round_.revealed}
    assert sum(1 << seat for seat in seated.values()) == tallies.revealed
    assert sum(run.bit(member) for member in round_.attested) == told.attested.get(told.round, 0)
    if told.phase is Phase.ATTEST:
        assert (round_.inputs, round_.seed) == (tallies.revealed, told.seed)
    for member in run.seats.keys() - run.evicted:
        lived = run.lived_by(member)
        before = {m: model for m, model in round_.bases.items() if m == member}
        assert lived.round.base == before.get(member, run.terms.base)
        if told.phase is not Phase.ATTEST:
            assert lived.round.base == told.base_of(member) == lived.model


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(steps, max_size=25))
def test_events_add_up_to_the_ledgers_own_state(history):
    """After any history of calls, taken or refused, the fold is what the ledger stores."""
    world = History()
    world.do("everybody", 1, 7)
    for step in history:
        world.do(*step)
        check_same(world.told, world.chronicle.runs[FIRST_GOSSIP])


def test_both_kinds_of_runs_are_in_one_chronicle():
    """In the order in which they were opened, and each is left alone by the other's events."""
    world = History()
    before = world.chronicle.runs[1]
    for _ in range(4):
        world.do("everybody", 1, 7)
    assert list(world.chronicle.runs) == [1, FIRST_GOSSIP]
    assert world.chronicle.runs[1] == before
    assert [r.number for r in world.chronicle.runs[FIRST_GOSSIP].rounds] == [0, 1]
