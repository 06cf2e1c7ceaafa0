"""What a world's seed stands for: who lies, what breaks, when. A frozen value, drawn all at once.

Faults begin some seconds after a round has opened, and all are over when the quiet begins; lies go on
to the end. There are never more hostile seats than rounds withstand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random

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

    ahead: by how many seconds a node's clock is.
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

    @property
    def quiet_round(self) -> int:
        """The round at whose opening all faults end."""
        return max(self.rounds - QUIET_ROUNDS, 1)

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
        hostile = self._hostile()
        late = (nodes + 1,) if lots.random() < 0.3 else ()
        confirmations = lots.choice((0, 0, 0, 2))
        plain = Story(
            seed=self._seed,
            nodes=nodes,
            rounds=self._rounds,
            merge=lots.choice(RULES),
            confirmations=confirmations,
            hostile=hostile,
            late=late,
            ahead={member: lots.uniform(-3, 3) for member in range(1, nodes + 2)},
        )
        kinds = [kind for kind in _KINDS if kind != "reorganization" or confirmations]
        faults = [self._fault(lots.choice(kinds), plain) for _ in range(lots.randint(2, 14))]
        faults += [self._join(member, plain) for member in late]
        if lots.random() < 0.3:
            faults += self._revocation(plain)
        return _with(plain, faults)

    def _hostile(self) -> dict[int, str]:
        count = self._lots.randint(0, (self._nodes - 1) // 3)
        members = self._lots.sample(range(1, self._nodes + 1), count)
        first = self._lots.choice(LIES)
        same = self._lots.random() < 0.5
        return {member: first if same else self._lots.choice(LIES) for member in members}

    def _fault(self, kind: str, story: Story) -> Fault:
        lots = self._lots
        count = lots.randint(1, self._nodes - 1) if kind in _OF_MANY else 1
        return Fault(
            kind=kind,
            round=lots.randrange(max(story.quiet_round, 1)),
            after=lots.uniform(0, 1.5 * story.phase_seconds),
            seconds=lots.expovariate(1 / story.phase_seconds) + 1,
            members=tuple(sorted(lots.sample(range(1, self._nodes + 1), count))) if _whom(kind) else (),
            amount=lots.randint(1, max(story.confirmations, 1))
            if kind == "reorganization"
            else lots.randint(1, 300),
        )

    def _join(self, member: int, story: Story) -> Fault:
        round_ = self._lots.randrange(max(story.quiet_round - 1, 1))
        return Fault("joining", round_, self._lots.uniform(0, story.phase_seconds), 0, (member,))

    def _revocation(self, story: Story) -> list[Fault]:
        """Of somebody without whom the honest are still more than two thirds."""
        honest = set(range(1, self._nodes + 1)) - story.hostile.keys()
        spare = 3 * (len(honest) - 1) > 2 * (self._nodes - 1)
        whom = sorted(honest | story.hostile.keys() if spare else story.hostile.keys())
        if not whom:
            return []
        member = self._lots.choice(whom)
        round_ = self._lots.randrange(max(story.quiet_round, 1))
        after = self._lots.uniform(0, 2 * story.phase_seconds)
        return [Fault("revocation", round_, after, 0, (member,), self._lots.randint(0, 1))]


_OF_MANY = {"partition", "one-way partition", "crash of several"}
_OF_CHAIN = {"chain stops", "chain forgets", "reorganization"}
_KINDS = (
    "crash",
    "crash",
    "crash",
    "crash of several",
    "stop",
    "partition",
    "one-way partition",
    "slow wires",
    "lossy wires",
    "no chain",
    "deaf to the chain",
    "mute to the chain",
    "chain stops",
    "chain forgets",
    "reorganization",
    "reorganization",
    "full disk",
    "lost blobs",
    "lost disk",
    "another peer key",
    "another account",
)


def _whom(kind: str) -> bool:
    return kind not in _OF_CHAIN


def _with(story: Story, faults: list[Fault]) -> Story:
    return replace(story, faults=tuple(sorted(faults, key=lambda f: (f.round, f.after))))
