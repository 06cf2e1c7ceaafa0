"""One merge: verified updates in, a new blob out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from node.blobs import Blobs
from node.digest import Digest
from node.header import header
from node.header import parse as parse_header
from node.merge.inputs import COLUMNS, Inputs
from node.merge.order import lower_median
from node.merge.rule import Context, Own, Plan, Rule, Slice, check
from node.merge.sums import settle
from node.merge.threads import THREADS
from node.verify import VerifiedUpdate
from node.weights import Array


@dataclass(frozen=True, slots=True)
class Facts:
    """What the chain and the manifest say of a merge.

    weights: claimed, by member. hostile: inputs that the merge must withstand. seed: the round's.
    base: the model that the round started from. max_weight: the manifest's cap.
    """

    weights: Mapping[int, int]
    hostile: int
    seed: bytes
    base: Digest
    max_weight: int

    def weight(self, member: int) -> int:
        """The weight that counts: at least 1, so that no sum of weights is 0, at most the cap."""
        return max(1, min(self.weights[member], self.max_weight))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a merge did: members in the order of input, those it used, scores of all or none."""

    members: tuple[int, ...]
    used: tuple[int, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Merged:
    """A merge's model, as a blob, and what it did."""

    digest: Digest
    outcome: Outcome


def merge(
    blobs: Blobs,
    rule: Rule,
    updates: Sequence[VerifiedUpdate],
    facts: Facts,
    columns: int = COLUMNS,
    threads: int = THREADS,
    own: Own | None = None,
) -> Merged:
    """Merge updates into a new blob. The bytes depend on nothing but the arguments' content.

    updates: in any order, of different members and the base's layout, here as blobs. columns (of a
    slice) and threads change memory and speed only. own: what a gossip rule is anchored on. Raises
    Unfit when the rule can't withstand facts.hostile, DiskFull, KeyError for a blob that is not here,
    ValueError for updates that don't fit together.
    """
    ordered = sorted(updates, key=lambda update: update.member)
    members = tuple(update.member for update in ordered)
    check(rule, len(ordered), facts.hostile)
    inputs = _inputs(blobs, ordered, facts.base, columns, threads)
    weights = tuple(facts.weight(member) for member in members)
    plan = rule.plan(inputs, Context(weights, facts.hostile, facts.seed, own))
    digest = _write(blobs, ordered[0], combined(plan, inputs))
    return Merged(digest, Outcome(members, tuple(members[i] for i in plan.used), plan.scores))


def combined(plan: Plan, inputs: Inputs) -> Iterator[tuple[int, Array]]:
    """The merged columns slice by slice, each with the byte of the data that it starts at."""

    def combine(piece: Slice) -> Array:
        if piece.base.dtype.kind == "f":
            return settle(plan.combine(piece), piece.base.dtype)
        return lower_median(piece.rows)

    return ((piece.start, values) for piece, values in inputs.map_all(combine))


def _inputs(
    blobs: Blobs, updates: Sequence[VerifiedUpdate], base: Digest, columns: int, threads: int
) -> Inputs:
    base_view = blobs.view(base)
    parsed = parse_header(base_view)
    if any(update.layout != parsed.layout for update in updates):
        raise ValueError("updates and base differ in layout")
    if len({update.member for update in updates}) < len(updates):
        raise ValueError("a member has two updates")
    files = [(blobs.view(update.digest), update.data_start) for update in updates]
    return Inputs(parsed.layout, files, (base_view, parsed.data_start), columns, threads)


def _write(blobs: Blobs, like: VerifiedUpdate, columns: Iterator[tuple[int, Array]]) -> Digest:
    head = header(like.layout)
    with blobs.draft(len(head) + like.layout.size) as draft:
        draft.write(0, head)
        for start, values in columns:
            draft.write(len(head) + start, values.view("u1").data)
        return draft.finish()
