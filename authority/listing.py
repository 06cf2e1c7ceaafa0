"""Options of the command line whose help lists the names that they take."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import click

from authority.plan import DEFAULT_GOSSIP, DEFAULT_MERGE, DEFAULT_NEIGHBOURS, RunPlan
from node.errors import WrongUse


class Listing(click.Option):
    """An option whose help ends with the names that are known; `names` is called for help only."""

    def __init__(self, *args: Any, names: Callable[[], Iterable[str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._names = names

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The option's line of `--help`."""
        record = super().get_help_record(ctx)
        return record and (record[0], f"{record[1]} Known: {', '.join(self._names())}.")


def merge_rules() -> Iterable[str]:
    """Rules that a run can have, and steps before a rule."""
    from node.merge.grammar import RULES, known_gossip
    from node.merge.steps import STEPS

    gossip = f"with --gossip {', '.join(known_gossip())}"
    return [*RULES, *(f"{step}+" for step in STEPS), gossip]


merge_option = click.option(
    "--merge",
    cls=Listing,
    names=merge_rules,
    help=f"How updates are merged, such as nnm+krum:f=1. [{DEFAULT_MERGE}; gossip: {DEFAULT_GOSSIP}]",
)
"""How a run merges, for every command that opens one."""

gossip_option = click.option(
    "--gossip", is_flag=True, help="Each node keeps a model of its own and merges its neighbours'."
)

neighbours_option = click.option(
    "--neighbours",
    type=click.IntRange(2),
    help=f"How many a node hears in a round, an even number; with --gossip. [{DEFAULT_NEIGHBOURS}]",
)


def of_kind(plan: RunPlan, gossip: bool, neighbours: int | None, merge: str | None) -> RunPlan:
    """The plan with what these options say of it. Raises WrongUse."""
    if neighbours is not None and not gossip:
        raise WrongUse("--neighbours is of gossip runs: give --gossip, too")
    if not gossip:
        return replace(plan, merge=merge or DEFAULT_MERGE)
    near = neighbours or min(DEFAULT_NEIGHBOURS, max((plan.seats - 1) // 2 * 2, 2))
    return replace(plan, merge=merge or DEFAULT_GOSSIP, neighbours=near)
