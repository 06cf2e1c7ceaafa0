"""One member's merge in a round of a gossip run, and its receipt.

Nodes call it to attest, auditors to check: the same function, so the same bytes. With too few updates
for the rule to withstand what it must, a node keeps its own update alone: it loses nothing that it had,
and trains on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from node.blobs import Blobs
from node.gossip.neighbours import drawn
from node.manifest import Manifest
from node.merge import Rule, merge
from node.merge.anchored import no_losses
from node.merge.gossip import Gossip
from node.merge.rule import Own
from node.merging import facts_of
from node.receipt import Receipt, receipt_of
from node.state import Round, Run
from node.verify import VerifiedUpdate


def neighbours_of(run: Run, round_: Round, k: int, member: int) -> tuple[int, ...]:
    """A member's neighbours, once reveals have closed; none for who revealed nothing."""
    return drawn(round_.seed, run.members_in(round_.inputs or 0), k).get(member, ())


def merge_neighbours(
    blobs: Blobs,
    network_id: bytes,
    run: Run,
    round_: Round,
    manifest: Manifest,
    rule: Rule,
    updates: Sequence[VerifiedUpdate],
    member: int,
) -> Receipt:
    """Merge a member's own update with those it got; the model is then in `blobs`.

    run, round_: as the member lives them, see `node.state.Run.lived_by`. The receipt's inputs are what
    was merged: all updates given, or the own one alone. Raises DiskFull, KeyError for a missing blob.
    """
    near = neighbours_of(run, round_, manifest.neighbours or 0, member)
    facts = facts_of(round_, manifest)
    if rule.tolerates(len(updates)) < facts.hostile:
        updates = [update for update in updates if update.member == member]
    alone = len(updates) == 1
    facts = replace(facts, hostile=0) if alone else facts
    members = sorted(update.member for update in updates)
    own = Own(
        position=members.index(member),
        mixing=_mixing(members, member, len(near)),
        progress=round_.number / manifest.terms.rounds,
        losses=no_losses,
    )
    # No gossip rule looks at the base: an update stands in, so that who lost older models can merge.
    unread = replace(facts, base=updates[0].digest)
    merged = merge(blobs, Gossip() if alone else rule, updates, unread, own=own)
    left_out = sorted(set(near) - set(members))
    return receipt_of(
        network_id, run.number, round_.number, rule, updates, facts, merged, left_out, member
    )


def _mixing(members: Sequence[int], own: int, degree: int) -> tuple[float, ...]:
    """Metropolis weights where all have as many neighbours; what is missing counts as one's own."""
    each = 1.0 / (1 + degree)
    return tuple(1.0 - each * (len(members) - 1) if member == own else each for member in members)
