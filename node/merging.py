"""One round's merge and its receipt, from what the chain and the manifest say.

Nodes call it to attest, auditors to check: the same function, so the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.blobs import Blobs
from node.manifest import Manifest
from node.merge import Facts, Rule, merge, parse, parse_gossip
from node.receipt import Receipt, receipt_of
from node.state import Round, Run
from node.verify import VerifiedUpdate


def rule_in(manifest: Manifest) -> Rule:
    """The merge rule of a run. Raises WrongUse."""
    return (parse if manifest.neighbours is None else parse_gossip)(manifest.merge)


def facts_of(round_: Round, manifest: Manifest) -> Facts:
    """What the chain and the manifest say of a round's merge."""
    return Facts(
        weights={member: revealed.weight for member, revealed in round_.revealed.items()},
        hostile=round_.f if manifest.hostile is None else manifest.hostile,
        seed=round_.seed,
        base=round_.base,
        max_weight=manifest.max_weight,
    )


def merge_round(
    blobs: Blobs,
    network_id: bytes,
    run: Run,
    round_: Round,
    manifest: Manifest,
    rule: Rule,
    updates: Sequence[VerifiedUpdate],
) -> Receipt:
    """Merge exactly these updates; the model is then in `blobs`, and the receipt names it.

    Raises Unfit when the rule can't withstand what it must, DiskFull, KeyError for a missing blob.
    """
    facts = facts_of(round_, manifest)
    merged = merge(blobs, rule, updates, facts)
    left_out = sorted(round_.revealed.keys() - {update.member for update in updates})
    return receipt_of(network_id, run.number, round_.number, rule, updates, facts, merged, left_out)
