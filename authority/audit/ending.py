"""How a command of the audit ends: exit code 1 for findings, one JSON value where one was asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from node.errors import BadAnswer, Unfit

JSON = click.option("--json", "as_json", is_flag=True, help="One JSON result on standard output.")


def end(problems: Sequence[str]) -> None:
    """Exit code 1 when there is something to say. Raises BadAnswer."""
    if problems:
        raise BadAnswer("; ".join(problems))


@contextmanager
def stopping(as_json: bool) -> Iterator[None]:
    """What stops the work for good is a finding, too: whoever parses our output gets it to parse."""
    try:
        yield
    except (BadAnswer, Unfit) as error:
        if as_json:
            click.echo(json.dumps({"good": False, "findings": [str(error)]}))
        raise BadAnswer(str(error)) from None
