"""Worlds for people: many in a few lines, one as a timeline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sim.live import say
from sim.world.many import Tally
from sim.world.story import Story
from sim.world.verdict import Verdict
from sim.world.world import Evidence

LINES = 10
"""Plain lines of progress, about."""


class Watching:
    """Counts worlds while they are played; a plain line now and then where there is no terminal."""

    def __init__(self, console: Console, count: int, progress: Progress | None) -> None:
        self._console, self._count, self._progress = console, count, progress
        self._task = progress.add_task("worlds", total=count) if progress else None
        self._done = self._failed = 0

    def __call__(self, verdict: Verdict) -> None:
        """A world has ended."""
        self._done += 1
        if verdict.broken:
            self._failed += 1
            say(self._console, *_failure(verdict))
        if self._progress and self._task is not None:
            self._progress.update(self._task, completed=self._done)
        elif self._done * LINES // self._count > (self._done - 1) * LINES // self._count:
            say(self._console, f"{self._done} of {self._count} worlds, {self._failed} failed")


@contextmanager
def watching(console: Console, count: int) -> Iterator[Watching]:
    """Show how many of `count` worlds have been played."""
    if not console.is_terminal:
        yield Watching(console, count, None)
        return
    columns = (
        TextColumn("worlds"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield Watching(console, count, progress)


def show_many(console: Console, tally: Tally) -> None:
    """What many worlds came to."""
    total = tally.total
    say(
        console,
        f"{len(tally.verdicts)} worlds in {tally.seconds:.1f} s: {tally.rate:.1f} a second, "
        f"{total('hours'):.0f} virtual hours",
        f"{total('faults'):.0f} faults, {total('liars'):.0f} liars; {total('finalized'):.0f} rounds "
        f"merged, {total('skipped'):.0f} skipped",
    )
    if not tally.failed:
        say(console, "every promise held in every world")
        return
    say(console, f"{len(tally.failed)} worlds broke a promise:")
    for verdict in tally.failed:
        say(console, *_failure(verdict))


def show_one(console: Console, evidence: Evidence, verdict: Verdict) -> None:
    """A world's story, its timeline, and what came of it."""
    say(console, *_story(evidence.story), "")
    say(console, *map(str, evidence.timeline.entries), "")
    say(
        console,
        f"{verdict.finalized} rounds merged, {verdict.skipped} skipped, in {verdict.hours:.2f} "
        "virtual hours",
    )
    say(console, *(verdict.broken or ("every promise held",)))


def _story(story: Story) -> Iterator[str]:
    near = "" if story.neighbours is None else f" with {story.neighbours} neighbours"
    yield (
        f"world {story.seed}: {story.nodes} nodes, {story.rounds} rounds, {story.merge}{near}, "
        f"phases of {story.phase_seconds} s, {story.confirmations} confirmations; quiet from round "
        f"{story.quiet_round}"
    )
    for member, lie in sorted(story.hostile.items()):
        yield f"  node {member} is hostile: {lie}"
    for fault in story.faults:
        lasts = f", for {fault.seconds:.0f} s" if fault.seconds else ""
        yield f"  round {fault.round} + {fault.after:.0f} s: {fault}{lasts}"


def _failure(verdict: Verdict) -> list[str]:
    return [
        *(f"seed {verdict.wish.seed}: {how}" for how in verdict.broken),
        f"  to repeat: {verdict.wish.command}",
    ]
