"""How a swarm's run ended: what the clinics gained, what the chain recorded, what the audit found.

Computed from the chain and the blobs, not from what the nodes say of themselves; only the bytes they
moved are theirs to tell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import trio

from authority.audit.checked import check
from authority.audit.place import Place
from authority.audit.reading import read_record
from authority.audit.record import Record
from authority.audit.subject import Subject
from node.ledger import Attested, AttestedOwn, Committed, Held, Revealed
from node.manifest import Manifest
from node.network import load_network
from node.progress import read_progress
from node.state import GossipRound, Run
from sim.fates import fates_of
from sim.folder import RunFolder
from sim.held import MARGIN
from sim.hostile import load_roles
from sim.measure import Measured, Score, measure
from sim.result import ClinicResult, Contrast, Outcome


def outcome_of(
    where: Path, ended_badly: Sequence[str] = (), contrast: Contrast | None = None
) -> Outcome:
    """Measure, audit and sum up the run in a folder whose chain is running.

    ended_badly: what there is to say of nodes that didn't get to the end. contrast: the arena's.
    """
    folder = RunFolder(where)
    facts = folder.load()
    network = load_network(folder.authority.network).network
    record = trio.run(read_record, [facts.rpc], network)
    run = record.run(facts.run)
    manifest = Manifest.from_bytes(run.manifest)
    blobs = tuple(home.blobs for home in folder.homes())
    checked = check(Subject(record, run, Place((facts.rpc,), network, blobs)))
    replayed = checked.replayed
    models = [run.lived_by(member).model for member in _members(folder)]
    measured = measure(folder, models, manifest)
    finalized = [r for r in run.rounds if r.finalized or (r.attested and isinstance(r, GossipRound))]
    harmed = _harmed(measured, contrast)
    return Outcome(
        run=run.number,
        metric=measured.metric,
        clinics=_clinics(folder, _gas(record, run), len(run.rounds), measured.scores),
        over=run.closed is not None,
        rounds=manifest.terms.rounds,
        finalized=len(finalized),
        model=(run.model if manifest.neighbours is None else models[0]).hex,
        model_round=finalized[-1].number if finalized else None,
        merge=manifest.merge,
        f=max((r.f for r in run.rounds), default=0),
        withstands=manifest.hostile,
        blocks=record.head,
        transactions=len(record.gas),
        gas=sum(record.gas.values()),
        merges=len(replayed),
        merges_good=sum(r.good for r in replayed),
        neighbours=manifest.neighbours,
        disagreement=measured.disagreement,
        findings=tuple(
            f"round {finding.round}: {finding.what}"
            for r in replayed
            for finding in (*r.findings, *r.disputes)
        ),
        problems=(
            *ended_badly,
            *measured.problems,
            *(f"the chain's record: {one.what}" for one in checked.wrong),
        ),
        hostile=fates_of(run, blobs, load_roles(folder.hostile), harmed=harmed),
        contrast=contrast,
        faults=_faults(folder.chaos),
    )


def _harmed(measured: Measured, contrast: Contrast | None) -> bool:
    """Whether the model is worse than with nobody attacking, by more than counts as held."""
    score = next((s.swarm for s in measured.scores if s.swarm is not None), None)
    if contrast is None or score is None or contrast.metric != measured.metric:
        return False
    return score < contrast.unharmed - MARGIN


def _faults(log: Path) -> tuple[str, ...]:
    return tuple(log.read_text().splitlines()) if log.exists() else ()


def _clinics(
    folder: RunFolder, gas: Mapping[int, int], rounds: int, scores: Sequence[Score]
) -> tuple[ClinicResult, ...]:
    """A row for each clinic."""
    rows = []
    for member, home, score in zip(_members(folder), folder.homes(), scores, strict=True):
        progress = read_progress(home.status)
        rows.append(
            ClinicResult(
                name=home.folder.name,
                member=member,
                patients=score.patients,
                alone=score.alone,
                swarm=score.swarm,
                sent=progress.get("sent", 0),
                received=progress.get("received", 0),
                gas_per_round=gas.get(member, 0) // max(rounds, 1),
            )
        )
    return tuple(rows)


def _members(folder: RunFolder) -> list[int]:
    """The member number of each home."""
    homes = enumerate(folder.homes(), 1)
    return [read_progress(home.status).get("member", number) for number, home in homes]


def _gas(record: Record, run: Run) -> dict[int, int]:
    """Gas by member, over the whole run. Phases are closed by whoever calls last, so it varies."""
    senders = {
        one.transaction: one.event.member
        for one in record.logged
        if isinstance(one.event, Committed | Revealed | Held | Attested | AttestedOwn)
        and one.event.run == run.number
    }
    total: dict[int, int] = defaultdict(int)
    for transaction, member in senders.items():
        total[member] += record.gas[transaction]
    return dict(total)
