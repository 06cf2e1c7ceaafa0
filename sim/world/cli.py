"""`waggle simulate world`: whole nodes among faults and lies, many worlds or one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from rich.console import Console

from node.errors import BadAnswer

if TYPE_CHECKING:
    from sim.world.verdict import Wish

LEAST_ROUNDS = 6
"""With fewer nothing would be left after the quiet rounds at the end."""

SEEDS = click.IntRange(0, (1 << 63) - 1)


@click.command()
@click.option("--seeds", type=click.IntRange(1, 1_000_000), default=100, show_default=True)
@click.option("--first", type=SEEDS, default=0, show_default=True, help="The first of them.")
@click.option("--seed", type=SEEDS, help="Play one world and tell what happened in it.")
@click.option("--nodes", type=click.IntRange(4, 64), default=7, show_default=True)
@click.option("--rounds", type=click.IntRange(LEAST_ROUNDS, 1000), default=10, show_default=True)
@click.option("--gossip", is_flag=True, help="The run is a gossip run: each node has its own model.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes at once. [all processors]")
@click.option("--json", "as_json", is_flag=True, help="One JSON result on standard output.")
def world(
    seeds: int,
    first: int,
    seed: int | None,
    nodes: int,
    rounds: int,
    gossip: bool,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Play whole nodes among faults and lies, in virtual time, and check what Waggle promises.

    Each seed stands for a world: who lies, what breaks, and in which order everything happens. A seed
    that breaks a promise can be played again, and tells what happened.

    \b
    Examples:
      waggle simulate world --seeds 1000
      waggle simulate world --seed 17
      waggle simulate world --gossip --seeds 200
    """
    from sim.world.verdict import Wish

    console = Console(stderr=as_json)
    if seed is not None:
        _one(Wish(seed, nodes, rounds, gossip), console, as_json)
    else:
        wishes = [Wish(first + number, nodes, rounds, gossip) for number in range(seeds)]
        _many(wishes, jobs, console, as_json)


def _one(wish: Wish, console: Console, as_json: bool) -> None:
    from sim.world.show import show_one
    from sim.world.verdict import verdict_of
    from sim.world.world import play

    evidence = play(wish.story)
    verdict = verdict_of(wish, evidence)
    if as_json:
        timeline = [{"at": e.at, "who": e.who, "what": e.what} for e in evidence.timeline.entries]
        broken = list(verdict.broken)
        click.echo(json.dumps({"seed": wish.seed, "broken": broken, "timeline": timeline}))
    else:
        show_one(console, evidence, verdict)
    if verdict.broken:
        raise BadAnswer(f"world {wish.seed} broke {len(verdict.broken)} promises: see above")


def _many(wishes: Sequence[Wish], jobs: int | None, console: Console, as_json: bool) -> None:
    from sim.signals import tidy_end
    from sim.world.many import play_many
    from sim.world.show import show_many, watching

    with tidy_end(), watching(console, len(wishes)) as tell:
        tally = play_many(wishes, jobs, tell)
    if as_json:
        click.echo(json.dumps(tally.plain()))
    else:
        show_many(console, tally)
    if tally.failed:
        raise BadAnswer(f"{len(tally.failed)} of {len(wishes)} worlds broke a promise")
