"""What a node process of a swarm does: run the node, and leave when it is told to or left alone."""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import signal
import time
from pathlib import Path

import trio

from node import running
from node.conduct import HONEST, Conduct
from node.config import Home
from node.durable import write_whole
from node.errors import WaggleError
from node.progress import read_progress
from node.runtime import run_node
from sim.adversary.grammar import conduct_of
from sim.adversary.stage import Stage
from sim.cutoff import cut_file, cut_off
from sim.hostile import Role

log = logging.getLogger(__name__)

STOPPED = 130


def node_process(folder: Path, run: int, role: Role | None = None) -> int:
    """Exit code of one node of a swarm, see node.errors; 130 when it was stopped. role: its attack."""
    home = Home(folder)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        return running.run(_until_stopped, home, run, role)
    except WaggleError as error:
        log.error("%s", error)
        _tell(home, str(error))
        return error.exit_code


async def _until_stopped(home: Home, run: int, role: Role | None) -> int:
    code = STOPPED
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_stop_on_signal, nursery.cancel_scope)
        nursery.start_soon(_stop_when_orphaned, nursery.cancel_scope)
        await run_node(home, run, conduct=_conduct(home, role))
        code = 0
        nursery.cancel_scope.cancel()
    return code


def _conduct(home: Home, role: Role | None) -> Conduct:
    conduct = HONEST
    if role is not None:
        stage = Stage(role.member, time.time, role.seed, role.conspirators)
        conduct = conduct_of(role.attack, stage)
    return cut_off(conduct, cut_file(home))


async def _stop_on_signal(scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()


async def _stop_when_orphaned(scope: trio.CancelScope) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    await trio.lowlevel.wait_readable(parent.sentinel)
    scope.cancel()


def _tell(home: Home, error: str) -> None:
    with contextlib.suppress(WaggleError):  # on a full disk the log and the exit code must do
        write_whole(home.status, json.dumps({**read_progress(home.status), "error": error}).encode())
