"""One merge, redone: its inputs by the digests on the chain, verified like any update, merged by the
same function as in the nodes, and the outcome compared with what was attested.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from authority.audit.finding import Finding, Kind
from authority.audit.record import Record
from authority.audit.sources import Sources
from node.blobs import Blobs
from node.digest import Digest
from node.errors import BadUpdate, Unfit
from node.gossip.merging import merge_neighbours, neighbours_of
from node.header import Layout
from node.header import parse as parse_header
from node.manifest import Manifest
from node.merging import merge_round, rule_in
from node.receipt import Receipt, compare
from node.state import Attestation, Round, Run
from node.verify import Claimed, VerifiedUpdate, verify


class Redoer:
    """Redoes merges of one run. blobs: where inputs are collected and merges made."""

    def __init__(self, record: Record, run: Run, sources: Sources, blobs: Blobs) -> None:
        """Raises Unfit for a manifest that can't be read."""
        self._network_id, self._run = record.network.network_id, run
        self._manifest = Manifest.from_bytes(run.manifest)
        self._rule = rule_in(self._manifest)
        self._sources, self._blobs = sources, blobs

    def inputs(self, round_: Round, member: int | None) -> tuple[int, ...]:
        """What was merged: by all, or as the member itself attested."""
        own = round_.attested[member].inputs if member else None
        return self._run.members_in((round_.inputs or 0) if own is None else own)

    def findings(self, round_: Round, member: int | None) -> Iterator[Finding]:
        """Why a merge is not confirmed; member: whose it is, in gossip runs."""
        for found in self._findings(round_, member, self.inputs(round_, member)):
            yield replace(found, run=self._run.number, round=round_.number)

    def _findings(self, round_: Round, member: int | None, inputs: Sequence[int]) -> Iterator[Finding]:
        strangers = self._strangers(round_, member, inputs)
        if strangers:
            yield from (Finding(Kind.MERGE, "merged, and no neighbour", member=m) for m in strangers)
        elif not self._sources.collect(round_.base):
            yield self._lacking("base", round_.base, replace(NOBODYS, member=member))
        elif isinstance(layout := self._layout(round_.base), Finding):
            yield layout
        else:
            updates, bad = self._updates(round_, inputs, layout)
            yield from bad or self._merged(round_, member, updates)

    def _strangers(self, round_: Round, member: int | None, inputs: Sequence[int]) -> tuple[int, ...]:
        """Members whose updates a member of a gossip run merged without being their neighbour."""
        if member is None:
            return ()
        near = neighbours_of(self._run, round_, self._manifest.neighbours or 0, member)
        return tuple(m for m in inputs if m not in {member, *near})

    def _layout(self, base: Digest) -> Layout | Finding:
        """A majority of liars may have finalized any bytes."""
        try:
            return parse_header(self._blobs.view(base)).layout
        except ValueError as error:
            return Finding(Kind.BYTES, f"base {base.short} is no model: {error}")

    def _updates(
        self, round_: Round, inputs: Sequence[int], layout: Layout
    ) -> tuple[list[VerifiedUpdate], list[Finding]]:
        updates, bad = list[VerifiedUpdate](), list[Finding]()
        for member in inputs:
            found = self._update(round_, member, layout)
            (bad if isinstance(found, Finding) else updates).append(found)  # type: ignore[arg-type]
        return updates, bad

    def _update(self, round_: Round, member: int, layout: Layout) -> VerifiedUpdate | Finding:
        digest = round_.revealed[member].digest
        if not self._sources.collect(digest):
            holders = _holders(self._run, round_, member)
            return self._lacking("update", digest, replace(NOBODYS, member=member, holders=holders))
        claimed = Claimed(self._run.number, round_.number, member, digest)
        try:
            return verify(self._manifest, layout, claimed, self._blobs.view(digest))
        except BadUpdate as error:
            return Finding(Kind.BYTES, str(error), member=member)

    def _merged(
        self, round_: Round, member: int | None, updates: list[VerifiedUpdate]
    ) -> Iterator[Finding]:
        attested = round_.finalized  # the member's own, of a round as it lived it
        assert attested is not None
        try:
            receipt = self._redone(round_, member, updates)
        except Unfit as error:
            yield Finding(Kind.MERGE, str(error))
            return
        if receipt.output != attested.merged:
            said = attested.merged.short
            what = f"the merge gives {receipt.output.short}, attested was {said}"
            yield Finding(Kind.MERGE, what, member=member, field="output")
        elif receipt.digest != attested.receipt:
            yield self._receipt_differs(attested.receipt, receipt, member)
        yield from self._altered(receipt, attested)

    def _altered(self, receipt: Receipt, attested: Attestation) -> Iterator[Finding]:
        """A copy that is missing was just made again; one that was altered somebody may trust."""
        for what, name in (("model", receipt.output), ("receipt", attested.receipt)):
            if not self._sources.has(name) and self._sources.damaged(name):
                yield self._lacking(what, name, NOBODYS)

    def _redone(self, round_: Round, member: int | None, updates: list[VerifiedUpdate]) -> Receipt:
        given = (
            self._blobs, self._network_id, self._run, round_, self._manifest, self._rule, updates
        )  # fmt: skip
        return merge_round(*given) if member is None else merge_neighbours(*given, member)

    def _receipt_differs(self, attested: Digest, ours: Receipt, member: int | None) -> Finding:
        blank = Finding(Kind.RECEIPT, "", member=member)
        found = self._sources.read(attested)
        if found is None:
            _, why = self._why(attested)
            return replace(blank, what=f"receipt {attested.short} differs from ours, and {why}")
        try:
            fields = ", ".join(compare(ours, Receipt.from_bytes(found)))
        except ValueError as error:
            return replace(blank, what=f"receipt {attested.short}: {error}")
        what = f"receipt {attested.short} says otherwise than the merge: {fields}"
        return replace(blank, what=what, field=fields)

    def _lacking(self, what: str, digest: Digest, blank: Finding) -> Finding:
        """That there is no whole copy of a blob, and why."""
        kind, why = self._why(digest)
        return replace(blank, kind=kind, what=f"{what} {digest.short}: {why}")

    def _why(self, digest: Digest) -> tuple[Kind, str]:
        if damaged := self._sources.damaged(digest):
            return Kind.BYTES, f"damaged in {damaged}"
        if erased := self._sources.erased(digest):
            return Kind.ERASED, f"erased {erased}"
        return Kind.MISSING, "no copy was found"


NOBODYS = Finding(Kind.MISSING, "")


def disputes(run: Run, round_: Round) -> Iterator[Finding]:
    """Members of a finalized round who attested otherwise."""
    for member in round_.disputed:
        merged = round_.attested[member].merged.short
        what = f"attested {merged}, unlike the quorum"
        yield Finding(Kind.DISPUTE, what, run.number, round_.number, member)


def _holders(run: Run, round_: Round, author: int) -> tuple[int, ...]:
    """Who said on the chain that it has an author's update, or merged it."""
    bit = run.bit(author)
    held = {m for m, bits in round_.held.items() if bits & bit}
    merged = {m for m, one in round_.attested.items() if one.inputs & bit}
    return tuple(sorted(held | merged))
