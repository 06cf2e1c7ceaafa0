"""Puts chaos beside a running swarm: what `sim.chaos` does, told, written down, undone at the end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from rich.console import Console

from node.state import most_hostile
from sim import processes
from sim.chaos import Chaos
from sim.clinics import Clinic
from sim.devnet import Devnet
from sim.live import say
from sim.thaw import guard


class Calm:
    """Nothing happens. `tick` is called often; `busy`: somebody is to be started again."""

    busy = False

    def tick(self) -> None:
        """Nothing."""


class Trouble:
    """Chaos, with a guard that knows the chain's process. told: what happened, in order."""

    def __init__(self, chaos: Chaos, watch: Callable[[], None]) -> None:
        self._chaos, self._watch = chaos, watch

    @property
    def busy(self) -> bool:
        """Whether somebody is to be started again."""
        return self._chaos.busy

    def tick(self) -> None:
        """Let happen what is due."""
        self._chaos.tick()
        self._watch()


@contextlib.contextmanager
def trouble(
    seed: int | None,
    clinics: Sequence[Clinic],
    chain: Devnet,
    hostile: Collection[str],
    console: Console,
    log: Path,
) -> Iterator[Calm | Trouble]:
    """What is to happen to a swarm while the context is open; when it closes everything goes again."""
    if seed is None:
        yield Calm()
        return
    room = max(most_hostile(len(clinics)) - len(hostile), 0)
    started = time.monotonic()
    with log.open("a") as written, guard(processes.group()) as watcher:

        def tell(what: str) -> None:
            line = f"chaos {time.monotonic() - started:5.1f} s: {what}"
            print(line, file=written, flush=True)
            say(console, line)

        def watch() -> None:
            if chain.running:
                watcher.chain(chain.pid)

        _say_room(console, room, seed)
        chaos = Chaos(
            clinics,
            chain,
            hostile=hostile,
            room=room,
            seed=seed,
            clock=time.monotonic,
            tell=tell,
        )
        watch()
        try:
            yield Trouble(chaos, watch)
        finally:
            chaos.calm()


def _say_room(console: Console, room: int, seed: int) -> None:
    if room:
        most = "one honest clinic" if room == 1 else f"{room} honest clinics"
        say(
            console,
            f"chaos with seed {seed}: {most} at a time, so that a quorum is left; and the chain",
        )
    else:
        say(
            console,
            f"chaos with seed {seed} hits attackers and the chain only: they are all that this swarm "
            "withstands; more --nodes leave room",
        )
