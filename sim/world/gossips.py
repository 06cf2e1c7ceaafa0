"""The same worlds with a gossip run in them: what breaks, and when, is as in the seed's other story."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from sim.world.lies import GOSSIP_LIES
from sim.world.story import Story, story_of

RULES = ("nna", "nna:f=1", "cs-plus", "self-centred-clipping:tau=0.5", "gossip")

NEIGHBOURS = (2, 4, 6)


def gossip_story_of(seed: int, nodes: int = 7, rounds: int = 10) -> Story:
    """The gossip world that a seed stands for."""
    lots, plain = Random(f"gossip story {seed}"), story_of(seed, nodes, rounds)
    merge = lots.choice(RULES)
    return replace(
        plain,
        merge=merge,
        neighbours=lots.choice([near for near in NEIGHBOURS if near < nodes]),
        withstands=0 if merge == "gossip" else 1,
        hostile={
            m: lie if lie in GOSSIP_LIES else lots.choice(GOSSIP_LIES)
            for m, lie in plain.hostile.items()
        },
    )
