"""What a world's seed stands for: who lies, what breaks, when. A frozen value, drawn all at once.

Faults begin some seconds after a round has opened, and all are over when the quiet begins; lies go on
to the end. There are never more hostile seats than rounds withstand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random

from node.ledger import FIRST_GOSSIP
from node.state import most_hostile
from sim.world.lies import LIES

QUIET_ROUNDS = 4
"""Rounds at the end in which nothing breaks any more."""

RULES = ("nnm+trimmed-mean", "trimmed-mean", "median", "nnm+median", "geometric-median")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that breaks, and is whole again.

    after, seconds: from the round's opening, and how long. members: whom it strikes. amount: how
    much, where that says anything.
    """

    kind: str
    round: int
    after: float
    seconds: float
    members: tuple[int, ...] = ()
    amount: int = 0

    def __str__(self) -> str:
        whom = f" of {', '.join(map(str, self.members))}" if self.members else ""
        return f"{self.kind}{whom}"


@dataclass(frozen=True, slots=True)
class Story:
    """One world. hostile: behaviours of `sim.adversary` by member. late: members admitted under way.

    ahead: by how many seconds a node's clock is. neighbours, withstands: of a gossip run, how many each
    node hears, and how many hostile ones among them its rule must withstand.
    """

    seed: int
    nodes: int = 7
    rounds: int = 10
    merge: str = RULES[0]
    phase_seconds: int = 40
    confirmations: int = 0
    hostile: Mapping[int, str] = field(default_factory=dict)
    late: tuple[int, ...] = ()
    ahead: Mapping[int, float] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    neighbours: int | None = None
    withstands: int | None = None

    @property
    def quiet_round(self) -> int:
        """The round at whose opening all faults end."""
        return max(self.rounds - QUIET_ROUNDS, 1)

    @property
    def run(self) -> int:
        """The number of its only run."""
        return 1 if self.neighbours is None else FIRST_GOSSIP

    @property
    def members(self) -> tuple[int, ...]:
        """All nodes, those that come late included."""
        return (*range(1, self.nodes + 1), *self.late)


def story_of(seed: int, nodes: int = 7, rounds: int = 10) -> Story:
    """The world that a seed stands for."""
    return _Draw(seed, nodes, rounds).story()


class _Draw:
    def __init__(self, seed: int, nodes: int, rounds: int) -> None:
        self._lots = Random(f"story {seed}")
        self._seed, self._nodes, self._rounds = seed, nodes, rounds

    def story(self) -> Story:
        lots, nodes = self._lots, self._nodes
        weather = lots.choice(tuple(_WEATHERS))
        reorganizes = "reorganization" in _WEATHERS[weather] and lots.random() < 0.5
        plain = Story(
            seed=self._seed,
            nodes=nodes,
            rounds=self._rounds,
            merge=lots.choice(RULES),
            confirmations=lots.randint(1, 3) if reorganizes else 0,
            hostile=self._hostile(),
            late=(nodes + 1,) if lots.random() < 0.3 else (),
            ahead={member: round(lots.uniform(-3, 3), 1) for member in range(1, nodes + 2)},
        )
        faults = self._faults(_WEATHERS[weather], plain)
        faults += [self._join(member, plain) for member in plain.late]
        faults += self._revocation(plain) if lots.random() < 0.3 else []
        return replace(plain, faults=tuple(sorted(faults, key=lambda f: (f.round, f.after))))

    def _hostile(self) -> dict[int, str]:
        """At most as many as a round withstands; all with the same lie, or each with its own."""
        count = self._lots.randint(0, most_hostile(self._nodes))
        members = self._lots.sample(range(1, self._nodes + 1), count)
        first = self._lots.choice(LIES)
        same = self._lots.random() < 0.5
        return {member: first if same else self._lots.choice(LIES) for member in members}

    def _faults(self, kinds: tuple[str, ...], story: Story) -> list[Fault]:
        fit = [kind for kind in kinds if kind != "reorganization" or story.confirmations]
        return [self._fault(self._lots.choice(fit), story) for _ in range(self._lots.randint(2, 16))]

    def _fault(self, kind: str, story: Story) -> Fault:
        lots = self._lots
        deepest = story.confirmations if kind == "reorganization" else MOST_STEPS
        return Fault(
            kind=kind,
            round=lots.randrange(story.quiet_round),
            after=round(lots.uniform(0, lots.choice((0.1, 0.5, 1.5)) * story.phase_seconds), 1),
            seconds=round(lots.expovariate(1 / story.phase_seconds) + 1, 1),
            members=self._struck(kind),
            amount=lots.randint(1, deepest),
        )

    def _struck(self, kind: str) -> tuple[int, ...]:
        if kind in _OF_THE_CHAIN:
            return ()
        count = self._lots.randint(1, self._nodes - 1) if kind in _OF_SEVERAL else 1
        return tuple(sorted(self._lots.sample(range(1, self._nodes + 1), count)))

    def _join(self, member: int, story: Story) -> Fault:
        round_ = self._lots.randrange(max(story.quiet_round - 1, 1))
        return Fault(
            "joining", round_, round(self._lots.uniform(0, story.phase_seconds), 1), 0, (member,)
        )

    def _revocation(self, story: Story) -> list[Fault]:
        """Of somebody without whom the honest are still more than two thirds."""
        everybody = range(1, self._nodes + 1)
        honest = self._nodes - len(story.hostile)
        spare = 3 * (honest - 1) > 2 * (self._nodes - 1)
        whom = [member for member in everybody if spare or member in story.hostile]
        if not whom:
            return []
        round_ = self._lots.randrange(story.quiet_round)
        after = round(self._lots.uniform(0, 2 * story.phase_seconds), 1)
        member, named = self._lots.choice(whom), self._lots.randint(0, 1)
        return [Fault("revocation", round_, after, 0, (member,), named)]


MOST_STEPS = 300
"""After so many more steps at most a crash happens: a round takes about a hundred."""

_CRASHES = ("crash", "crash", "crash of several", "stop", "full disk", "lost blobs", "lost disk")
_WIRES = ("partition", "one-way partition", "slow wires", "lossy wires")
_LINES = ("no chain", "deaf to the chain", "mute to the chain")
_OF_THE_CHAIN = ("chain stops", "chain forgets", "reorganization")
_ROTATIONS = ("another peer key", "another account")
_OF_SEVERAL = ("partition", "one-way partition", "crash of several")

_WEATHERS: dict[str, tuple[str, ...]] = {
    "mixed": (*_CRASHES, *_WIRES, *_LINES, *_OF_THE_CHAIN, *_ROTATIONS),
    "crashes": (*_CRASHES, *_ROTATIONS),
    "network": (*_WIRES, *_LINES),
    "chain": (*_OF_THE_CHAIN, "reorganization", "reorganization", "crash", "another account"),
}
"""Kinds of faults that come together: a world has troubles of all kinds, or many of one."""
