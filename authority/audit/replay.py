"""Redoing every merge: is each finalized model what it claims to be?

For each finalized round the inputs are looked up by the digests on the chain, verified like any update,
merged by the same function as in the nodes, and the outcome compared with what a quorum attested. In a
gossip run each member's merge is redone so, and compared with what the member attested.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from authority.audit.record import Record
from authority.audit.sources import FolderSources, Sources
from node.blobs import Blobs, DiskBlobs
from node.digest import Digest
from node.errors import BadUpdate, Unfit
from node.gossip.merging import merge_neighbours, neighbours_of
from node.header import Layout
from node.header import parse as parse_header
from node.manifest import Manifest
from node.merging import merge_round, rule_in
from node.receipt import Receipt, compare
from node.state import GossipRun, Round, Run
from node.verify import Claimed, VerifiedUpdate, verify


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a round. member: whose update or attestation, if one's."""

    round: int
    what: str
    member: int | None = None


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

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "good": self.good}


def replay(
    record: Record,
    run: Run,
    folders: Sequence[Path],
    on_round: Callable[[Replayed], None] = lambda replayed: None,
) -> tuple[Replayed, ...]:
    """Redo all finalized rounds of a run, or all members' merges, from the blobs in `folders`."""
    with tempfile.TemporaryDirectory(prefix="waggle-audit-") as scratch:
        blobs = DiskBlobs(Path(scratch))
        return redo(record, run, FolderSources(folders, blobs), blobs, on_round)


def redo(
    record: Record,
    run: Run,
    sources: Sources,
    blobs: Blobs,
    on_round: Callable[[Replayed], None] = lambda replayed: None,
) -> tuple[Replayed, ...]:
    """The same from any sources; `blobs` is where inputs are collected and merges made."""
    done, auditor = [], _Auditor(record, run, sources, blobs)
    for round_, member in _merges(run):
        done.append(auditor.redo(round_, member))
        on_round(done[-1])
    return tuple(done)


def _merges(run: Run) -> Iterator[tuple[Round, int | None]]:
    """What there is to redo; in a gossip run each member's merges, as the member lives its rounds."""
    for number, round_ in enumerate(run.rounds):
        if isinstance(run, GossipRun):
            yield from ((run.lived_by(m).rounds[number], m) for m in sorted(round_.attested))
        elif round_.finalized is not None:
            yield round_, None


def say(replayed: Replayed, name: Callable[[int], str]) -> list[str]:
    """For people: a line for the round, and one for each finding."""
    # Not confirmed may mean another result, or that blobs to get one are missing: the findings say.
    verdict = "merged again: identical" if replayed.good else "NOT CONFIRMED"
    whose = f"{name(replayed.member)}: " if replayed.member else ""
    head = f"round {replayed.round}: {whose}{replayed.inputs} inputs {verdict}"
    return [
        head,
        *(
            f"  {name(finding.member) + ': ' if finding.member else ''}{finding.what}"
            for finding in (*replayed.findings, *replayed.disputes)
        ),
    ]


