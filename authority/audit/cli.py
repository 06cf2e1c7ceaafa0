"""`waggle audit`: what happened, and is each merge what it claims to be?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from authority.audit.archive.cli import archive, init
from authority.audit.cli_contributions import contributions
from authority.audit.cli_members import influence, node
from authority.audit.ending import JSON, end, stopping
from authority.audit.passport.cli import export, verify
from authority.audit.report.cli import report
from authority.audit.subject import about_a_run, place, subject
from authority.audit.words import say_lines
from node.errors import WrongUse

if TYPE_CHECKING:
    from authority.audit.checked import Checked
    from authority.audit.history import RoundHistory
    from authority.audit.place import OpenPlace


@click.group()
def audit() -> None:
    """Check a run from the chain and the blobs, whatever the nodes say.

    FOLDER is a run's, a node's home or the authority's; without one, give --rpc and --ledger. It proves
    what was merged. It doesn't prove that a clinic trained honestly or on real patients; a lazy node
    may attest by copying; a majority of liars can finalize anything.

    \b
    Example:
      waggle audit show runs/wdbc-1
      waggle audit replay runs/wdbc-1
    """


audit.add_command(node)
audit.add_command(influence)
audit.add_command(contributions)
audit.add_command(report)
audit.add_command(export)
audit.add_command(verify)
audit.add_command(init)
audit.add_command(archive)


@audit.command()
@about_a_run
@click.option("--round", "rounds", type=click.IntRange(0), multiple=True, help="Only this round.")
@click.option("--node", "member", metavar="NAME", help="Only rounds of this member.")
@click.option("--full", is_flag=True, help="All 64 digits of each digest, and receipts' too.")
@click.option("--follow", is_flag=True, help="Tell each round as it ends, until the run is over.")
@JSON
@click.pass_obj
def show(
    open_place: OpenPlace,
    /,
    rounds: tuple[int, ...],
    member: str | None,
    full: bool,
    follow: bool,
    as_json: bool,
    **where: Any,
) -> None:
    """Show a run's history. FOLDER: a run, a node's home, or the authority's.

    \b
    Examples:
      waggle audit show runs/wdbc-1
      waggle audit show runs/wdbc-1 --node clinic-2 --full
      waggle audit show --rpc http://10.0.0.7:8545 --ledger 0x5FbD...0aa3 --follow
    """
    from authority.audit.following import follow_run
    from authority.audit.history import digests, history_of, of_member, origin, table

    if follow:
        if rounds or member is not None or full or as_json:
            raise WrongUse("--follow tells every round in a line: it goes without the other options")
        with place(open_place, where) as found:
            return follow_run(found, where["run"], click.echo)
    with stopping(as_json), subject(open_place, where) as about:
        rows = _chosen(history_of(about.record, about.run), rounds)
        rows = rows if member is None else of_member(rows, about.member(member))
    if as_json:
        click.echo(json.dumps([row.plain() for row in rows]))
    else:
        Console().print(table(rows, about.place.name))
        for line in (*origin(about.run), *(digests(rows) if full else ())):
            click.echo(line)
    return end(about.record.differences)


@audit.command()
@about_a_run
@JSON
@click.pass_obj
def replay(open_place: OpenPlace, /, as_json: bool, **where: Any) -> None:
    """Redo every merge from its inputs, and compare. Exit code 1 when anything differs.

    \b
    Examples:
      waggle audit replay runs/wdbc-1
      waggle audit replay clinic-a --blobs clinic-b/blobs
    """
    from authority.audit.checked import check
    from authority.audit.replay import say

    with stopping(as_json), subject(open_place, where) as about:
        pass
    console, name = Console(stderr=as_json), about.place.name
    checked = check(about, lambda one: say_lines(console, say(one, name)))
    for finding in checked.wrong:
        say_lines(console, [f"{finding.kind}: {finding.said(name)}"])
    click.echo(json.dumps(checked.plain()) if as_json else _summary(checked))
    end(checked.problems)


def _chosen(rows: tuple[RoundHistory, ...], rounds: tuple[int, ...]) -> tuple[RoundHistory, ...]:
    """These rounds, or all. Raises WrongUse for a round that there is not."""
    if rounds and max(rounds) >= len(rows):
        raise WrongUse(f"there is no round {max(rounds)}: the run has {len(rows)} until now, from 0 on")
    return tuple(row for row in rows if not rounds or row.round in rounds)


def _summary(checked: Checked) -> str:
    done, logs = checked.replayed, len(checked.about.record.logged)
    good, erased = (sum(getattr(one, what) for one in done) for what in ("good", "erased"))
    lines = [f"{good} of {len(done)} merges redone from their inputs, identical to the attested"]
    if erased:
        lines.append(f"{erased} can't be redone, for blobs that were erased on purpose")
    if checked.coherent:
        lines.append(f"the chain's {logs} logs follow from one another by the contracts' rules")
    else:
        lines.append(f"from round {checked.until} on the chain's record contradicts itself: not redone")
    return "\n".join(lines)
