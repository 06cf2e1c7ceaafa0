"""How a run of a swarm ended, as a value."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ClinicResult:
    """One clinic. alone, swarm: the task's leading metric on the same held-out patients,
    None for a task that holds none out. In gossip runs swarm is of the clinic's own model."""

    name: str
    member: int
    patients: int
    alone: float | None
    swarm: float | None
    sent: int
    received: int
    gas_per_round: int


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a hostile clinic: in a few words, and what shows it. attack: as it was told to."""

    clinic: str
    attack: str
    verdict: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contrast:
    """The same swarm in the arena. metric: of the scores, honest clinics' mean after the last round.

    mean: with the plain mean, under the same attack. unharmed: with the run's rule, nobody attacking.
    """

    attack: str
    metric: str
    mean: float
    unharmed: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run of a swarm, as `waggle up` reports it."""

    run: int
    metric: str
    clinics: tuple[ClinicResult, ...]
    rounds: int
    finalized: int
    model: str
    model_round: int | None
    merge: str
    withstands: int | None
    f: int
    blocks: int
    transactions: int
    gas: int
    merges: int
    merges_good: int
    neighbours: int | None
    """Of each clinic in a round of a gossip run."""
    disagreement: float
    """Of the clinics' models at the end, as a share of their mean's norm; 0 when they have one."""
    over: bool
    """Whether the run got to its end, with or without a finalized model."""
    findings: tuple[str, ...]
    problems: tuple[str, ...]
    """Nodes that ended badly, and what could not be measured."""
    hostile: tuple[Fate, ...] = ()
    contrast: Contrast | None = None
    faults: tuple[str, ...] = ()
    """What chaos did, in order."""

    @property
    def score(self) -> float | None:
        """The leading metric of the finalized model; None where it could not be measured."""
        return next((clinic.swarm for clinic in self.clinics if clinic.swarm is not None), None)

    @property
    def good(self) -> bool:
        """Whether the run ended with a finalized model and every merge was redone to the same bytes."""
        return self.over and self.finalized > 0 and self.merges == self.merges_good

    @property
    def fault(self) -> str:
        """What is bad about it, in a few words."""
        if self.merges_good < self.merges:
            return f"{self.merges - self.merges_good} of {self.merges} merges have findings"
        if not self.finalized:
            return "no round was finalized"
        return f"all nodes ended after {self.finalized} of {self.rounds} rounds"

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "good": self.good}
