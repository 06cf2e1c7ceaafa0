"""`waggle up` and `waggle status`: a swarm on this machine."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from authority.listing import gossip_option, merge_option, neighbours_option, of_kind
from authority.plan import RunPlan
from node.errors import BadAnswer, WaggleError, WrongUse
from sim.cli_hostile import QUICK_SECONDS, hostile_options, warning, who_attacks
from sim.fresh import fresh

if TYPE_CHECKING:
    from sim.result import Outcome

MOST_NODES = 64
DEFAULT_TASK = "wdbc"

UP_SECONDS = {"enter": 60, "commit": 60, "reveal": 20, "hold": 40, "attest": 40}
"""Deadlines of `waggle up`: only a node that fails makes anybody wait for them."""


@click.command()
@click.option(
    "--nodes",
    type=click.IntRange(1, MOST_NODES),
    help="Clinics. [5, and as many more as attack]",
)
@click.option("--rounds", type=click.IntRange(1, (1 << 32) - 1), default=5, show_default=True)
@click.option("--task", help="wdbc, digits, or a task file. [wdbc]")
@hostile_options
@merge_option
@gossip_option
@neighbours_option
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="A new folder. [runs/...]")
@click.option("--seed", type=click.IntRange(0, (1 << 63) - 1), default=0, show_default=True)
@click.option("--commit-seconds", type=click.IntRange(1, (1 << 24) - 1), help="[60; 20 with attackers]")
@click.option("--json", "as_json", is_flag=True, help="One JSON result on standard output.")
@click.option("--keep-running", is_flag=True, help="Leave the chain running until Ctrl-C.")
def up(
    nodes: int | None,
    rounds: int,
    task: str | None,
    byzantine: tuple[str, ...],
    chaos: bool,
    chaos_seed: int | None,
    merge: str | None,
    gossip: bool,
    neighbours: int | None,
    folder: Path | None,
    seed: int,
    commit_seconds: int | None,
    as_json: bool,
    keep_running: bool,
) -> None:
    """Train a swarm of clinics on this machine: chain, contracts, nodes, audit, all real.

    As it is, five honest clinics and one that attacks; with --nodes, --task or --chaos all are honest
    unless --byzantine says who isn't.

    \b
    Examples:
      waggle up
      waggle up --byzantine sign-flip:scale=10 --byzantine withhold:2 --chaos
      waggle up --nodes 4 --task digits --rounds 3 --dir runs/digits
      waggle up --task path/to/task.py --merge trimmed-mean:f=1
      waggle up --gossip --nodes 7 --neighbours 4 --merge nna:f=1
    """
    from authority.reach import least_to_merge, within_reach
    from node.taskfile import locate, shipped
    from sim.live import say
    from sim.plan import SwarmPlan
    from sim.report import show
    from sim.up import up as start

    if gossip and byzantine:
        raise WrongUse("attackers in gossip runs can be tried in the arena: waggle simulate --help")
    crews, nodes = who_attacks(byzantine, nodes, chaos=chaos, plain=task is None and not gossip)
    task = task or DEFAULT_TASK
    # Found now, not in half a minute; and absolute, for later commands run in other folders.
    task = task if task in shipped() else str(locate(task))
    where = folder or fresh(Path("runs"), Path(task).stem)
    seconds = QUICK_SECONDS if byzantine or chaos else UP_SECONDS
    times: dict[str, Any] = {f"{name}_seconds": value for name, value in seconds.items()}
    run = RunPlan(name=where.name, seats=nodes, rounds=rounds, seed=seed, **times)
    run = of_kind(run, gossip, neighbours, merge)
    if commit_seconds is not None:
        run = replace(run, commit_seconds=commit_seconds)
    lots = (seed if chaos_seed is None else chaos_seed) if chaos else None
    console = Console(stderr=as_json)

    def tell(outcome: Outcome) -> None:
        if as_json:
            asked = {"folder": str(where), "seed": seed, "chaos_seed": lots}
            click.echo(json.dumps({**outcome.plain(), **asked}))
        else:
            show(console, outcome, where, seed)

    try:
        least_to_merge(within_reach(run))
        plan = SwarmPlan(where, nodes, task, run, crews=crews, chaos=lots)
        if said := warning(crews, nodes):
            say(console, said)
        outcome = start(plan, console, keep_running=tell if keep_running else None)
    except WaggleError as error:
        if as_json:  # whoever parses our output gets something to parse
            click.echo(json.dumps({"good": False, "error": str(error), "folder": str(where)}))
        raise
    if not keep_running:
        tell(outcome)
    if not outcome.good:
        raise BadAnswer(f"{outcome.fault}: see the report above, and the logs in {where}")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="One JSON result on standard output.")
def status(folder: Path, as_json: bool) -> None:
    """Show what a swarm, or one node, is doing or did last. FOLDER: a run or a node's home.

    \b
    Example:
      waggle status runs/wdbc-1
    """
    from sim.status import report, status_of

    found = status_of(folder)
    if as_json:
        click.echo(json.dumps(found))
    else:
        report(Console(), found)
