"""`waggle up`: from nothing to a trained, audited model, with every part real."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from node.durable import write_whole
from node.errors import WrongUse
from sim import live, processes
from sim.devnet import Devnet, devnet
from sim.folder import RunFolder
from sim.plan import SwarmPlan
from sim.result import Outcome
from sim.signals import tidy_end


def up(plan: SwarmPlan, console: Console, *, keep_running: bool = False) -> Outcome:
    """Start a swarm, show it, measure and audit it; every process has ended when this returns.

    Raises WrongUse, and KeyboardInterrupt after cleaning up.
    """
    folder = RunFolder(plan.folder)
    with (
        tidy_end(),
        _new_folder(folder),
        processes.server(),
        devnet(folder.chain) as chain,
    ):
        run = _prepare(plan, folder, chain, console)
        _train(plan, folder, run, console)
        outcome = _look_back(folder, console)
        if keep_running:
            _keep_running(chain, console)
    return outcome


def _prepare(plan: SwarmPlan, folder: RunFolder, chain: Devnet, console: Console) -> int:
    _say(console, f"chain at {chain.rpc}; deploying contracts, admitting {plan.nodes} clinics")
    return processes.call(_prepare_in_child, plan, chain.rpc, log=folder.log)


def _train(plan: SwarmPlan, folder: RunFolder, run: int, console: Console) -> None:
    homes = folder.homes()
    with processes.children() as children:
        for home in homes:
            name = home.folder.name
            children.append(processes.launch(_node_in_child, home.folder, run, log=home.log, name=name))
        live.watch(console, homes, plan.run.rounds, lambda: any(child.is_alive() for child in children))


def _look_back(folder: RunFolder, console: Console) -> Outcome:
    _say(console, "measuring the model and redoing every merge")
    outcome = processes.call(_outcome_in_child, folder.folder, log=folder.log)
    write_whole(folder.report, (json.dumps(outcome.plain(), indent=2) + "\n").encode())
    return outcome


# What children run: they have the heavy modules imported already, this process never needs them.


def _prepare_in_child(plan: SwarmPlan, rpc: str) -> int:
    from sim.cluster import prepare

    return prepare(plan, rpc)


def _node_in_child(home: Path, run: int) -> int:
    from sim.nodes import node_process

    return node_process(home, run)


def _outcome_in_child(folder: Path) -> Outcome:
    from sim.outcome import outcome_of

    return outcome_of(folder)


def _keep_running(chain: Devnet, console: Console) -> None:
    _say(console, f"the chain goes on at {chain.rpc}; Ctrl-C ends it")
    try:
        signal.pause()
    except KeyboardInterrupt:
        _say(console, "ended")


@contextmanager
def _new_folder(folder: RunFolder) -> Iterator[None]:
    """The folder is new, and is gone again unless the run got as far as having one."""
    try:
        folder.folder.mkdir(parents=True)
    except FileExistsError:
        raise WrongUse(
            f"{folder.folder} exists: choose another --dir, or look at it with `waggle status`"
        ) from None
    except OSError as error:
        raise WrongUse(f"{folder.folder} can't be made: {error.strerror}") from None
    try:
        yield
    finally:
        if not folder.file.exists():
            shutil.rmtree(folder.folder)


def _say(console: Console, line: str) -> None:
    console.print(line, soft_wrap=True, highlight=False)
