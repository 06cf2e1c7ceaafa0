"""The in-memory twin and the real contracts, given the same calls, say the same.

Hypothesis draws what members do; the twin runs beside the contracts on py-evm, and answers, events
and state are compared after every step.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node import evm
from node.commitment import Claims, commitment
from node.digest import digest
from node.errors import LedgerRefusal
from node.ledger import (
    FIRST_GOSSIP,
    Address,
    Advance,
    Attest,
    AttestOwn,
    Call,
    CloseRun,
    Commit,
    Enter,
    Evict,
    Hold,
    OpenGossip,
    OpenRun,
    Phase,
    Reveal,
    Revoke,
    Terms,
)
from node.testing_ledger import MemoryChain
from node.testing_rounds import MemoryRun
from tests.chains import NODE_KEYS, RICH, MemoryWorld, PyEvmWorld, admit_all
from tests.gossips import own as own_model
from tests.rounds import MANIFEST, RECEIPT, TERMS, Play, salt, update

MEMBERS = range(1, 8)

member = st.integers(1, 7)
some_members = st.lists(member, unique=True, min_size=1)
step = st.one_of(
    st.tuples(st.just("act"), some_members, st.integers(0, 7)),
    st.tuples(st.just("act"), st.just([1, 2, 3, 4, 5, 6, 7]), st.just(0)),
    st.tuples(st.just("enter"), some_members, st.just(0)),
    st.tuples(st.just("attest before"), some_members, st.integers(0, 1)),
    st.tuples(st.just("time out"), st.just([1]), st.just(0)),
    st.tuples(st.just("revoke"), st.lists(member, min_size=1, max_size=1), st.integers(0, 1)),
    st.tuples(st.just("evict"), st.lists(member, min_size=1, max_size=1), st.just(0)),
    st.tuples(st.just("anything"), some_members, st.integers(0, 3)),
    st.tuples(st.just("close"), st.just([1]), st.integers(0, 20)),
)
terms = st.builds(
    lambda seats, least, delay, rounds: {
        "seats": seats, "min_inputs": min(least, seats), "join_delay": delay, "rounds": rounds
    },
    st.integers(3, 6), st.integers(1, 4), st.integers(1, 2), st.integers(1, 6),
)  # fmt: skip


class Twins:
    """Both ledgers under the same hands."""

    number = 1
    contract = "RoundLedger"

    def __init__(self, memory: MemoryWorld, real: PyEvmWorld) -> None:
        self.memory, self.real = memory, real

    @property
    def run(self) -> MemoryRun:
        """The twin's run, by which calls that fit are chosen."""
        return self.memory.chain.runs[0]

    def opening(self, terms: Terms) -> Call:
        """The call that opens the run."""
        return OpenRun(terms, MANIFEST)

    async def send(self, who: int, call: Call) -> None:
        """Let both take a call, by a member or by the authority (0)."""
        answers = [await _answer(world, who, call) for world in (self.memory, self.real)]
        assert answers[0] == answers[1], call

    async def play(self, kind: str, who: list[int], extra: int) -> None:
        """One drawn step."""
        for number in who:
            for sender, call in self.calls(kind, number, extra):
                await self.send(sender, call)

    def calls(self, kind: str, who: int, extra: int) -> list[tuple[int, Call]]:
        """The calls that a step means for a member."""
        match kind:
            case "act":
                return [(who, self.fitting(who, self.run.phase, extra))]
            case "enter":
                return [(who, Enter(self.number))]
            case "attest before":
                return [(who, self.attestation(who, self.run.round - 1, extra))]
            case "time out":
                self.memory.travel(1000)
                self.real.travel(1000)
                return [(who, Advance(self.number))]
            case "revoke":
                return [(0, Revoke(who, (self.number,) * extra, 1))]
            case "evict":
                return [(who, Evict(self.number, who))]
            case "close":
                return [] if extra else [(0, CloseRun(self.number))]
        phases = (Phase.COMMIT, Phase.REVEAL, Phase.HOLD, Phase.ATTEST)
        return [(who, Advance(self.number)), (who, self.fitting(who, phases[extra], extra))]

    def fitting(self, who: int, phase: Phase, extra: int) -> Call:
        """A good call for a phase, more or less."""
        round_, run, number = self.run.round, self.run, self.number
        mine, claims = update(who, round_), Claims(8, extra)
        base = run.base_of(who)
        promised = commitment(self.real.network, number, round_, base, who, mine, claims, salt(who))
        match phase:
            case Phase.COMMIT:
                return Commit(number, round_, promised, extra)
            case Phase.REVEAL:
                return Reveal(number, round_, mine, 8, self._declared(who), salt(who))
            case Phase.HOLD:
                return Hold(number, round_, run.tallies.revealed & ~extra | (extra == 7) << 9)
            case Phase.ATTEST:
                return self.attestation(who, round_, extra)
        return Enter(number)

    def _declared(self, who: int) -> int:
        seat = self.run._seats.get(who)
        return seat.privacy if seat else 0

    def attestation(self, who: int, round_: int, extra: int) -> Call:
        """Mostly the same answer."""
        answer = digest(b"another" if extra == 1 else b"merged")
        return Attest(1, max(round_, 0), answer, RECEIPT)

    async def compare(self) -> None:
        """Events and the contract's own view of the run."""
        assert await _events(self.memory) == await _events(self.real)
        real = await _real_state(self.real, self.contract, self.number)
        told = _state(self.run)
        assert {name: told[name] for name in real} == real


