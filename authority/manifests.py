"""From what somebody wants of a run to the manifest that goes on the chain."""

from __future__ import annotations

from authority.plan import RunPlan
from authority.reach import least_to_merge
from node.digest import Digest, digest
from node.errors import WrongUse
from node.ledger import Terms
from node.manifest import Manifest
from node.merge import self_test_for
from node.task import Site, Task
from node.train import TorchTrainer
from node.weights import encode

MOST_SEATS = 256


def manifest_of(plan: RunPlan, task: Task, chain_id: int) -> Manifest:
    """The manifest of a plan. Raises WrongUse when the plan can't work, saying why."""
    terms = terms_of(plan, digest(encode(TorchTrainer(task, Site()).initial(plan.seed))))
    return Manifest(
        name=plan.name,
        chain_id=chain_id,
        task=task.name,
        task_digest=task.digest,
        terms=terms,
        merge=plan.merge,
        hostile=plan.hostile,
        max_abs=plan.max_abs,
        max_weight=plan.max_weight,
        max_blob_bytes=plan.max_blob_bytes,
        confirmations=plan.confirmations,
        self_test=self_test_for(plan.neighbours is not None),
        seed=plan.seed,
        neighbours=plan.neighbours,
    )


def terms_of(plan: RunPlan, base: Digest) -> Terms:
    """What the contract holds such a run to. Raises WrongUse when the plan can't work, saying why."""
    if not 1 <= plan.seats <= MOST_SEATS:
        raise WrongUse(f"a run has 1 to {MOST_SEATS} seats, not {plan.seats}")
    return Terms(
        rounds=plan.rounds,
        seats=plan.seats,
        min_inputs=least_to_merge(plan),
        join_delay=plan.join_delay,
        enter_seconds=plan.enter_seconds,
        commit_seconds=plan.commit_seconds,
        reveal_seconds=plan.reveal_seconds,
        hold_seconds=plan.hold_seconds,
        attest_seconds=plan.attest_seconds,
        privacy_budget=plan.privacy_budget,
        base=base,
    )
