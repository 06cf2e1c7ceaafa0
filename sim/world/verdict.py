"""What became of one world, as a small value that travels between processes."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sim.world.gossips import gossip_story_of
from sim.world.promises import broken
from sim.world.story import Story, story_of
from sim.world.world import Evidence, play


@dataclass(frozen=True, slots=True)
class Wish:
    """A world that is asked for."""

    seed: int
    nodes: int = 7
    rounds: int = 10
    gossip: bool = False

    @property
    def story(self) -> Story:
        """What it stands for."""
        told = gossip_story_of if self.gossip else story_of
        return told(self.seed, self.nodes, self.rounds)

    @property
    def command(self) -> str:
        """What repeats it."""
        plain = Wish(self.seed)
        nodes = "" if self.nodes == plain.nodes else f" --nodes {self.nodes}"
        rounds = "" if self.rounds == plain.rounds else f" --rounds {self.rounds}"
        gossip = " --gossip" if self.gossip else ""
        return f"waggle simulate world{gossip} --seed {self.seed}{nodes}{rounds}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One world. broken: promises that didn't hold, in words. hours: virtual."""

    wish: Wish
    broken: tuple[str, ...]
    finalized: int = 0
    skipped: int = 0
    faults: int = 0
    liars: int = 0
    hours: float = 0.0


def judge(wish: Wish) -> Verdict:
    """Play a world and hold it to its promises; a world that raises has broken one."""
    try:
        return verdict_of(wish, play(wish.story))
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}, line {place.lineno}"
        return Verdict(wish, (f"the world itself: {type(error).__name__}: {error} ({where})",))


def judge_all(wishes: Sequence[Wish]) -> list[Verdict]:
    """A batch, in a process of its own."""
    gc.set_threshold(20_000)  # a world is many small values, few of them in cycles
    return [judge(wish) for wish in wishes]


def verdict_of(wish: Wish, evidence: Evidence) -> Verdict:
    """What the evidence says."""
    rounds = evidence.run.rounds
    return Verdict(
        wish=wish,
        broken=tuple(map(str, broken(evidence))),
        finalized=sum(r.ended and r.skipped is None for r in rounds),
        skipped=sum(r.skipped is not None for r in rounds),
        faults=len(evidence.story.faults),
        liars=len(evidence.story.hostile),
        hours=evidence.seconds / 3600,
    )


def lost(wishes: Sequence[Wish], why: str) -> list[Verdict]:
    """A batch whose process died."""
    return [Verdict(wish, (f"the world itself: {why}",)) for wish in wishes]
