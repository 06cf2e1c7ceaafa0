"""A run's outcome for people: three tables and what to do next."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sim.live import in_bytes, say
from sim.result import ClinicResult, Outcome


def show(console: Console, outcome: Outcome, folder: Path, seed: int | None) -> None:
    """Print everything that `waggle up` ends with."""
    console.print()
    # Titles are lines of their own: a table would wrap them to its width.
    if outcome.metric:
        metric = outcome.metric.replace("_", " ")
        of = "" if outcome.neighbours is None else "of each clinic's own model "
        say(console, f"What joining gives: {metric} {of}on the same held-out patients")
        console.print(_gains(outcome))
    counts = f"{outcome.blocks} blocks, {outcome.transactions} transactions, {outcome.gas:,} gas"
    say(console, f"The chain: {counts}")
    console.print(_chain(outcome))
    say(console, *_audit(outcome))
    if outcome.hostile:
        say(console, "", f"Hostile: {_counted(len(outcome.hostile))}, by chain, receipts and bytes")
        console.print(_hostile(outcome))
    say(
        console,
        *_contrast(outcome),
        *_faults(outcome),
        *outcome.problems,
        "",
        *_notes(outcome, seed),
        "",
        *_next(outcome, folder),
    )


def _gains(outcome: Outcome) -> Table:
    table = Table(header_style="bold")
    table.add_column("clinic")
    joined = "swarm" if outcome.neighbours is None else "gossip"
    for name in ("patients", "alone", joined, "gain"):
        table.add_column(name, justify="right")
    hostile = {fate.clinic for fate in outcome.hostile}
    for clinic in outcome.clinics:
        scores = (clinic.alone, clinic.swarm, _gain(clinic))
        name = f"{clinic.name} (hostile)" if clinic.name in hostile else clinic.name
        table.add_row(name, str(clinic.patients), *map(_score, scores, ("", "", "+")))
    return table


def _gain(clinic: ClinicResult) -> float | None:
    return None if clinic.alone is None or clinic.swarm is None else clinic.swarm - clinic.alone


def _score(value: float | None, sign: str) -> Text:
    """A number of three digits, gains with their sign; a dash for what could not be measured."""
    if value is None:
        return Text("-")
    return Text(f"{value:{sign}.3f}", "green" if sign and value > 0 else "")


def _chain(outcome: Outcome) -> Table:
    table = Table(header_style="bold")
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
    over = "finalized" if outcome.neighbours is None else "merged"
    return [
        f"The audit: {same} to what was attested; {outcome.finalized} of {outcome.rounds} rounds "
        f"{over}.",
        *(f"  {finding}" for finding in outcome.findings),
    ]


def _hostile(outcome: Outcome) -> Table:
    table = Table(header_style="bold", show_lines=len(outcome.hostile) > 1)
    for name in ("clinic", "attack", "what became of it", "what shows it"):
        table.add_column(name, overflow="fold")
    for fate in outcome.hostile:
        row = (fate.clinic, fate.attack, fate.verdict, "\n".join(fate.evidence))
        table.add_row(*map(Text, row))
    return table


def _contrast(outcome: Outcome) -> list[str]:
    """The swarm's score beside the plain mean's under the same attack."""
    contrast, score = outcome.contrast, outcome.score
    if contrast is None or score is None or contrast.metric != outcome.metric:
        return []
    return [
        f"Under this attack the swarm, with {outcome.merge}, got {score:.3f}. In the arena, with the "
        f"same patients and attack, the plain mean gets {contrast.mean:.3f}; with nobody attacking it "
        f"is {contrast.unharmed:.3f}."
    ]


def _faults(outcome: Outcome) -> list[str]:
    if not outcome.faults:
        return []
    return [f"Chaos: {len(outcome.faults)} lines in chaos.log of what was done to processes."]


def _counted(clinics: int) -> str:
    return "1 clinic" if clinics == 1 else f"{clinics} clinics"


def _notes(outcome: Outcome, seed: int | None) -> list[str]:
    notes = []
    if outcome.neighbours is not None:
        notes.append(
            f"Each clinic merged {outcome.neighbours} neighbours' updates with {outcome.merge}, its "
            "own as the anchor, and has a model of its own: they lie "
            f"{outcome.disagreement:.2g} apart (root mean square distance from their mean, as a share "
            "of its norm)."
        )
    elif outcome.withstands is not None and outcome.withstands < outcome.f:
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
    where, finalized = shlex.quote(str(folder)), outcome.model_round is not None
    first = f" is {outcome.clinics[0].name}'s" if outcome.neighbours is not None else ""
    model = (
        f"Model {outcome.model[:8]} of round {outcome.model_round}{first}" if finalized else "No model"
    )
    use = "export {} --out model.safetensors" if finalized else "status {}"
    return [
        f"{model}. Everything lies in {folder}: "
        "manifest.json, chain/, nodes/ (blobs, logs, keys), report.json.",
        "Try next:",
        f"  waggle audit show {where}",
        f"  waggle audit replay {where}",
        f"  waggle {use.format(where)}",
    ]
