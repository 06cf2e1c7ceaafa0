"""What steps have in common that make a row of each input and need an honest majority."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Minority:
    """The part of a Step that says on what it runs: n rows of n inputs, of which 2f < n hostile.

    f: the hostile inputs that the step is made for; None: as many as may be hostile in the round.
    """

    f: int | None = None

    rows: ClassVar[str] = "n"

    @property
    def bound(self) -> str:
        """See Step."""
        return "n > 2f" if self.f is None else f"n > {2 * self.f} and f <= {self.f}"

    def outputs(self, n: int) -> int:
        """See Step."""
        return n if n > 2 * (self.f or 0) else 0

    def withstands(self, n: int, f: int) -> bool:
        """See Step."""
        return n > 2 * f and (self.f is None or f <= self.f)
