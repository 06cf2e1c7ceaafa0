"""Where an audit finds the chain and the blobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from node.ledger import Network
from node.words import one_line


@dataclass(frozen=True, slots=True)
class Place:
    """Endpoints, contracts, folders with blobs, and names of members for people.

    run: the run meant, None for the newest. homes: of nodes that are no attackers, to look into.
    """

    rpcs: tuple[str, ...]
    network: Network
    blobs: tuple[Path, ...] = ()
    run: int | None = None
    names: Mapping[int, str] = field(default_factory=dict)
    homes: tuple[Path, ...] = ()

    def name(self, member: int) -> str:
        """What people call a member."""
        return one_line(self.names.get(member, "")) or f"member {member}"


OpenPlace = Callable[[Path], AbstractContextManager[Place]]
"""Opens a folder: a run's, a node's home, the authority's. Raises WrongUse."""
