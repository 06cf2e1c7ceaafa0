"""May this node take part in this run? Checked once, before the first call, from the manifest."""

from __future__ import annotations

import logging

from eth_utils.crypto import keccak

from node.blobs import Blobs
from node.errors import Unfit
from node.ledger import Network, is_gossip
from node.manifest import Manifest
from node.merge import check
from node.merge.selftest import self_test_for
from node.merging import rule_in
from node.seams import Rules
from node.state import Run, most_hostile
from node.task import Task
from node.train import Trainer, exact
from node.weights import keep, layout_of

log = logging.getLogger(__name__)


def rules_of(
    run: Run, network: Network, task: Task, trainer: Trainer, blobs: Blobs, enter_after: int = 0
) -> Rules:
    """The rules of a run that this node can keep; the initial model is then in `blobs`.

    Raises Unfit naming the first thing that differs and what to do.
    """
    manifest = Manifest.from_bytes(run.manifest)
    _check_chain(run, manifest, network)
    _check_task(manifest, task)
    _check_arithmetic(manifest)
    _check_kind(run, manifest)
    rule = rule_in(manifest)
    check(rule, *least_case(manifest))
    initial = trainer.initial(manifest.seed)
    layout = layout_of(initial)
    if keep(blobs, initial) != manifest.terms.base:
        log.warning("the run's base is not the initial model built here: it comes from the peers")
    return Rules(run.number, manifest, rule, layout, enter_after)


def least_case(manifest: Manifest) -> tuple[int, int]:
    """Inputs and hostile ones among them in the smallest round that the contract would finalize.

    In a gossip run: in a neighbourhood of which everybody is there; with fewer a node may stay alone.
    """
    if manifest.neighbours is not None:
        return manifest.neighbours + 1, manifest.hostile or 0
    f = most_hostile(manifest.terms.seats)
    hostile = f if manifest.hostile is None else manifest.hostile
    return max(manifest.terms.min_inputs, 2 * f + 1), hostile


def _check_chain(run: Run, manifest: Manifest, network: Network) -> None:
    if keccak(run.manifest) != run.manifest_digest:
        raise Unfit("the manifest's bytes don't have the digest on the chain: ask the authority")
    if manifest.chain_id != network.chain_id:
        raise Unfit(
            f"the manifest is for chain {manifest.chain_id}, this one is {network.chain_id}: "
            "check rpc in node.toml"
        )
    if manifest.terms != run.terms:
        raise Unfit("the contract was given other terms than the manifest states: ask the authority")


def _check_kind(run: Run, manifest: Manifest) -> None:
    """Is it a gossip run by both its number and its manifest, or by neither?"""
    k = manifest.neighbours
    if is_gossip(run.number) != (k is not None):
        raise Unfit("the run was opened on another ledger than its manifest is for: ask the authority")
    if k is not None and (k < 2 or k % 2 or manifest.hostile is None):
        raise Unfit("a gossip run states `hostile`, and an even number of neighbours from 2 on")


def _check_task(manifest: Manifest, task: Task) -> None:
    if task.digest != manifest.task_digest:
        raise Unfit(
            f"the run's task {manifest.task!r} has digest {manifest.task_digest.short}, this node's "
            f"copy {task.digest.short}: install the same file"
        )


def _check_arithmetic(manifest: Manifest) -> None:
    exact()
    if (found := self_test_for(manifest.neighbours is not None)) != manifest.self_test:
        raise Unfit(
            f"this machine's merge arithmetic gives {found.short}, the run asks for "
            f"{manifest.self_test.short}: install the pinned versions of numba, numpy and Waggle"
        )
