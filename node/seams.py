"""All seams of a node in one value, so that production and simulation differ only in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar, TypeVarTuple

from node.blobs import Blobs
from node.database import Database
from node.entropy import Entropy
from node.exchange import Exchange
from node.header import Layout
from node.ledger import Ledger
from node.manifest import Manifest
from node.merge import Rule

if TYPE_CHECKING:  # torch takes a second to import, and only who trains needs it
    from node.train import Trainer

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Offload(Protocol):
    """Run a blocking function where it can't hold up the network; inline in simulations."""

    async def __call__(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """The function's result, or its exception."""
        ...


@dataclass(frozen=True, slots=True)
class Seams:
    """Where a node's acts go. clock: Unix seconds."""

    ledger: Ledger
    exchange: Exchange
    blobs: Blobs
    database: Database
    trainer: Trainer
    entropy: Entropy
    offload: Offload
    clock: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a run asks of a node: its number and manifest, the merge rule, the model's layout."""

    run: int
    manifest: Manifest
    rule: Rule
    layout: Layout
    enter_after: int = 0
