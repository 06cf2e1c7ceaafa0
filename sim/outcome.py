"""How a swarm's run ended: what the clinics gained, what the chain recorded, what the audit found.

Computed from the chain and the blobs, not from what the nodes say of themselves; only the bytes they
moved are theirs to tell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import trio

from authority.audit.record import Record, read_record
from authority.audit.replay import replay
from node.blobs import DiskBlobs
from node.config import load_config
from node.errors import Damaged
from node.ledger import Attested, Committed, Held, Revealed
from node.manifest import Manifest
from node.network import load_network
from node.progress import read_progress
from node.state import Run
from node.task import Data, Site, load_task
from node.train import TorchTrainer, alone
from node.weights import Array, arrays
from sim.folder import RunFolder
from sim.result import ClinicResult, Outcome


def outcome_of(folder: Path) -> Outcome:
    """Measure, audit and sum up the run in a folder whose chain is running."""
    return _summed(RunFolder(folder))


def _summed(folder: RunFolder) -> Outcome:
    facts = folder.load()
    network = load_network(folder.authority.network).network
    record = trio.run(read_record, facts.rpc, network)
    run = record.run(facts.run)
    manifest = Manifest.from_bytes(run.manifest)
    replayed = replay(record, run, [home.blobs for home in folder.homes()])
    metric, clinics = _clinics(folder, record, run, manifest)
    finalized = [r for r in run.rounds if r.finalized]
    return Outcome(
        run=run.number,
        metric=metric,
        clinics=clinics,
        rounds=manifest.terms.rounds,
        finalized=len(finalized),
        model=run.model.hex,
        model_round=finalized[-1].number if finalized else None,
        merge=manifest.merge,
        f=max((r.f for r in run.rounds), default=0),
        withstands=manifest.hostile,
        blocks=record.head,
        transactions=len(record.gas),
        gas=sum(record.gas.values()),
        merges=len(replayed),
        merges_good=sum(r.good for r in replayed),
        findings=tuple(
            f"round {finding.round}: {finding.what}" for r in replayed for finding in r.findings
        ),
    )


def _clinics(
    folder: RunFolder, record: Record, run: Run, manifest: Manifest
) -> tuple[str, tuple[ClinicResult, ...]]:
    """A row for each clinic, and the name of the metric."""
    task, gas = load_task(folder.load().task), _gas(record, run)
    held_out, swarm = task.held_out(manifest.seed), _model(folder, run)
    metric, rows = "", []
    for home in folder.homes():
        config, progress = load_config(home), read_progress(home.status)
        site = Site(
            config.site.index, config.site.count, config.site.seed, home.folder / config.site.folder
        )
        trainer = TorchTrainer(task, site)
        metric, scores = _scores(trainer, held_out, swarm, manifest)
        member = progress.get("member", config.site.index + 1)
        rows.append(
            ClinicResult(
                name=config.name,
                member=member,
                patients=len(trainer.data),
                alone=scores[0],
                swarm=scores[1],
                sent=progress.get("sent", 0),
                received=progress.get("received", 0),
                gas_per_round=gas.get(member, 0) // max(len(run.rounds), 1),
            )
        )
    return metric, tuple(rows)


def _scores(
    trainer: TorchTrainer, held_out: Data | None, swarm: Mapping[str, Array], manifest: Manifest
) -> tuple[str, tuple[float | None, float | None]]:
    """The leading metric of a clinic that trains alone for as long, and of the swarm's model."""
    if held_out is None:
        return "", (None, None)
    rounds, seed = manifest.terms.rounds, manifest.seed
    own = trainer.evaluate(alone(trainer, trainer.initial(seed), rounds, seed), held_out)
    metric = next(iter(own))
    return metric, (own[metric], trainer.evaluate(swarm, held_out)[metric])


def _model(folder: RunFolder, run: Run) -> dict[str, Array]:
    """The model finalized last, from any node that has it."""
    for home in folder.homes():
        blobs = DiskBlobs(home.blobs)
        if blobs.has(run.model):
            blobs.outline(run.model)
            return arrays(blobs.view(run.model))
    raise Damaged(f"no node has the finalized model {run.model.short}")


def _gas(record: Record, run: Run) -> dict[int, int]:
    """Gas by member, over the whole run. Phases are closed by whoever calls last, so it varies."""
    senders = {
        one.transaction: one.event.member
        for one in record.logged
        if isinstance(one.event, Committed | Revealed | Held | Attested) and one.event.run == run.number
    }
    total: dict[int, int] = defaultdict(int)
    for transaction, member in senders.items():
        total[member] += record.gas[transaction]
    return dict(total)
