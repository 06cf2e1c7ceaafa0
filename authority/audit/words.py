"""How an audit says things to people."""

from __future__ import annotations

from datetime import datetime


def when(time: int | None, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A moment in Unix seconds, in this machine's time."""
    return "-" if time is None else datetime.fromtimestamp(time).astimezone().strftime(form)
