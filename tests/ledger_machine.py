"""Random stories of members, strangers and the authority, told to the twin and to the contracts.

Each rule is one kind of call, good or bad, by anybody; `play` lets whole phases pass, so that stories
get far. What is drawn are names, small numbers and flaws: calls are made from them by what the twin
says of the run, so that a good part of them fits.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from hypothesis import currently_in_test_context, event
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from node.ledger import (
    AcceptAccount,
    Admit,
    AdmitAuditor,
    Advance,
    Attest,
    AttestOwn,
    Call,
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
    RevokeAuditor,
    RotatePeerKey,
    Terms,
    is_gossip,
)
from tests.ledger_moves import (
    BAD_TERMS,
    FLAWS,
    TERMS,
    attestation,
    opening,
    opening_call,
    promise,
    spoiled,
)
from tests.ledger_story import KINDS, NO_TROUBLE, Spoiler, Story, Trouble
from tests.twins import CLINICS, NAMES, SPARES, account, key

MOST_RUNS = 4

names = st.sampled_from(NAMES)
addresses = st.sampled_from(SPARES) | st.sampled_from([*NAMES, "nobody"])
mostly_authority = st.sampled_from(["authority"] * 7 + ["stranger", "clinic 1", "spare 1"])
members = st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 9, 0])
peers = st.integers(8, 14) | st.integers(0, 7)
seats = st.frozensets(st.integers(0, 6), min_size=1, max_size=2) | st.frozensets(
    st.integers(0, 6), min_size=3, max_size=6
)
kinds = st.booleans()
picks = st.integers(0, MOST_RUNS - 1)
numbers = st.integers(0, 19)
seconds = st.sampled_from([1, 10, 60])
answers = st.integers(0, 3)
troubles = st.builds(
    Trouble,
    kind=st.sampled_from(KINDS),
    seats=seats,
    spends=st.sampled_from([0, 1, 0]),
    returns=st.booleans(),
)
phases = st.integers(0, 16)
spoilers = st.lists(st.tuples(st.sampled_from(CLINICS), st.integers(0, 12)), max_size=5)
terms = st.builds(
    lambda seats, least, **rest: replace(TERMS, seats=seats, min_inputs=min(least, seats), **rest),
    seats=st.sampled_from([7, 5, 4, 3, 6, 2, 1]),
    least=st.integers(1, 4),
    rounds=st.sampled_from([9, 5, 30, 1]),
    join_delay=st.integers(1, 3),
    enter_seconds=seconds,
    commit_seconds=seconds,
    reveal_seconds=seconds,
    hold_seconds=seconds,
    attest_seconds=seconds,
    privacy_budget=st.sampled_from([9, 4, 0]),
)


def flaws(*calls: type[Call]) -> st.SearchStrategy[str]:
    """Flaws of calls; none in half of all cases."""
    found = sorted({name for call in calls for name in FLAWS[call]})
    return st.just("no flaw") | st.sampled_from(found)


class LedgerMachine(RuleBasedStateMachine):
    """The twin and the contracts under the same hands."""

    def __init__(self) -> None:
        super().__init__()
        self.story = Story()

    # Runs.

    @initialize(
        terms=terms,
        gossip=kinds,
        late=st.integers(0, 2),
        trouble=troubles,
        phases=phases,
        spoilers=spoilers,
    )
    def begin(
        self,
        terms: Terms,
        gossip: bool,
        late: int,
        trouble: Trouble,
        phases: int,
        spoilers: list[Spoiler],
    ) -> None:
        """The first run, which most clinics enter, and how it starts."""
        self.send("authority", opening_call(terms, gossip))
        (run,) = self.story.runs
        for name in CLINICS[: terms.seats - late]:
            self.send(name, Enter(run.number))
        self.story.play(run, trouble, phases, spoilers)

    @precondition(lambda self: len(self.story.runs) < MOST_RUNS)
    @rule(terms=terms, gossip=kinds, who=mostly_authority)
    def open(self, terms: Terms, gossip: bool, who: str) -> None:
        """Another run, beside the others."""
        self.send(who, opening_call(terms, gossip, b"another manifest"))

    @precondition(lambda self: len(self.story.runs) < MOST_RUNS and self.story.finalized())
    @rule(terms=terms, pick=st.integers(0, 20), who=mostly_authority, fits=st.booleans())
    def open_child(self, terms: Terms, pick: int, who: str, fits: bool) -> None:
        """A run that goes on from a finalized model, or claims so."""
        found = self.story.finalized()
        run, round_, base = found[pick % len(found)]
        child = replace(terms, parent_run=run, parent_round=round_)
        self.send(who, OpenRun(replace(child, base=base) if fits else child, b"child"))

    @rule(terms=terms, flaw=st.sampled_from(sorted(BAD_TERMS)), gossip=kinds, who=mostly_authority)
    def open_badly(self, terms: Terms, flaw: str, gossip: bool, who: str) -> None:
        """A run that can't be."""
        self.send(who, opening_call(replace(terms, **BAD_TERMS[flaw]), gossip, b""))

    @rule(pick=numbers, who=names)
    def close(self, pick: int, who: str) -> None:
        """End a run; the authority is one of many who try, else stories would be short."""
        self.send(who, CloseRun(self.story.number(pick)))

    # Members in a run.

    @rule(pick=numbers, who=names)
    def enter(self, pick: int, who: str) -> None:
        """Take a seat, or come back to it."""
        self.send(who, Enter(self.story.number(pick)))

    @rule(pick=picks, absent=st.frozensets(st.integers(1, 7), max_size=3))
    def enter_all(self, pick: int, absent: Set[int]) -> None:
        """Whoever is there takes a seat, or comes back to it."""
        self.story.enter(self.story.run(pick), absent)

    @precondition(lambda self: self.story.any_in(Phase.COMMIT))
    @rule(pick=picks, who=names, spends=st.integers(-1, 2), flaw=flaws(Commit))
    def commit(self, pick: int, who: str, spends: int, flaw: str) -> None:
        """Promise an update."""
        run = self.story.run(pick, Phase.COMMIT)
        call = promise(self.story.network, run, self.story.twins.member(who), spends)
        self.send(who, spoiled(call, flaw))

    @precondition(lambda self: self.story.any_in(Phase.REVEAL))
    @rule(pick=picks, who=names, flaw=flaws(Reveal))
    def reveal(self, pick: int, who: str, flaw: str) -> None:
        """Open a promise."""
        call = opening(self.story.run(pick, Phase.REVEAL), self.story.twins.member(who))
        self.send(who, spoiled(call, flaw))

    @precondition(lambda self: self.story.any_in(Phase.HOLD))
    @rule(pick=picks, who=names, withheld=st.integers(0, 127), flaw=flaws(Hold))
    def hold(self, pick: int, who: str, withheld: int, flaw: str) -> None:
        """Name updates."""
        run = self.story.run(pick, Phase.HOLD)
        call = Hold(run.number, run.round, run.tallies.revealed & ~withheld)
        self.send(who, spoiled(call, flaw))

    @precondition(lambda self: self.story.any_in(Phase.ATTEST))
    @rule(pick=picks, who=names, answer=answers, flaw=flaws(Attest, AttestOwn))
    def attest(self, pick: int, who: str, answer: int, flaw: str) -> None:
        """Say what merging gave."""
        run = self.story.run(pick, Phase.ATTEST)
        call = attestation(run, self.story.twins.member(who), run.round, answer)
        self.send(who, spoiled(call, flaw))

    @rule(pick=picks, who=names, answer=answers, back=st.integers(0, 2))
    def attest_late(self, pick: int, who: str, answer: int, back: int) -> None:
        """Say it of a round that has ended."""
        run = self.story.runs[pick % len(self.story.runs)]
        member = self.story.twins.member(who)
        self.send(who, attestation(run, member, max(run.round - back, 0), answer))

    @rule(pick=picks, who=names, kind=st.sampled_from(["commit", "reveal", "attest"]))
    def speak_out_of_turn(self, pick: int, who: str, kind: str) -> None:
        """A call that is good in some phase, whichever it is now."""
        run, member = self.story.runs[pick % len(self.story.runs)], self.story.twins.member(who)
        calls: dict[str, Call] = {
            "commit": promise(self.story.network, run, member),
            "reveal": opening(run, member),
            "attest": attestation(run, member, run.round),
        }
        self.send(who, calls[kind])

    @rule(pick=numbers, who=names, bits=st.integers(0, 3))
    def hold_out_of_turn(self, pick: int, who: str, bits: int) -> None:
        """Only ledgers of canonical runs have holds at all."""
        number = self.story.number(pick)
        run = self.story.twins.run(number)
        if not is_gossip(number):
            self.send(who, Hold(number, run.round if run else 0, bits))

    @rule(pick=picks, trouble=troubles, phases=phases, spoilers=spoilers)
    def play(self, pick: int, trouble: Trouble, phases: int, spoilers: list[Spoiler]) -> None:
        """Phases of one run, in which the same goes wrong again and again."""
        self.story.play(self.story.run(pick), trouble, phases, spoilers)

    @rule(pick=picks, phases=phases)
    def play_well(self, pick: int, phases: int) -> None:
        """Phases of one run, in which all goes well if it can."""
        self.story.play(self.story.run(pick), NO_TROUBLE, phases)

    # Anybody.

    @rule(passed=st.integers(1, 100))
    def wait(self, passed: int) -> None:
        """Time passes."""
        self.story.twins.now += passed

    @rule(pick=picks, off=st.sampled_from([-1, 0, 1]), who=names)
    def advance_around_the_deadline(self, pick: int, off: int, who: str) -> None:
        """A second before it, at it, a second after it."""
        run = self.story.run(pick)
        self.story.twins.now = max(self.story.twins.now, run.deadline + off)
        self.send(who, Advance(run.number))

    @rule(pick=numbers, who=names)
    def advance(self, pick: int, who: str) -> None:
        """At any time."""
        self.send(who, Advance(self.story.number(pick)))

    @rule(pick=numbers, member=members, who=names)
    def evict(self, pick: int, member: int, who: str) -> None:
        """Take a revoked member out of a run."""
        self.send(who, Evict(self.story.number(pick), member))

    @rule(pick=picks, seat=st.integers(0, 6), named=st.booleans())
    def revoke_seated(self, pick: int, seat: int, named: bool) -> None:
        """Somebody with a seat is revoked, and taken out by the authority or by anybody."""
        self.story.revoke_seated(self.story.run(pick), seat, named)

    # Members.

    @rule(who=mostly_authority, name=addresses, peer=peers, funding=st.integers(0, 1))
    def admit(self, who: str, name: str, peer: int, funding: int) -> None:
        """Another member, if account and peer key are free."""
        self.send(who, Admit(account(name), key(peer), bytes(32), funding))

    @rule(who=mostly_authority, member=members, named=st.lists(numbers, max_size=3))
    def revoke(self, who: str, member: int, named: list[int]) -> None:
        """Somebody is revoked, and taken out of some runs, perhaps of one that isn't there."""
        self.send(who, Revoke(member, tuple(map(self.story.number, named)), member))

    @rule(who=mostly_authority, peer=peers)
    def admit_auditor(self, who: str, peer: int) -> None:
        """An auditor, if the peer key is free."""
        self.send(who, AdmitAuditor(key(peer), bytes(32)))

    @rule(who=mostly_authority, peer=peers)
    def revoke_auditor(self, who: str, peer: int) -> None:
        """Whoever has the peer key, if it is an auditor."""
        self.send(who, RevokeAuditor(key(peer)))

    @rule(who=names, peer=peers)
    def rotate_peer_key(self, who: str, peer: int) -> None:
        """Another peer key."""
        self.send(who, RotatePeerKey(key(peer)))

    @rule(who=names, name=addresses)
    def propose(self, who: str, name: str) -> None:
        """Another account."""
        self.send(who, ProposeAccount(account(name)))

    @rule(who=names, member=members)
    def accept(self, who: str, member: int) -> None:
        """Act for a member from now on."""
        self.send(who, AcceptAccount(member))

    @rule(who=st.sampled_from(CLINICS), name=st.sampled_from(SPARES), times=st.integers(1, 2))
    def rotate_account(self, who: str, name: str, times: int) -> None:
        """Both steps in a row, the second perhaps twice."""
        member = self.story.twins.member(who)
        self.send(who, ProposeAccount(account(name)))
        for _ in range(times):
            self.send(name, AcceptAccount(member))

    # What always holds.

    @invariant()
    def same(self) -> None:
        """State is compared after each rule; answers and events are after each call."""
        self.story.twins.compare()

    def teardown(self) -> None:
        """All that can be asked, once; and what happened, for hypothesis's statistics."""
        self.story.twins.compare_all()
        if currently_in_test_context():
            for what in self.story.twins.said:
                event(what)

    def send(self, who: str, call: Call) -> None:
        """Let both take a call."""
        self.story.send(who, call)
