"""Entering trio: what a nursery raises in a group leaves as the one error that it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple

import trio

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def run(work: Callable[[*Ts], Awaitable[T]], *args: *Ts) -> T:
    """Run an async function to its end. A group of a single error is raised as that error.

    Ctrl-C wins over whatever else went wrong while everything was being stopped.
    """
    try:
        return trio.run(work, *args)
    except BaseExceptionGroup as group:
        raise single(group) from None


def single(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error that a group of groups holds, or the group when it holds several.

    Several that say the same are one: a full disk fails all that write at the moment.
    """
    if group.subgroup(KeyboardInterrupt):
        return KeyboardInterrupt()
    first, *others = (
        single(error) if isinstance(error, BaseExceptionGroup) else error for error in group.exceptions
    )
    alike = all((type(other), other.args) == (type(first), first.args) for other in others)
    return first if alike else group
