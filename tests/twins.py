"""The ledger's twin in memory beside the real contracts: the same calls at the same times, compared."""

from __future__ import annotations

from collections import Counter
from functools import cache, partial
from typing import Any, Self

from authority.audit.coherence import contradictions
from authority.audit.record import told_by
from node.contracts.chain import MemoryChain, memory_address
from node.contracts.registry import NOBODY
from node.contracts.rounds import MemoryRun
from node.errors import LedgerRefusal
from node.evm import REGISTRY_CALLS
from node.exchange import PeerKey
from node.ledger import (
    Address,
    Admit,
    Attest,
    Call,
    Close,
    Enter,
    Event,
    Phase,
    PhaseAdvanced,
    RoundSkipped,
    RunClosed,
    Skip,
    is_gossip,
)
from tests.contracts import GENESIS_TIME, Contracts

CLINICS = [f"clinic {number}" for number in range(1, 8)]
"""Members 1 to 7 from the start."""

SPARES = [f"spare {number}" for number in range(1, 5)]
"""Accounts to rotate to, or of later members."""

NAMES = ["authority", *CLINICS, *SPARES, "stranger"]
"""All accounts that send calls."""


@cache
def account(name: str) -> Address:
    """An account by its name; `nobody` is the zero address."""
    return NOBODY if name == "nobody" else memory_address(name)


def key(number: int) -> PeerKey:
    """A peer key by its number; 0 is the key of zeros."""
    return PeerKey(bytes([number]) * 32)


class Twins:
    """Both ledgers, one clock. What both said since the start is counted in `said`."""

    def __init__(self, real: Contracts) -> None:
        self.real = real
        self.now = GENESIS_TIME
        self.memory = MemoryChain(account("authority"), clock=lambda: self.now, network=real.network)
        self.said: Counter[str] = Counter()
        self._members_changed = False

    @classmethod
    def started(cls) -> Self:
        """Both with the clinics admitted and no runs."""
        twins = cls(_admitted().fork())
        for call in _admissions():
            twins.memory.call(account("authority"), call)
        return twins

    @property
    def runs(self) -> list[MemoryRun]:
        """The twin's runs, of both kinds, by which calls that fit are chosen."""
        return [*self.memory.runs, *self.memory.gossips]

    def run(self, number: int) -> MemoryRun | None:
        """A run by its number."""
        return next((run for run in self.runs if run.number == number), None)

    def member(self, name: str) -> int:
        """The member behind an account, or 0."""
        return self.memory.registry.member_of(account(name))

    def send(self, name: str, call: Call) -> list[Event] | tuple[Any, ...]:
        """Let both take a call, at the same second, and compare the answers."""
        remarks = self._remarks(name, call)
        expected = _answer(lambda: self.real.call(account(name), call, self.now))
        actual = _answer(lambda: self._remember(account(name), call))
        assert expected == actual, f"the contracts and the twin answer {name}: {call} differently"
        taken = isinstance(actual, list)
        self.said.update([*map(_kind, actual), *remarks] if taken else [str(actual[0])])
        self._members_changed |= taken and isinstance(call, REGISTRY_CALLS)
        return actual

    def compare(self) -> None:
        """Runs, and members if a call may have changed them."""
        for run in self.runs:
            self._compare_run(run)
        if self._members_changed:
            self._compare_members()
            self._members_changed = False

    def compare_all(self) -> None:
        """Everything that can be asked."""
        self._members_changed = True
        self.compare()
        for run in self.memory.runs:
            for round_ in range(run.round + 2):
                self._compare_finalized(run.number, round_)
        for gossip in self.memory.gossips:
            for member in range(len(self.memory.registry.members) + 2):
                model = self.real.ask("GossipLedger", "modelOf", gossip.number, member)
                assert model == gossip.base_of(member).raw
        assert contradictions(told_by(self.memory)) == ()

    def _remember(self, caller: Address, call: Call) -> list[Event]:
        mined = self.memory.call(caller, call)
        return [logged.event for logged in self.memory.events(mined.block, mined.block)]

    def _remarks(self, name: str, call: Call) -> list[str]:
        """What events don't show by themselves."""
        run = self.run(getattr(call, "run", 0))
        match call:
            case Attest(round=round_) if run and run.is_late(round_):
                return ["Attested late"]
            case Enter() if run and self.member(name) in run._seats:
                return ["Entered again"]
            case Enter() if run and run.phase is not Phase.ENTERING:
                return ["Entered later"]
        return []

    def _compare_run(self, run: MemoryRun) -> None:
        expected, told = self.real.state_of(run.number), state(run)
        assert expected == {name: told[name] for name in expected}
        if not is_gossip(run.number):
            for round_ in {max(run.round - 1, 0), run.round}:
                self._compare_finalized(run.number, round_)

    def _compare_finalized(self, run: int, round_: int) -> None:
        expected = self.real.ask("RoundLedger", "finalizedOf", run, round_)
        assert expected == self.memory.finalized_of(run, round_).raw

    def _compare_members(self) -> None:
        ask, registry = partial(self.real.ask, "NodeRegistry"), self.memory.registry
        assert ask("epoch") == registry.epoch
        for name in NAMES:
            assert ask("memberOf", account(name)) == registry.member_of(account(name)), name
        for member in range(len(registry.members) + 2):
            assert ask("isActive", member) == registry.is_active(member), member
        for peer in range(15):
            assert ask("isAuditor", key(peer)) == registry.is_auditor(key(peer)), peer


def state(run: MemoryRun) -> dict[str, Any]:
    """What stateOf says, by the rule that a bitmap says nothing before its phase has opened.

    A gossip run's says less: no quorum, base, holds and inputs.
    """
    t, phase = run.tallies, run.phase
    during = Phase.COMMIT <= phase <= Phase.ATTEST
    return {
        "phase": phase,
        "round": run.round,
        "deadline": run.deadline,
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


def _answer(call: Any) -> list[Event] | tuple[Any, ...]:
    """Events, or an error's name and values."""
    try:
        events: list[Event] = call()
    except LedgerRefusal as refusal:
        return (refusal.name, *refusal.values)
    return events


def _kind(event: Event) -> str:
    """An event's name, and what it is about where that tells stories apart."""
    match event:
        case RoundSkipped(reason=reason):
            return f"RoundSkipped {Skip(reason).name}"
        case PhaseAdvanced(phase=phase):
            return f"PhaseAdvanced {Phase(phase).name}"
        case RunClosed(reason=reason):
            return f"RunClosed {Close(reason).name}"
    return type(event).__name__


def _admissions() -> list[Admit]:
    return [Admit(account(name), key(n), bytes([n]) * 32) for n, name in enumerate(CLINICS, 1)]


@cache
def _admitted() -> Contracts:
    """The contracts with the clinics admitted, deployed once."""
    real = Contracts.deployed(account("authority"), list(map(account, NAMES)))
    for call in _admissions():
        real.call(account("authority"), call, GENESIS_TIME)
    return real
