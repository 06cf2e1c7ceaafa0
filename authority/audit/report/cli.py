"""`waggle audit report`: all answers on one page."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from authority.audit.cli_contributions import DATA, TASK, progress
from authority.audit.subject import about_a_run, in_a_folder, subject
from node.errors import BadAnswer, Unfit, WrongUse

if TYPE_CHECKING:
    from authority.audit.place import OpenPlace


@click.command()
@about_a_run
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The page.")
@click.option("--force", is_flag=True, help="Replace the page if there is one.")
@TASK
@DATA
@click.pass_obj
def report(
    open_place: OpenPlace,
    /,
    out: Path,
    force: bool,
    source: str | None,
    data: Path | None,
    **where: Any,
) -> None:
    """Write one HTML page with all answers, pictures and tables. Exit code 1 when something is wrong.

    Models are measured on the task's held-out data, or on yours.

    \b
    Examples:
      waggle audit report runs/wdbc-1 --out report.html
      waggle audit report runs/mine-1 --task mine.py --data held-out/ --out report.html
    """
    from authority.audit.checked import check
    from authority.audit.report.answers import verdict
    from authority.audit.report.page import page
    from authority.audit.scoring import Scorer
    from node.durable import write_whole
    from node.manifest import Manifest

    if out.exists() and not force:
        raise WrongUse(f"{out} exists: choose another --out, or give --force")
    in_a_folder(out)
    with subject(open_place, where) as about:
        pass
    with progress("merges redone") as tick:
        checked = check(about, lambda one: tick())
    scorer, unmeasured = None, ""
    try:
        scorer = Scorer(Manifest.from_bytes(about.run.manifest), source, data)
    except (WrongUse, Unfit) as error:
        if source or data:
            raise
        unmeasured = str(error)
    html = page(checked, scorer, unmeasured, shlex.join(["waggle", *sys.argv[1:]]))
    write_whole(out, html.encode())
    click.echo(f"{out}: {verdict(checked)}")
    if not checked.good:
        raise BadAnswer(f"run {about.run.number}: {'; '.join(checked.problems)}: see {out}")
