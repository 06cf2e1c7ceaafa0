"""Things that happen to machines, at random, from a seed: `waggle up --chaos`.

A clinic's process is killed and started again, frozen for a while, or cut off from chain and peers; the
chain is frozen, or shut down and started again from the state that it wrote. At any time at most `room`
honest clinics have something done to them, so that a quorum can go on; attackers come on top, since a
swarm that withstands them withstands them failing as well.

Every second honest clinic, the first one included, is never killed: what a long life does to a process
shows there.

What is drawn is a function of the seed; when it happens, and so what it hits, is the machine's.
Non-goals: a chain that loses blocks (anvil killed outright would: that is another chain, and a real one
doesn't forget), disks that lie, networks that drop packets.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

GAP_SECONDS = (0.5, 5.0)
"""From one fault to the next."""

LASTING = {"kill": (0.2, 4.0), "freeze": (0.5, 6.0), "cut": (0.5, 8.0)}
"""How long clinics' faults last, in seconds; most are short."""

CHAIN_LASTING = {"freeze": (0.3, 3.0), "restart": (0.1, 2.0)}

CHAIN_SHARE = 0.15
"""Share of the faults that are the chain's."""

REVIVE_SECONDS = 1.0
"""After a clinic ended by itself because it lost the chain at its start, as a service manager would."""


_BEGINS = {"kill": "kills", "freeze": "freezes", "cut": "cuts off", "restart": "shuts down"}
_ENDS = {"kill": "starts", "freeze": "thaws", "cut": "reconnects", "restart": "starts"}


class Machine(Protocol):
    """A clinic's process, see sim.clinics."""

    name: str

    @property
    def alive(self) -> bool: ...
    @property
    def exitcode(self) -> int: ...
    def start(self) -> None: ...
    def kill(self) -> None: ...
    def freeze(self) -> None: ...
    def thaw(self) -> None: ...
    def cut(self) -> None: ...
    def mend(self) -> None: ...


class Chain(Protocol):
    """The chain's process, see sim.devnet."""

    def freeze(self) -> None: ...
    def thaw(self) -> None: ...
    def stop(self) -> None: ...
    def start(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes on now. target: a clinic's name, or `chain`. until: when it ends."""

    kind: str
    target: str
    until: float


class Chaos:
    """What happens to one swarm. room: honest clinics that may have something at a time."""

    def __init__(
        self,
        clinics: Sequence[Machine],
        chain: Chain,
        *,
        hostile: Collection[str],
        room: int,
        seed: int,
        clock: Callable[[], float],
        tell: Callable[[str], None],
    ) -> None:
        self._clinics: Mapping[str, Machine] = {clinic.name: clinic for clinic in clinics}
        self._chain, self._hostile, self._room = chain, frozenset(hostile), room
        self._lots = random.Random(seed)  # noqa: S311  # no secret
        self._clock, self._tell = clock, tell
        self._lasting = {c.name for c in clinics if c.name not in self._hostile}
        self._lasting -= {c.name for c in clinics[1::2]}
        self._faults: list[Fault] = []
        self._next = clock() + self._between(GAP_SECONDS)
        self._revive: dict[str, float] = {}
        self._calm = False

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What goes on now."""
        return tuple(self._faults)

    @property
    def busy(self) -> bool:
        """Whether somebody is to be started again, so that a swarm of dead processes isn't over."""
        return bool(self._revive) or any(fault.kind == "kill" for fault in self._faults)

    def tick(self) -> None:
        """End what is over, begin what is due. To be called often."""
        now = self._clock()
        for fault in [fault for fault in self._faults if now >= fault.until]:
            self._end(fault)
        if any(not clinic.alive and clinic.exitcode == 0 for clinic in self._clinics.values()):
            self.calm()  # somebody has seen the end of the run: let the others see it
        self._revive_those_due(now)
        if not self._calm and now >= self._next:
            self._next = now + self._between(GAP_SECONDS)
            self._begin(now)

    def calm(self) -> None:
        """End everything, and begin nothing more."""
        self._calm = True
        for fault in list(self._faults):
            self._end(fault)

    def _begin(self, now: float) -> None:
        kind, target = self._drawn()
        if target is None:
            return
        lasts = self._between((CHAIN_LASTING if target == "chain" else LASTING)[kind])
        fault = Fault(kind, target, now + lasts)
        self._tell(f"{_BEGINS[kind]} {target}, for {lasts:.1f} s")
        self._faults.append(fault)
        self._acts(fault)[0]()

    def _drawn(self) -> tuple[str, str | None]:
        """A kind of fault and whom it hits; nobody when all that may be hit are."""
        if self._lots.random() < CHAIN_SHARE:
            kind = self._lots.choice(sorted(CHAIN_LASTING))
            return kind, None if self._hit("chain") else "chain"
        kind = self._lots.choice(sorted(LASTING))
        open_to_it = [n for n in self._candidates() if kind != "kill" or n not in self._lasting]
        return kind, self._lots.choice(open_to_it) if open_to_it else None

    def _candidates(self) -> list[str]:
        free = [n for n, c in self._clinics.items() if c.alive and not self._hit(n)]
        down = {n for n in self._clinics if self._hit(n) or n in self._revive} - self._hostile
        return [name for name in free if name in self._hostile or len(down) < self._room]

    def _hit(self, target: str) -> bool:
        return any(fault.target == target for fault in self._faults)

    def _end(self, fault: Fault) -> None:
        self._faults.remove(fault)
        self._tell(f"{_ENDS[fault.kind]} {fault.target}")
        self._acts(fault)[1]()

    def _acts(self, fault: Fault) -> tuple[Callable[[], None], Callable[[], None]]:
        """How a fault begins and ends."""
        if fault.target == "chain":
            chain = self._chain
            return (chain.freeze, chain.thaw) if fault.kind == "freeze" else (chain.stop, chain.start)
        clinic = self._clinics[fault.target]
        acts = {
            "kill": (clinic.kill, clinic.start),
            "freeze": (clinic.freeze, clinic.thaw),
            "cut": (clinic.cut, clinic.mend),
        }
        return acts[fault.kind]

    def _revive_those_due(self, now: float) -> None:
        for name, clinic in self._clinics.items():
            if clinic.alive or clinic.exitcode == 0 or self._hit(name):
                self._revive.pop(name, None)
            elif now >= self._revive.setdefault(name, now + REVIVE_SECONDS):
                del self._revive[name]
                self._tell(f"{name} ended by itself and is started again")
                clinic.start()

    def _between(self, bounds: tuple[float, float]) -> float:
        """Near the low end mostly, so that rounds go on."""
        low, high = bounds
        return low + (high - low) * self._lots.random() ** 2
