"""Processes forked from one that has the heavy imports already.

Importing torch, web3 and libp2p takes seconds and hundreds of megabytes in each process; here it is
paid once and shared. Children never outlive us: they leave when we tell them to, and when we are gone.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import forkserver as multiprocessing_forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar

from node.errors import WaggleError
from sim.signals import deferred

T = TypeVar("T")

HEAVY = ["sim.preload"]
GRACE_SECONDS = 5.0

Started = tuple[ForkServerProcess, "Connection[None, tuple[bool, object]]"]
"""What `start` began, for `wait_for`."""


def forkserver() -> ForkServerContext:
    """Where children come from; its imports start with the first child."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(HEAVY)
    return context


@contextlib.contextmanager
def server() -> Iterator[None]:
    """The process that children are forked from: imports at once, ends with the context."""
    forkserver()
    with deferred():
        multiprocessing_forkserver.ensure_running()
    try:
        yield
    finally:
        with deferred():
            _end_server()


def group() -> int:
    """The process group that all children are in."""
    running: Any = multiprocessing_forkserver._forkserver
    leader: int = running._forkserver_pid
    return leader


def _end_server() -> None:
    """End it and whatever it has forked: all are in the group that `sim.preload` made."""
    # multiprocessing has no public way to do it. By itself it would end only once its imports are done.
    running: Any = multiprocessing_forkserver._forkserver
    if running._forkserver_pid is None:
        return
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError):
            kill(running._forkserver_pid, signal.SIGKILL)
    running._stop()


def call(work: Callable[..., T], *args: object, log: Path) -> T:
    """The result of a function run in a child; its WaggleError is raised here, others end it.

    What the child prints goes to `log`.
    """
    result: T = wait_for(start(work, *args, log=log), log)
    return result


def start(work: Callable[..., T], *args: object, log: Path) -> Started:
    """Begin `call` and go on; `wait_for` gets the result."""
    context = forkserver()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, work, args, log), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def wait_for(started: Started, log: Path) -> Any:
    """The result of what `start` began. Raises its WaggleError."""
    process, connection = started
    try:
        good, result = connection.recv()
    except EOFError:
        last = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise WaggleError(f"a helper process died: {' '.join(last) or log}") from None
    finally:
        end([process])
    if good:
        return result
    assert isinstance(result, BaseException)
    raise result


def launch(work: Callable[..., int], *args: object, log: Path, name: str) -> ForkServerProcess:
    """Start a long-lived child whose exit code is the function's."""
    process = forkserver().Process(target=_live, args=(work, args, log), name=name, daemon=True)
    process.start()
    return process


@contextlib.contextmanager
def children() -> Iterator[list[ForkServerProcess]]:
    """A list to put children in; all have ended when the context closes."""
    started: list[ForkServerProcess] = []
    try:
        yield started
    finally:
        end(started)


def end(processes: Sequence[BaseProcess]) -> None:
    """Ask children to end, insist after a while."""
    # A second Ctrl-C must not leave anybody behind.
    with deferred():
        for process in processes:
            if process.is_alive():
                process.terminate()
        patience = time.monotonic() + GRACE_SECONDS
        for process in processes:
            process.join(max(patience - time.monotonic(), 0))
            if process.is_alive():
                process.kill()
                process.join()


def _answer(
    connection: Connection[tuple[bool, object], None],
    work: Callable[..., object],
    args: Sequence[object],
    log: Path,
) -> None:
    _settle(log)
    try:
        connection.send((True, work(*args)))
    except WaggleError as error:
        connection.send((False, error))


def _live(work: Callable[..., int], args: Sequence[object], log: Path) -> None:
    _settle(log)
    sys.exit(work(*args))


def _settle(log: Path) -> None:
    """A child prints to its log, leaves Ctrl-C to its parent, and shares the parent's pages."""
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)
