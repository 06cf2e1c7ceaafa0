"""Updates that are promised in place of the one trained: how garbage gets past a node's own checks.

A node verifies what it trained and then writes it down as its promise. Here another update is written
down instead, so that an honest driver commits to it, reveals and serves it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from node.commitment import Claims
from node.conduct import Conduct
from node.database import Database, OwnUpdate
from node.digest import Digest
from node.seams import Seams
from node.state import Round
from sim.adversary.over import OverDatabase
from sim.adversary.stage import Sight, Stage

Plant = Callable[[int, Digest, OwnUpdate], OwnUpdate]
"""What to promise in a round, given its number, its base and the update trained."""

LARGEST_WEIGHT = 1 << 32


class Planting(OverDatabase):
    """Writes down what `plant` gives."""

    def __init__(self, under: Database, plant: Plant) -> None:
        super().__init__(under)
        self._plant = plant

    def promise(self, run: int, round_: int, base: Digest, update: OwnUpdate) -> OwnUpdate:
        """See Database."""
        return self.under.promise(run, round_, base, self._plant(round_, base, update))


def planting(sight: Sight, plant: Plant) -> Conduct:
    """Honest but for what it promises."""

    def seams(honest: Seams) -> Seams:
        return replace(honest, database=Planting(honest.database, plant))

    return sight.conduct(seams=seams)


def stale_bytes(stage: Stage, *, age: int = 1) -> Conduct:
    """The very bytes that it revealed `age` rounds ago; honest until there are such."""
    sight = Sight()

    def plant(number: int, base: Digest, update: OwnUpdate) -> OwnUpdate:
        me = stage.member
        mine = [r.revealed[me].digest for r in _before(sight, number) if me in r.revealed]
        return OwnUpdate(mine[-age], update.claims) if len(mine) >= age else update

    return planting(sight, plant)


def copied_bytes(stage: Stage) -> Conduct:
    """The bytes that somebody else revealed last, and that it got; honest until there are such."""
    sight = Sight()

    def plant(number: int, base: Digest, update: OwnUpdate) -> OwnUpdate:
        for round_ in reversed(_before(sight, number)):
            others = (round_.revealed[m] for m in sorted(round_.revealed) if m not in stage.together)
            here = [o.digest for o in others if sight.seams.blobs.has(o.digest)]
            if here:
                return OwnUpdate(here[stage.place % len(here)], update.claims)
        return update

    return planting(sight, plant)


def overclaim(stage: Stage) -> Conduct:
    """Trains honestly and claims four billion patients."""

    def plant(number: int, base: Digest, update: OwnUpdate) -> OwnUpdate:
        return OwnUpdate(update.digest, Claims(LARGEST_WEIGHT, update.claims.privacy))

    return planting(Sight(), plant)


def _before(sight: Sight, number: int) -> list[Round]:
    """Rounds before this one, oldest first."""
    return [r for r in sight.run.rounds if r.number < number]
