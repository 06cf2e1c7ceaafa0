"""The options of `waggle up` that make clinics hostile and machines fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

from authority.listing import Listing
from node.state import most_hostile
from sim.hostile import DEMO, Crew, attackers, check_room, nodes_for, read_crews

ALONE = 5
"""Clinics where nobody said how many and nobody attacks."""

QUICK_SECONDS = {"enter": 60, "commit": 20, "reveal": 8, "hold": 10, "attest": 10}
"""Deadlines where somebody is bound to let them pass."""


def _behaviours() -> Iterable[str]:
    from sim.adversary.grammar import describe

    return [f"{text} ({does})" for text, does in describe().items()]


byzantine_option = click.option(
    "--byzantine",
    "byzantine",
    multiple=True,
    metavar="ATTACK[:COUNT]",
    cls=Listing,
    names=_behaviours,
    help="Clinics that attack, one by default; may be repeated. none: nobody.",
)
chaos_option = click.option(
    "--chaos", is_flag=True, help="Kill, freeze, restart and cut off clinics, and the chain, at random."
)
chaos_seed_option = click.option(
    "--chaos-seed",
    type=click.IntRange(0, (1 << 63) - 1),
    help="What chaos draws. [--seed]",
)


def hostile_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """All three."""
    for option in (chaos_seed_option, chaos_option, byzantine_option):
        command = option(command)
    return command


def who_attacks(
    byzantine: tuple[str, ...], nodes: int | None, *, chaos: bool, plain: bool
) -> tuple[tuple[Crew, ...], int]:
    """Crews, and how many clinics there are. plain: nothing was asked for, so it is the demo.

    Raises WrongUse.
    """
    crews = read_crews(byzantine)
    if plain and not byzantine and not chaos and nodes is None:
        crews = DEMO
    if nodes is None:
        nodes = nodes_for(crews, faults=1 if chaos else 0) if crews or chaos else ALONE
    check_room(crews, nodes)
    return crews, nodes


def warning(crews: tuple[Crew, ...], nodes: int) -> str:
    """What to say of more attackers than the swarm withstands; nothing otherwise."""
    hostile, most = attackers(crews), most_hostile(nodes)
    if hostile <= most:
        return ""
    return (
        f"Warning: {hostile} of {nodes} clinics attack, where {nodes} withstand {most}: the model may "
        f"be spoilt, or no round finalized. {3 * hostile + 1} clinics withstand {hostile}."
    )
