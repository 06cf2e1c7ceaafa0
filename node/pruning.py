"""Drops blobs of rounds that are long over, if the operator says so (`keep_rounds` in node.toml).

Goals: what this node trains from, what the present round and the one before need, and the last model
that it can give to others always stay. Receipts stay as well, they are small. Non-goals: making sure
that somebody else has what is dropped: that is what an archive is for; see docs/consortium.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from node.blobs import Blobs
from node.database import Database
from node.digest import Digest
from node.state import GossipRound, Round, Run


class Pruner:
    """Prunes one run's blobs. keep: of how many rounds that are over all is kept; None: of all."""

    def __init__(self, blobs: Blobs, database: Database, keep: int | None) -> None:
        self._blobs, self._database, self._keep = blobs, database, keep
        self._done = 0
        self._left: set[Digest] = set()

    def due(self, run: Run) -> bool:
        """Whether a round has become old since the last time."""
        return self._keep is not None and len(_old(run, self._keep)) > self._done

    def prune(self, run: Run) -> None:
        """Drop what is neither kept nor needed. `run` is as the member lives it."""
        assert self._keep is not None
        old = _old(run, self._keep)
        for round_ in old[self._done :]:
            self._left.update(droppable(round_))
            # Promised, and perhaps never revealed.
            if (own := self._database.own_update(run.number, round_.number, round_.base)) is not None:
                self._left.add(own.digest)
        self._done, needed = len(old), needed_by(run, self._keep)
        for digest in self._left - needed:
            if self._blobs.has(digest):
                self._blobs.drop(digest)
        self._left &= needed  # a model may be needed for long, while rounds are skipped


def _old(run: Run, keep: int) -> tuple[Round, ...]:
    """Rounds older than those kept; the present one counts for itself."""
    return run.past[: max(0, len(run.past) - keep)]


def droppable(round_: Round) -> Iterator[Digest]:
    """Updates and models that a round brought, whoever answered so."""
    yield from (revealed.digest for revealed in round_.revealed.values())
    yield from (said.merged for said in round_.attested.values())
    yield round_.base


def needed_by(run: Run, keep: int) -> frozenset[Digest]:
    """What must stay."""
    kept = run.rounds[len(_old(run, keep)) :]
    needed = {run.terms.base, run.model}
    for round_ in kept:
        needed.update(droppable(round_))
        if round_.finalized is not None:
            needed.add(round_.finalized.merged)
    return frozenset(needed.union(_remerged(run)))


def _remerged(run: Run) -> Iterator[Digest]:
    """In gossip runs what the own model was merged from: should it be lost, nobody else has it."""
    for round_ in reversed(run.past):
        if isinstance(round_, GossipRound) and round_.finalized is not None:
            yield round_.base
            inputs = run.members_in(round_.finalized.inputs)
            yield from (round_.revealed[member].digest for member in inputs)
            return
