"""How an audit says things to people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rich.console import Console


def when(time: int | None, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A moment in Unix seconds, in this machine's time."""
    return "-" if time is None else datetime.fromtimestamp(time).astimezone().strftime(form)


def say_lines(console: Console, lines: Iterable[str]) -> None:
    """Say lines as they are: brackets in a name or a path are no markup, :words: no pictures."""
    console.print(*lines, sep="\n", markup=False, emoji=False, highlight=False, soft_wrap=True)