class _Auditor:
    def __init__(self, record: Record, run: Run, sources: Sources, blobs: Blobs) -> None:
        self._network_id, self._run = record.network.network_id, run
        self._manifest = Manifest.from_bytes(run.manifest)
        self._rule = rule_in(self._manifest)
        self._sources, self._blobs = sources, blobs

    def redo(self, round_: Round, member: int | None) -> Replayed:
        inputs = self._inputs(round_, member)
        return Replayed(
            round=round_.number,
            inputs=len(inputs),
            attested=len(round_.attested),
            findings=tuple(self._findings(round_, member, inputs)),
            disputes=() if member else tuple(self._disputes(round_)),
            member=member,
        )

    def _inputs(self, round_: Round, member: int | None) -> tuple[int, ...]:
        """What was merged: by all, or as the member itself attested."""
        own = round_.attested[member].inputs if member else None
        return self._run.members_in((round_.inputs or 0) if own is None else own)

    def _findings(self, round_: Round, member: int | None, inputs: Sequence[int]) -> Iterator[Finding]:
        strangers = self._strangers(round_, member, inputs)
        if strangers:
            yield from (Finding(round_.number, "merged, and no neighbour", m) for m in strangers)
        elif not self._sources.collect(round_.base):
            yield Finding(round_.number, f"base {round_.base.short}: {self._why(round_.base)}", member)
        else:
            updates, bad = self._updates(round_, inputs)
            yield from bad or self._merged(round_, member, updates)

    def _strangers(self, round_: Round, member: int | None, inputs: Sequence[int]) -> tuple[int, ...]:
        """Members whose updates a member of a gossip run merged without being their neighbour."""
        if member is None:
            return ()
        near = neighbours_of(self._run, round_, self._manifest.neighbours or 0, member)
        return tuple(m for m in inputs if m not in {member, *near})

    def _disputes(self, round_: Round) -> Iterator[Finding]:
        for member in round_.disputed:
            merged = round_.attested[member].merged.short
            yield Finding(round_.number, f"attested {merged}, unlike the quorum", member)

    def _updates(
        self, round_: Round, inputs: Sequence[int]
    ) -> tuple[list[VerifiedUpdate], list[Finding]]:
        layout = parse_header(self._blobs.view(round_.base)).layout
        updates, bad = [], []
        for member in inputs:
            try:
                updates.append(self._update(round_, member, layout))
            except (LookupError, BadUpdate) as error:
                bad.append(Finding(round_.number, str(error.args[0]), member))
        return updates, bad

    def _update(self, round_: Round, member: int, layout: Layout) -> VerifiedUpdate:
        digest = round_.revealed[member].digest
        if not self._sources.collect(digest):
            raise LookupError(f"update {digest.short}: {self._why(digest)}")
        claimed = Claimed(self._run.number, round_.number, member, digest)
        return verify(self._manifest, layout, claimed, self._blobs.view(digest))

    def _merged(
        self, round_: Round, member: int | None, updates: list[VerifiedUpdate]
    ) -> Iterator[Finding]:
        attested = round_.attested[member] if member else round_.finalized
        assert attested is not None
        try:
            receipt = self._redone(round_, member, updates)
        except Unfit as error:
            yield Finding(round_.number, str(error))
            return
        if receipt.output != attested.merged:
            said = attested.merged.short
            what = f"the merge gives {receipt.output.short}, attested was {said}"
            yield Finding(round_.number, what, member)
        elif receipt.digest != attested.receipt:
            yield Finding(round_.number, self._receipt_differs(attested.receipt, receipt), member)
        for kind, name in (("model", receipt.output), ("receipt", attested.receipt)):
            # A copy that is missing was just made again; one that was altered somebody may trust.
            if not self._sources.has(name) and self._sources.damaged(name):
                yield Finding(round_.number, f"{kind} {name.short}: {self._why(name)}", member)

    def _redone(self, round_: Round, member: int | None, updates: list[VerifiedUpdate]) -> Receipt:
        given = (
            self._blobs, self._network_id, self._run, round_, self._manifest, self._rule, updates
        )  # fmt: skip
        return merge_round(*given) if member is None else merge_neighbours(*given, member)

    def _receipt_differs(self, attested: Digest, ours: Receipt) -> str:
        found = self._sources.read(attested)
        if found is None:
            return f"receipt {attested.short} differs from ours, and {self._why(attested)}"
        try:
            fields = compare(ours, Receipt.from_bytes(found))
        except ValueError as error:
            return f"receipt {attested.short}: {error}"
        return f"receipt {attested.short} says otherwise than the merge: {', '.join(fields)}"

    def _why(self, digest: Digest) -> str:
        damaged = self._sources.damaged(digest)
        return f"damaged in {damaged}" if damaged else "no copy was found"
