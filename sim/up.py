"""`waggle up`: from nothing to a trained, audited model, with every part real."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

from rich.console import Console

from node.config import Home
from node.durable import write_whole
from node.errors import ChainUnreachable, WaggleError, WrongUse
from node.progress import read_progress
from sim import live, processes
from sim.clinics import Clinic
from sim.contrast import contrasts
from sim.devnet import STATE, Devnet, devnet
from sim.folder import RunFolder
from sim.hostile import Role, load_roles
from sim.plan import SwarmPlan
from sim.result import Contrast, Outcome
from sim.signals import tidy_end
from sim.trouble import trouble


def up(
    plan: SwarmPlan, console: Console, *, keep_running: Callable[[Outcome], None] | None = None
) -> Outcome:
    """Start a swarm, show it, measure and audit it; every process has ended when this returns.

    keep_running: is told the outcome, and the chain goes on until Ctrl-C.
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
        started = processes.start(_contrast_in_child, plan, log=folder.log) if contrasts(plan) else None
        ended_badly = _train(plan, folder, run, chain, console)
        outcome = _look_back(folder, ended_badly, started, console)
        if keep_running is not None:
            keep_running(outcome)
            _keep_running(chain, console)
    if not (folder.chain / STATE).exists():
        return _with(outcome, f"the chain's state could not be saved in {folder.chain}: is there room?")
    return outcome


def _prepare(plan: SwarmPlan, folder: RunFolder, chain: Devnet, console: Console) -> int:
    live.say(console, f"chain at {chain.rpc}; deploying contracts, admitting {plan.nodes} clinics")
    return processes.call(_prepare_in_child, plan, chain.rpc, log=folder.log)


def _train(
    plan: SwarmPlan, folder: RunFolder, run: int, chain: Devnet, console: Console
) -> tuple[str, ...]:
    """What there is to say of nodes that ended badly. Raises ChainUnreachable when the chain dies."""
    homes, roles = folder.homes(), load_roles(folder.hostile)
    if roles:
        who = ", ".join(f"{name} ({role.attack})" for name, role in sorted(roles.items()))
        live.say(console, f"hostile: {who}")
    with processes.children() as children:

        def begin(home: Home) -> BaseProcess:
            name = home.folder.name
            work = (_node_in_child, home.folder, run, roles.get(name))
            children.append(processes.launch(*work, log=home.log, name=name))
            return children[-1]

        clinics = [Clinic(home, partial(begin, home)) for home in homes]
        with trouble(plan.chaos, clinics, chain, roles, console, folder.chaos) as happening:

            def running() -> bool:
                happening.tick()
                if chain.ended():
                    raise ChainUnreachable(
                        "the chain's process ended under the nodes: see "
                        f"{folder.chain / 'anvil.log'}; its last saved state lies beside it"
                    )
                return happening.busy or any(clinic.alive for clinic in clinics)

            live.watch(console, homes, plan.run.rounds, running)
        return tuple(said for c in clinics if (said := _ending(c.home, c.exitcode)))


def _ending(home: Home, code: int) -> str:
    """Why a node's process ended with this exit code; nothing for 0."""
    if not code:
        return ""
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    why = read_progress(home.status).get("error") or f"ended with {how}: see {home.log}"
    return f"{home.folder.name}: {why}"


def _look_back(
    folder: RunFolder,
    ended_badly: tuple[str, ...],
    started: processes.Started | None,
    console: Console,
) -> Outcome:
    live.say(console, "measuring the model and redoing every merge")
    contrast = None
    try:
        contrast = started and processes.wait_for(started, folder.log)
    except WaggleError as error:
        ended_badly = (*ended_badly, f"the arena can't play the same with the plain mean: {error}")
    found = (folder.folder, ended_badly, contrast)
    outcome = processes.call(_outcome_in_child, *found, log=folder.log)
    try:
        write_whole(folder.report, (json.dumps(outcome.plain(), indent=2) + "\n").encode())
    except WaggleError as error:  # to be shown all the same
        return _with(outcome, str(error))
    return outcome


def _with(outcome: Outcome, problem: str) -> Outcome:
    return replace(outcome, problems=(*outcome.problems, problem))


# What children run: they have the heavy modules imported already, this process never needs them.


def _prepare_in_child(plan: SwarmPlan, rpc: str) -> int:
    from sim.cluster import prepare

    return prepare(plan, rpc)


def _node_in_child(home: Path, run: int, role: Role | None) -> int:
    from sim.nodes import node_process

    return node_process(home, run, role)


def _contrast_in_child(plan: SwarmPlan) -> Contrast:
    from sim.contrast import contrast_of

    return contrast_of(plan)


def _outcome_in_child(folder: Path, ended_badly: tuple[str, ...], contrast: Contrast | None) -> Outcome:
    from sim.outcome import outcome_of

    return outcome_of(folder, ended_badly, contrast)


def _keep_running(chain: Devnet, console: Console) -> None:
    live.say(console, f"the chain goes on at {chain.rpc}; Ctrl-C ends it")
    try:
        signal.pause()
    except KeyboardInterrupt:
        live.say(console, "ended")


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
