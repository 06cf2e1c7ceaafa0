"""What an audit may find, told apart: is it bytes, a merge, a receipt, or the chain's own record?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Kinds of findings; `ERASED` is none of tampering."""

    RECORD = "record"
    """The chain's own record contradicts itself."""
    ENDPOINTS = "endpoints"
    """Two endpoints tell different records."""
    BYTES = "bytes"
    """A blob's bytes don't have its digest, or are no valid update of their author and round."""
    MISSING = "missing"
    """A blob is nowhere to be found."""
    ERASED = "erased"
    """A blob was deleted on purpose, and whoever did so says so."""
    MERGE = "merge"
    """Merging gives other bytes than were attested."""
    RECEIPT = "receipt"
    """The receipt says other than the merge."""
    DATABASE = "database"
    """A node's own database says other than the node said on the chain."""
    MANIFEST = "manifest"
    """The run's manifest can't be read, or names no rule: no node takes part, nothing can be redone."""
    DISPUTE = "dispute"
    """A member attested otherwise than the quorum."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found.

    member: whose update or attestation it is about, if one's. field: which differs. holders: who said
    on the chain that it had the blob which is missing.
    """

    kind: Kind
    what: str
    run: int | None = None
    round: int | None = None
    member: int | None = None
    field: str | None = None
    holders: tuple[int, ...] = ()

    def said(self, name: Callable[[int], str]) -> str:
        """For people, without the round: `name` gives a member's."""
        whose = f"{name(self.member)}: " if self.member is not None else ""
        had = f"; {', '.join(map(name, self.holders))} said to have it" if self.holders else ""
        return f"{whose}{self.what}{had}"
