"""A round's merge once more, without some of its inputs: how far did they pull it?"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from authority.audit.sources import FolderSources
from node.blobs import DiskBlobs
from node.digest import Digest
from node.errors import BadUpdate, Unfit
from node.header import parse
from node.manifest import Manifest
from node.merge import merge
from node.merge import parse as rule_of
from node.merging import facts_of
from node.state import Round, Run
from node.verify import Claimed, VerifiedUpdate, verify
from node.weights import Array, arrays


class Bench:
    """A run's blobs in one place, to be looked at again. sources: where they come from."""

    def __init__(self, run: Run, sources: FolderSources, blobs: DiskBlobs) -> None:
        self._run, self.sources, self._blobs = run, sources, blobs
        self._manifest = Manifest.from_bytes(run.manifest)
        self._rule = rule_of(self._manifest.merge)
        self._verified: dict[Claimed, VerifiedUpdate] = {}

    def verified(self, round_: Round, member: int) -> VerifiedUpdate:
        """Verify a revealed update, once. Raises BadUpdate; LookupError without a copy of it."""
        digest = round_.revealed[member].digest
        claimed = Claimed(self._run.number, round_.number, member, digest)
        if claimed not in self._verified:
            self._verified[claimed] = self._verify(round_, claimed)
        return self._verified[claimed]

    def _verify(self, round_: Round, claimed: Claimed) -> VerifiedUpdate:
        digest = claimed.digest
        self._collect(round_.base, digest)
        layout = parse(self._blobs.view(round_.base)).layout
        return verify(self._manifest, layout, claimed, self._blobs.view(digest))

    def model(self, digest: Digest) -> dict[str, Array]:
        """A model's tensors. Raises LookupError without a copy of it."""
        self._collect(digest)
        return arrays(self._blobs.view(digest))

    def drop(self, digest: Digest) -> None:
        """Give the room of a merge back; what lies in the sources can be had again."""
        self._blobs.drop(digest)

    def pull(self, round_: Round, crew: Collection[int]) -> float | None:
        """How far the merge is from the one without the crew, as a share of the latter's step.

        None where that can't be told: a blob is missing, too few inputs are left.
        """
        rest = sorted(set(self._run.members_in(round_.inputs or 0)) - set(crew))
        assert round_.finalized is not None
        try:
            self._collect(round_.finalized.merged)
            other = self.row(self.merged(round_, rest))
        except (LookupError, BadUpdate, Unfit):
            return None
        step = float(np.linalg.norm(other - self.row(round_.base)))
        moved = float(np.linalg.norm(self.row(round_.finalized.merged) - other))
        return moved / step if step else None

    def merged(self, round_: Round, members: Sequence[int]) -> Digest:
        """What the round's rule gives of these members' updates alone; withstanding what it then can.

        Raises LookupError for want of a blob or of members, BadUpdate, Unfit for too few.
        """
        if not members:
            raise LookupError("nobody is left")
        facts = facts_of(round_, self._manifest)
        most = max(min(facts.hostile, self._rule.tolerates(len(members))), 0)
        updates = [self.verified(round_, member) for member in members]
        return merge(self._blobs, self._rule, updates, replace(facts, hostile=most)).digest

    def _collect(self, *digests: Digest) -> None:
        for digest in digests:
            if not self.sources.collect(digest):
                raise LookupError(f"there is no copy of {digest.short}")

    def row(self, digest: Digest) -> Array:
        """All floats of a blob that was collected, flat. Raises LookupError without a copy."""
        self._collect(digest)
        floats = (a for a in arrays(self._blobs.view(digest)).values() if a.dtype.kind == "f")
        return np.concatenate([array.reshape(-1).astype(np.float64) for array in floats])


@contextmanager
def bench(run: Run, folders: Sequence[Path]) -> Iterator[Bench]:
    """One for a while, over blobs in folders; what it makes is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="waggle-without-") as scratch:
        blobs = DiskBlobs(Path(scratch))
        yield Bench(run, FolderSources(folders, blobs), blobs)