class GossipTwins(Twins):
    """The same for gossip runs."""

    number = FIRST_GOSSIP
    contract = "GossipLedger"

    @property
    def run(self) -> MemoryRun:
        """The twin's run."""
        return self.memory.chain.gossips[0]

    def opening(self, terms: Terms) -> Call:
        """The call that opens the run."""
        return OpenGossip(terms, MANIFEST)

    def fitting(self, who: int, phase: Phase, extra: int) -> Call:
        """There is no Hold."""
        return super().fitting(who, Phase.ATTEST if phase is Phase.HOLD else phase, extra)

    def attestation(self, who: int, round_: int, extra: int) -> Call:
        """Mostly a good one: some leave one out, be it their own, or name somebody who isn't there."""
        seat = self.run._seats.get(who)
        inputs = self.run.tallies.revealed & ~(1 << extra) | (extra == 7) << 9
        own = seat.bit if seat and extra != 6 else 0
        return AttestOwn(self.number, max(round_, 0), inputs | own, own_model(who, round_), RECEIPT)


async def _answer(world: Any, who: int, call: Call) -> Any:
    """`taken`, or the refusal; times are left out, each chain has its own."""
    ledger = world.nodes[who - 1] if who else world.authority
    try:
        await ledger.send(call)
    except LedgerRefusal as refusal:
        return (refusal.name, () if refusal.name == "TooEarly" else refusal.values)
    return "taken"


async def _events(world: Any) -> list[Any]:
    return await Play(world).events()


def _state(run: MemoryRun) -> dict[str, Any]:
    """What stateOf says, by the rule that a bitmap says nothing before its phase has opened."""
    t, phase = run.tallies, run.phase
    during = Phase.COMMIT <= phase <= Phase.ATTEST
    return {
        "phase": phase,
        "round": run.round,
        "f": t.f,
        "quorum": t.quorum,
        "base": run.base.raw,
        "seed": run.seed,
        "roster": t.roster,
        "expected": t.expected * during,
        "committed": t.committed * during,
        "revealed": t.revealed * (during and phase >= Phase.REVEAL),
        "held": t.held * (during and phase >= Phase.HOLD),
        "inputs": t.inputs * (phase is Phase.ATTEST),
        "attested": run.attested.get(run.round, 0) * (phase is Phase.ATTEST),
    }


async def _real_state(world: PyEvmWorld, contract: str, run: int) -> dict[str, Any]:
    data = evm.encode_function(contract, "stateOf", run)
    ledger: Any = world.authority
    answer = await ledger._endpoint.call(world.network.ledger_of(run), data)
    (entry,) = [e for e in evm.artifact(contract)["abi"] if e.get("name") == "stateOf"]
    names = [c["name"] for c in entry["outputs"][0]["components"]]
    values = dict(zip(names, evm.decode_result(contract, "stateOf", answer), strict=True))
    del values["deadline"]
    return values


async def _compared(
    kind: type[Twins], real: PyEvmWorld, changed: dict[str, int], steps: list[Any]
) -> None:
    memory = MemoryWorld()
    memory.chain = MemoryChain(Address(RICH.address), clock=lambda: memory.now, network=real.network)
    ledgers = [memory.chain.ledger(Address(key.address)) for key in NODE_KEYS]
    memory.authority, memory.nodes = memory.chain.ledger(Address(RICH.address)), [*ledgers[:7]]
    await admit_all(memory)
    twins = kind(memory, real)
    await twins.send(0, twins.opening(replace(TERMS, **changed)))
    await twins.play("enter", list(MEMBERS)[: changed["seats"]], 0)
    for what, who, extra in steps:
        await twins.play(what, who, extra)
    await twins.compare()


def _test(kind: type[Twins], examples: int) -> Any:
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=examples < 10,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(changed=terms, steps=st.lists(step, min_size=4, max_size=18))
    def compare(pyevm_world: PyEvmWorld, changed: dict[str, int], steps: list[Any]) -> None:
        with pyevm_world.undone():
            trio.run(_compared, kind, pyevm_world, changed, steps)

    return compare


test_twins_agree = _test(Twins, 6)
test_twins_agree_at_length = pytest.mark.slow(pytest.mark.timeout(1800)(_test(Twins, 150)))
test_gossip_twins_agree = _test(GossipTwins, 6)
test_gossip_twins_agree_at_length = pytest.mark.slow(pytest.mark.timeout(1800)(_test(GossipTwins, 150)))
