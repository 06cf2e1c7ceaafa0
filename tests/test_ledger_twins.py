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
    Address,
    Advance,
    Attest,
    Call,
    CloseRun,
    Commit,
    Enter,
    Evict,
    Hold,
    OpenRun,
    Phase,
    Reveal,
    Revoke,
)
from node.testing_ledger import MemoryChain
from node.testing_rounds import MemoryRun
from tests.chains import NODE_KEYS, RICH, MemoryWorld, PyEvmWorld, admit_all
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

    def __init__(self, memory: MemoryWorld, real: PyEvmWorld) -> None:
        self.memory, self.real = memory, real

    @property
    def run(self) -> MemoryRun:
        """The twin's run, by which calls that fit are chosen."""
        return self.memory.chain.runs[0]

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
                return [(who, Enter(1))]
            case "attest before":
                return [(who, self.attestation(self.run.round - 1, extra))]
            case "time out":
                self.memory.travel(1000)
                self.real.travel(1000)
                return [(who, Advance(1))]
            case "revoke":
                return [(0, Revoke(who, (1,) * extra, 1))]
            case "evict":
                return [(who, Evict(1, who))]
            case "close":
                return [] if extra else [(0, CloseRun(1))]
        phases = (Phase.COMMIT, Phase.REVEAL, Phase.HOLD, Phase.ATTEST)
        return [(who, Advance(1)), (who, self.fitting(who, phases[extra], extra))]

    def fitting(self, who: int, phase: Phase, extra: int) -> Call:
        """A good call for a phase, more or less."""
        round_, run = self.run.round, self.run
        mine, claims = update(who, round_), Claims(8, extra)
        network = self.real.network
        promised = commitment(network, 1, round_, run.base, who, mine, claims, salt(who))
        match phase:
            case Phase.COMMIT:
                return Commit(1, round_, promised, extra)
            case Phase.REVEAL:
                return Reveal(1, round_, mine, 8, self._declared(who), salt(who))
            case Phase.HOLD:
                return Hold(1, round_, run.tallies.revealed & ~extra | (extra == 7) << 9)
            case Phase.ATTEST:
                return self.attestation(round_, extra)
        return Enter(1)

    def _declared(self, who: int) -> int:
        seat = self.run._seats.get(who)
        return seat.privacy if seat else 0

    def attestation(self, round_: int, extra: int) -> Attest:
        """Mostly the same answer."""
        answer = digest(b"another" if extra == 1 else b"merged")
        return Attest(1, max(round_, 0), answer, RECEIPT)

    async def compare(self) -> None:
        """Events and the contract's own view of the run."""
        assert await _events(self.memory) == await _events(self.real)
        assert _state(self.run) == await _real_state(self.real)


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


async def _real_state(world: PyEvmWorld) -> dict[str, Any]:
    data = evm.encode_function("RoundLedger", "stateOf", 1)
    ledger: Any = world.authority
    answer = await ledger._endpoint.call(world.network.ledger, data)
    (entry,) = [e for e in evm.artifact("RoundLedger")["abi"] if e.get("name") == "stateOf"]
    names = [c["name"] for c in entry["outputs"][0]["components"]]
    values = dict(zip(names, evm.decode_result("RoundLedger", "stateOf", answer), strict=True))
    del values["deadline"]
    return values


async def _compared(real: PyEvmWorld, changed: dict[str, int], steps: list[Any]) -> None:
    memory = MemoryWorld()
    memory.chain = MemoryChain(Address(RICH.address), clock=lambda: memory.now, network=real.network)
    ledgers = [memory.chain.ledger(Address(key.address)) for key in NODE_KEYS]
    memory.authority, memory.nodes = memory.chain.ledger(Address(RICH.address)), [*ledgers[:7]]
    await admit_all(memory)
    twins = Twins(memory, real)
    await twins.send(0, OpenRun(replace(TERMS, **changed), MANIFEST))
    await twins.play("enter", list(MEMBERS)[: changed["seats"]], 0)
    for kind, who, extra in steps:
        await twins.play(kind, who, extra)
    await twins.compare()


def _test(examples: int) -> Any:
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=examples < 10,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(changed=terms, steps=st.lists(step, min_size=4, max_size=18))
    def compare(pyevm_world: PyEvmWorld, changed: dict[str, int], steps: list[Any]) -> None:
        with pyevm_world.undone():
            trio.run(_compared, pyevm_world, changed, steps)

    return compare


test_twins_agree = _test(6)
test_twins_agree_at_length = pytest.mark.slow(pytest.mark.timeout(1800)(_test(150)))
