"""Whole phases and rounds as several accounts live them, on the twin and the contracts at once."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from node.contracts.rounds import MemoryRun
from node.digest import Digest
from node.ledger import FIRST_GOSSIP, Advance, Call, Enter, Evict, Network, OpenRun, Phase, Revoke
from tests.ledger_moves import FLAWS, TERMS, attestation, fitting
from tests.twins import CLINICS, NAMES, Twins, account


@dataclass(frozen=True)
class Trouble:
    """What goes wrong, for which seats.

    kind: the phase in which they are absent; or `withheld` (nobody holds their updates), `lies` (they
    attest something else) or `none`. spends: privacy that everybody declares more each round. returns:
    whether those that were benched ask to be waited for again, as soon as they are.
    """

    kind: str = "none"
    seats: Set[int] = frozenset()
    spends: int = 0
    returns: bool = False

    def keeps_away(self, seat: int, phase: Phase) -> bool:
        """Whether a seat is absent in a phase."""
        return seat in self.seats and self.kind == phase.name.lower()

    def makes_lie(self, seat: int) -> bool:
        """Whether a seat attests something else."""
        return seat in self.seats and self.kind == "lies"


KINDS = ("none", "commit", "reveal", "hold", "attest", "withheld", "lies")
NO_TROUBLE = Trouble()

Spoiler = tuple[str, int]
"""Whose calls in a phase are bad, and which of the flaws they have; in the next phase the next."""


class Story:
    """What is told to both ledgers."""

    def __init__(self) -> None:
        self.twins = Twins.started()

    @property
    def network(self) -> Network:
        """Of both."""
        return self.twins.real.network

    @property
    def runs(self) -> list[MemoryRun]:
        """All runs."""
        return self.twins.runs

    def send(self, who: str, call: Call) -> None:
        """Let both take a call."""
        self.twins.send(who, call)

    def any_in(self, phase: Phase) -> bool:
        """Whether a run is in a phase."""
        return any(run.phase is phase for run in self.runs)

    def run(self, pick: int, phase: Phase | None = None) -> MemoryRun:
        """A run in a phase; else an open one, opened now if need be."""
        fit = [run for run in self.runs if run.phase is phase]
        fit = fit or [run for run in self.runs if run.phase is not Phase.CLOSED]
        return fit[pick % len(fit)] if fit else self._next_run()

    def number(self, pick: int) -> int:
        """A run's number, also of closed ones; of three of twenty picks no run's."""
        bad = {7: 0, 13: 99, 16: FIRST_GOSSIP + 99}
        return bad.get(pick, self.runs[pick % len(self.runs)].number)

    def finalized(self) -> list[tuple[int, int, Digest]]:
        """Run, round and model of all that is finalized."""
        return [(r.number, *found) for r in self.runs for found in sorted(r.finalized.items())]

    def enter(self, run: MemoryRun, absent: Set[int] = frozenset()) -> None:
        """All members but the absent ask for a seat, or to be waited for again."""
        for member in range(1, len(self.twins.memory.registry.members) + 1):
            if member not in absent:
                self.send(self._name_of(member), Enter(run.number))

    def revoke_seated(self, run: MemoryRun, which: int, named: bool) -> None:
        """Revoke one of those with a seat; the authority takes it out, or a stranger does."""
        if seated := sorted(run._seats):
            member = seated[which % len(seated)]
            self.send("authority", Revoke(member, (run.number,) * named, 1))
            self.send("stranger", Evict(run.number, member))

    def play(
        self, run: MemoryRun, trouble: Trouble, phases: int, spoilers: Sequence[Spoiler] = ()
    ) -> None:
        """Phase after phase, everybody acting who isn't kept away; deadlines pass where they must."""
        for number in range(phases):
            if spoilers:
                who, flaw = spoilers[number % len(spoilers)]
                self._spoil(run, who, flaw + number)
            self._pass(run, trouble)

    def _next_run(self) -> MemoryRun:
        self.send("authority", OpenRun(TERMS, b"the next"))
        self.enter(self.runs[-1])
        return self.runs[-1]

    def _pass(self, run: MemoryRun, trouble: Trouble) -> None:
        """One phase."""
        before = (run.round, run.phase)
        for name in self._benched(run) if trouble.returns else ():
            self.send(name, Enter(run.number))
        for seat, name in self._seated(run):
            if not trouble.keeps_away(seat, run.phase) and (run.round, run.phase) == before:
                self._speak(run, seat, name, trouble)
        if before[1] is Phase.ATTEST and run.is_late(before[0]):
            self._follow(run, before[0], trouble)
        elif (run.round, run.phase) == before and run.phase is not Phase.CLOSED:
            self.twins.now = max(self.twins.now, run.deadline)
            self.send("stranger", Advance(run.number))

    def _follow(self, run: MemoryRun, round_: int, trouble: Trouble) -> None:
        """Those who were slower than the quorum attest, too."""
        for seat, name in self._seated(run):
            if not run.attested[round_] >> seat & 1 and not trouble.keeps_away(seat, Phase.ATTEST):
                self.send(
                    name,
                    attestation(run, self.twins.member(name), round_, int(trouble.makes_lie(seat))),
                )

    def _speak(self, run: MemoryRun, seat: int, name: str, trouble: Trouble) -> None:
        withheld = sum(1 << seat for seat in trouble.seats) if trouble.kind == "withheld" else 0
        member = self.twins.member(name)
        call = fitting(
            self.network,
            run,
            member,
            spends=trouble.spends,
            withheld=withheld,
            answer=int(trouble.makes_lie(seat)),
        )
        if call:
            self.send(name, call)

    def _spoil(self, run: MemoryRun, who: str, which: int) -> None:
        call = fitting(self.network, run, self.twins.member(who))
        if call and type(call) in FLAWS:
            flaws = list(FLAWS[type(call)].values())
            for flaw in (which, which + 7):
                self.send(who, flaws[flaw % len(flaws)](call))

    def _seated(self, run: MemoryRun) -> list[tuple[int, str]]:
        """Seats and the accounts that act for them; before the first round, all clinics."""
        if run.phase is Phase.ENTERING:
            return list(enumerate(CLINICS))
        return sorted((seat.number, self._name_of(member)) for member, seat in run._seats.items())

    def _benched(self, run: MemoryRun) -> list[str]:
        """Accounts whose seats are not waited for, and won't be."""
        return [
            self._name_of(member)
            for member, seat in sorted(run._seats.items())
            if not seat.bit & run._waited and seat.waited_from <= run.round
        ]

    def _name_of(self, member: int) -> str:
        """The account that acts, or acted last, for a member."""
        wanted = self.twins.memory.registry.members[member - 1].account
        return next(name for name in NAMES if account(name) == wanted)
