"""How a run of a swarm ended, as a value."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ClinicResult:
    """One clinic. alone, swarm: the task's leading metric on the same held-out patients,
    None for a task that holds none out."""

    name: str
    member: int
    patients: int
    alone: float | None
    swarm: float | None
    sent: int
    received: int
    gas_per_round: int


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
    findings: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether there is a finalized model and every merge was redone with the same result."""
        return self.finalized > 0 and self.merges == self.merges_good

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "good": self.good}
