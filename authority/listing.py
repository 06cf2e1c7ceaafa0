"""Options of the command line whose help lists the names that they take."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

from authority.plan import DEFAULT_MERGE


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
    from node.merge.grammar import RULES
    from node.merge.steps import STEPS

    return [*RULES, *(f"{step}+" for step in STEPS)]


merge_option = click.option(
    "--merge",
    cls=Listing,
    names=merge_rules,
    default=DEFAULT_MERGE,
    show_default=True,
    help="How updates are merged, such as nnm+krum:f=1.",
)
"""How a run merges, for every command that opens one."""
