"""Redoing every merge: is each finalized model what it claims to be?

In a gossip run each member's merge is redone, and compared with what the member attested. Merges are
redone in several threads, and told in order.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import Any

from authority.audit.finding import Finding, Kind
from authority.audit.record import Record
from authority.audit.redoing import Redoer, disputes
from authority.audit.sources import FolderSources, Sources
from node.blobs import Blobs, DiskBlobs
from node.digest import Digest
from node.merge.threads import THREADS, spread
from node.state import GossipRound, Round, Run


@dataclass(frozen=True, slots=True)
class Replayed:
    """One merge, redone: a finalized round's, or in gossip runs a member's. inputs: how many it took.

    findings: why the merge is not confirmed. disputes: members who attested otherwise; one liar can't
    make the audit of an honest merge fail. member: whose merge it is, None: all members'.
    """

    round: int
    inputs: int
    attested: int
    findings: tuple[Finding, ...]
    disputes: tuple[Finding, ...] = ()
    member: int | None = None

    @property
    def good(self) -> bool:
        """Whether the merge gives exactly what was attested."""
        return not self.findings

    @property
    def erased(self) -> bool:
        """Whether nothing speaks against the merge, but it can't be redone: somebody erased a blob."""
        return bool(self.findings) and all(one.kind is Kind.ERASED for one in self.findings)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "good": self.good, "erased": self.erased}


Merge = tuple[Round, int | None]
"""A round as those who merged it lived it, and whose merge: None for all members'."""


def replay(
    record: Record,
    run: Run,
    folders: Sequence[Path],
    on_round: Callable[[Replayed], None] = lambda replayed: None,
    *,
    before: int | None = None,
) -> tuple[Replayed, ...]:
    """Redo all finalized rounds of a run, or all members' merges, from the blobs in `folders`.

    before: only rounds before this one.
    """
    with tempfile.TemporaryDirectory(prefix="waggle-audit-") as scratch:
        blobs = DiskBlobs(Path(scratch))
        sources = FolderSources(folders, blobs)
        return redo(record, run, sources, blobs, on_round, threads=THREADS, before=before)


def redo(
    record: Record,
    run: Run,
    sources: Sources,
    blobs: Blobs,
    on_round: Callable[[Replayed], None] = lambda replayed: None,
    *,
    threads: int = 1,
    before: int | None = None,
) -> tuple[Replayed, ...]:
    """The same from any sources; `blobs` is where inputs are collected and merges made."""
    merges = [merge for merge in _merges(run) if before is None or merge[0].number < before]
    redoer = Redoer(record, run, sources, blobs)

    def one(turn: _Turn) -> Replayed:
        try:
            _await_base(turn, sources)
            return _replayed(redoer, run, turn.merge)
        finally:
            turn.over.set()

    done = []
    for _, replayed in spread(one, list(_turns(merges)), threads):
        done.append(replayed)
        on_round(replayed)
    return tuple(done)


@dataclass(frozen=True, slots=True)
class _Turn:
    """A merge to redo. before: those that are said to give its base. over: set once it was redone."""

    merge: Merge
    before: tuple[Event, ...]
    over: Event


def _turns(merges: Sequence[Merge]) -> Iterator[_Turn]:
    """Each waits for earlier ones only: liars may finalize a model that an earlier round began from."""
    made = defaultdict[Digest, list[Event]](list)
    for merge in merges:
        turn = _Turn(merge, tuple(made[merge[0].base]), Event())
        made[_output(merge)].append(turn.over)
        yield turn


def _await_base(turn: _Turn, sources: Sources) -> None:
    """A model that nobody kept is made again by the merge before, which was begun before."""
    if turn.before and not sources.has(turn.merge[0].base):
        for earlier in turn.before:
            earlier.wait()


def _replayed(redoer: Redoer, run: Run, merge: Merge) -> Replayed:
    round_, member = merge
    return Replayed(
        round=round_.number,
        inputs=len(redoer.inputs(round_, member)),
        attested=len(round_.attested),
        findings=tuple(redoer.findings(round_, member)),
        disputes=() if member else tuple(disputes(run, round_)),
        member=member,
    )


def _merges(run: Run) -> Iterator[Merge]:
    """What there is to redo; in a gossip run each member's merges, as the member lives its rounds."""
    for round_ in run.rounds:
        if isinstance(round_, GossipRound):
            yield from ((round_.lived_by(m), m) for m in sorted(round_.attested))
        elif round_.finalized is not None:
            yield round_, None


def _output(merge: Merge) -> Digest:
    final = merge[0].finalized
    assert final is not None
    return final.merged


def say(replayed: Replayed, name: Callable[[int], str]) -> list[str]:
    """For people: a line for the round, and one for each finding."""
    # Not confirmed may mean another result, or that blobs to get one are missing: the findings say.
    verdict = "merged again: identical" if replayed.good else "NOT CONFIRMED"
    verdict = "can't be merged again: erased" if replayed.erased else verdict
    whose = f"{name(replayed.member)}: " if replayed.member else ""
    head = f"round {replayed.round}: {whose}{replayed.inputs} inputs {verdict}"
    return [head, *(f"  {one.said(name)}" for one in (*replayed.findings, *replayed.disputes))]
