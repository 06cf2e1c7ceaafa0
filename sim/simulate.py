"""`waggle simulate`: learning only, many nodes at once, under attack; `matrix`: many simulations."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console

from node.errors import WaggleError, WrongUse
from sim.matrix.cli import matrix
from sim.scenario import Scenario
from sim.scenario_options import scenario_from, scenario_options
from sim.world.cli import world


@click.group(invoke_without_command=True)
@scenario_options
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the result, JSON.")
@click.option("--toml", "as_toml", is_flag=True, help="Print the scenario as TOML and stop.")
@click.option("--compare/--no-compare", default=True, help="Run it without attackers too. [compare]")
@click.option("--device", default="cpu", show_default=True, help="Where torch trains: cpu, cuda, ...")
@click.option("--json", "as_json", is_flag=True, help="One JSON result on standard output.")
@click.pass_context
def simulate(
    ctx: click.Context,
    /,
    scenario: str,
    out: Path | None,
    as_toml: bool,
    compare: bool,
    device: str,
    as_json: bool,
    **given: Any,
) -> None:
    """Simulate learning under attack, without processes or chain: which rule, against what, where.

    \b
    Examples:
      waggle simulate --scenario clinics
      waggle simulate --nodes 10 --byzantine 2 --attack alie --rule nnm+trimmed-mean --out result.json
      waggle simulate --scenario result.json
      waggle simulate matrix
      waggle simulate world --seeds 1000
    """
    if ctx.invoked_subcommand:
        _refuse_options(ctx)
        return
    wanted = scenario_from(scenario, given)
    if as_toml:
        click.echo(wanted.to_toml(), nl=False)
        return
    try:
        if given["attack"] is not None:
            _refuse_nobody(wanted)
        _run(wanted, out, compare, device, as_json)
    except WaggleError as error:
        if as_json:  # whoever parses our output gets something to parse
            click.echo(json.dumps({"error": str(error)}))
        raise


simulate.add_command(matrix)
simulate.add_command(world)


def _run(scenario: Scenario, out: Path | None, compare: bool, device: str, as_json: bool) -> None:
    from node.durable import write_whole
    from sim.simulate_live import watched
    from sim.solo import outcome_of, show, without_attackers

    if out is not None and not out.absolute().parent.is_dir():
        raise WrongUse(f"there is no folder {out.parent}: make it, or choose another --out")
    if out is not None and not os.access(out.absolute().parent, os.W_OK):
        raise WrongUse(f"{out.absolute().parent} can't be written: choose another --out")
    console = Console(stderr=as_json)
    trace = watched(console, scenario, device)
    if out is not None:
        write_whole(out, trace.to_json().encode())
    unharmed = without_attackers(scenario, trace.points[-1].backdoor is not None)
    reference = watched(console, unharmed, device) if compare and unharmed else None
    if as_json:
        click.echo(json.dumps(outcome_of(trace, reference)))
    else:
        show(console, trace, reference, out)


def _refuse_nobody(scenario: Scenario) -> None:
    """An attack that is asked for needs attackers. Raises WrongUse."""
    from sim.attacks.grammar import parse

    parse(scenario.attack)  # one that nobody knows is the greater mistake
    if scenario.attack != "none" and not scenario.byzantine:
        raise WrongUse(f"nobody would attack with {scenario.attack}: say how many with --byzantine")


def _refuse_options(ctx: click.Context) -> None:
    for name in ctx.params:
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise WrongUse(f"give options after `{ctx.invoked_subcommand}`, not before it")
