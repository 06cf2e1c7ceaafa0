"""A run's outcome for people: three tables and what to do next."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from sim.live import in_bytes
from sim.result import Outcome


def show(console: Console, outcome: Outcome, folder: Path, seed: int | None) -> None:
    """Print everything that `waggle up` ends with."""
    console.print()
    if outcome.metric:
        console.print(_gains(outcome))
    console.print(_chain(outcome))
    _say(console, *_audit(outcome), "", *_notes(outcome, seed), "", *_next(outcome, folder))


def _gains(outcome: Outcome) -> Table:
    metric = outcome.metric.replace("_", " ")
    table = Table(
        title=f"What joining gives: {metric} on the same held-out patients",
        title_justify="left",
        header_style="bold",
    )
    table.add_column("clinic")
    for name in ("patients", "alone", "swarm", "gain"):
        table.add_column(name, justify="right")
    for clinic in outcome.clinics:
        if clinic.swarm is None or clinic.alone is None:
            continue
        gain = clinic.swarm - clinic.alone
        table.add_row(
            clinic.name,
            str(clinic.patients),
            f"{clinic.alone:.3f}",
            f"{clinic.swarm:.3f}",
            f"[{'green' if gain > 0 else 'default'}]{gain:+.3f}[/]",
        )
    return table


def _chain(outcome: Outcome) -> Table:
    table = Table(
        title=f"The chain: {outcome.blocks} blocks, {outcome.transactions} transactions, "
        f"{outcome.gas:,} gas",
        title_justify="left",
        header_style="bold",
    )
    table.add_column("clinic")
    for name in ("gas a round", "sent", "received"):
        table.add_column(name, justify="right")
    for clinic in outcome.clinics:
        table.add_row(
            clinic.name,
            f"{clinic.gas_per_round:,}",
            in_bytes(clinic.sent),
            in_bytes(clinic.received),
        )
    return table


def _audit(outcome: Outcome) -> list[str]:
    same = f"{outcome.merges_good} of {outcome.merges} merges redone from their inputs, identical"
    return [
        f"The audit: {same} to what was attested; {outcome.finalized} of {outcome.rounds} rounds "
        "finalized.",
        *(f"  {finding}" for finding in outcome.findings),
    ]


def _notes(outcome: Outcome, seed: int | None) -> list[str]:
    notes = []
    if outcome.withstands is not None and outcome.withstands < outcome.f:
        notes.append(
            f"Merge rule {outcome.merge} withstands {outcome.withstands} hostile updates, of which "
            f"there may be {outcome.f}: one lying clinic can spoil the model."
        )
    if seed is not None:
        notes.append(
            f"Seed {seed} also seeds salts and nonces, so the same seed gives the same model. "
            "Real nodes draw theirs and nobody can."
        )
    return notes


def _next(outcome: Outcome, folder: Path) -> list[str]:
    return [
        f"Model {outcome.model[:8]} of round {outcome.model_round}. Everything lies in {folder}: "
        "manifest.json, chain/, nodes/ (blobs, logs, keys), report.json.",
        "Try next:",
        f"  waggle audit show {folder}",
        f"  waggle audit replay {folder}",
        f"  waggle export {folder} --out model.safetensors",
    ]


def _say(console: Console, *lines: str) -> None:
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)
