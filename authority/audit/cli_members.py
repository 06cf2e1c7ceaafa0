"""`waggle audit node` and `waggle audit influence`: one member's part in a run, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from authority.audit.ending import JSON, end, stopping
from authority.audit.subject import about_a_run, subject
from authority.audit.words import when

if TYPE_CHECKING:
    from authority.audit.influence import Influence
    from authority.audit.member import Life
    from authority.audit.place import OpenPlace, Place


@click.command("node")
@click.argument("name")
@about_a_run
@JSON
@click.pass_obj
def node(open_place: OpenPlace, /, name: str, as_json: bool, **where: Any) -> None:
    """Tell what the member NAME did in a run, and what was done to it.

    \b
    Example:
      waggle audit node clinic-2 runs/wdbc-1
    """
    from authority.audit.member import life_of
    from authority.audit.receipts import receipts_in

    with stopping(as_json), subject(open_place, where) as about:
        receipts = receipts_in(about.place.blobs)
        life = life_of(about.record, about.run, about.member(name), receipts)
    if as_json:
        click.echo(json.dumps(life.plain()))
    else:
        _print_life(life, about.place)
    end(about.record.differences)


def _print_life(life: Life, place: Place) -> None:
    click.echo(f"{place.name(life.member)}, member {life.member}")
    for one in life.happened:
        by = f" (by {one.by})" if one.by else ""
        click.echo(f"  {when(one.time)}  block {one.block}: {one.what}{by}")
    view = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in ("round", "its update", "score", "attested", "epsilon"):
        view.add_column(column, justify="right" if column in ("round", "score", "epsilon") else "left")
    for part in life.parts:
        score = "-" if part.score is None else f"{part.score:.4g}"
        privacy = "-" if part.privacy is None else f"{part.privacy / 1e6:g}"
        view.add_row(str(part.round), part.what, score, part.attested, privacy)
    Console().print(view)


@click.command()
@click.argument("name")
@about_a_run
@JSON
@click.pass_obj
def influence(open_place: OpenPlace, /, name: str, as_json: bool, **where: Any) -> None:
    """List every model that updates of the member NAME reached, in all runs of the network.

    And of each run the last model without them, from which `waggle authority rollback` opens another.

    \b
    Example:
      waggle audit influence clinic-2 runs/wdbc-1
    """
    from authority.audit.influence import influence_of

    with stopping(as_json), subject(open_place, where) as about:
        found = influence_of(about.record.chronicle, about.member(name))
    if as_json:
        click.echo(json.dumps(found.plain()))
    else:
        click.echo("\n".join(_said(found, about.place)))
    end(about.record.differences)


def _said(found: Influence, place: Place) -> Iterator[str]:
    who = place.name(found.member)
    yield f"{who}'s updates reached {len(found.reached)} models"
    for one in found.reached:
        whose = f" of {place.name(one.holder)}" if one.holder else ""
        how = "its update was an input" if one.own else "through the model before"
        yield f"  run {one.run} round {one.round}{whose}: {one.model.short}, {how}"
    for last in found.clean:
        of = "the one it began with" if last.round is None else f"of round {last.round}"
        yield f"the last model of run {last.run} without {who}: {last.model.short}, {of}"
