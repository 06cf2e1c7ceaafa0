"""Waggle's front door: the command line, assembled from the parts', and the names users import.

waggle up                     a swarm on this machine, from nothing to an audited model
waggle node|authority|audit   what a clinic, the authority, an auditor does by hand
waggle simulate               learning under attack, without chain: which merge rule holds
waggle bench                  how fast rounds and transfers are here
"""

from __future__ import annotations

import sys
from typing import Any

import click

from authority.audit.cli import audit
from authority.cli import authority
from node.cli import node
from node.errors import WaggleError
from node.task import Data, Site, Task, load_task
from node.words import one_line
from sim.bench.cli import bench
from sim.cli import status, up
from sim.models import export, predict
from sim.places import open_place
from sim.simulate import simulate

__all__ = ["Data", "Site", "Task", "load_task", "main"]

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class _Front(click.Group):
    """Errors raised on purpose become one line and an exit code; tracebacks are for bugs."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except WaggleError as error:
            _end(ctx, error)
        except KeyboardInterrupt:
            click.echo("waggle: interrupted", err=True)
            ctx.exit(INTERRUPTED)
        except BaseExceptionGroup as group:
            known, unknown = group.split(WaggleError)
            if known is None or unknown is not None:
                raise
            _end(ctx, _first(known))


@click.group(cls=_Front, context_settings={"help_option_names": ["-h", "--help"], "obj": open_place})
@click.version_option(package_name="waggle", prog_name="waggle")
def main() -> None:
    """Swarm learning that anyone admitted can check.

    \b
    Example:
      waggle up
    """


def _end(ctx: click.Context, error: WaggleError) -> None:
    """Whatever the message quotes, it is one line, and no command to a terminal."""
    click.echo(f"waggle: {one_line(str(error))}", err=True)
    ctx.exit(error.exit_code)


def _first(group: BaseExceptionGroup[WaggleError]) -> WaggleError:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


for command in (up, status, node, authority, audit, predict, export, simulate, bench):
    main.add_command(command)

if __name__ == "__main__":
    sys.exit(main())
