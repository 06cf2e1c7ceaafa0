"""Worlds with a gossip run: what they promise, that a broken promise is caught, what they found.

Each mutation takes out what keeps a promise, as in tests/test_world_promises.py. Stories that found
something stand here as they were drawn.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from node import arrival, serving, working
from node.contracts.rounds import MemoryRun
from node.gossip import round as gossip_round
from sim.simulate import simulate
from sim.world.gossips import RULES, gossip_story_of
from sim.world.lies import GOSSIP_LIES
from sim.world.promises import broken
from sim.world.story import Fault, Story, story_of
from sim.world.verdict import Wish
from sim.world.world import play

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.timeout(120)

Patch = pytest.MonkeyPatch


def gossip(seed: int, **fields) -> Story:
    """A story of seven that hear four each."""
    fixed = {"rounds": 6, "merge": "nna:f=1", "neighbours": 4, "withstands": 1}
    return Story(seed, **{**fixed, **fields})


@pytest.mark.parametrize("merge", RULES)
def test_a_gossip_world_without_faults(merge: str) -> None:
    """Whatever the rule, everybody attests in every round and every promise holds."""
    evidence = play(gossip(1, merge=merge, withstands=0))
    assert [len(r.attested) for r in evidence.run.rounds] == [7] * 6
    assert broken(evidence) == ()


@pytest.mark.parametrize("seed", range(4))
def test_some_gossip_worlds(seed: int) -> None:
    """Among faults and lies, too."""
    assert broken(play(gossip_story_of(seed))) == ()


def test_the_same_seed_is_the_same_gossip_world() -> None:
    """Step by step: the timelines are equal."""
    one, two = (play(gossip_story_of(11)).timeline.entries for _ in range(2))
    assert one == two


def test_a_seed_breaks_the_same_in_both_kinds_of_worlds() -> None:
    """Faults, clocks and who lies are the seed's; lies that make no sense in gossip are others."""
    for seed in range(50):
        one, other = story_of(seed), gossip_story_of(seed)
        assert (one.faults, one.ahead, one.late) == (other.faults, other.ahead, other.late)
        assert one.hostile.keys() == other.hostile.keys()
        assert set(other.hostile.values()) <= set(GOSSIP_LIES)


@pytest.mark.parametrize("nodes", [4, 5, 7])
def test_neighbours_are_fewer_than_nodes(nodes: int) -> None:
    """As the authority asks of a run."""
    assert max(gossip_story_of(seed, nodes).neighbours or 0 for seed in range(50)) in (
        nodes - 1,
        nodes - 2,
    )


def test_a_gossip_world_on_the_command_line() -> None:
    """Its timeline and verdict, as JSON; what repeats it names the kind."""
    done = CliRunner().invoke(simulate, ["world", "--gossip", "--seed", "3", "--json"])
    found = json.loads(done.stdout)
    assert (done.exit_code, found["seed"], found["broken"]) == (0, 3, [])
    assert any("neighbours are drawn" in entry["what"] for entry in found["timeline"])
    assert Wish(3, gossip=True).command == "waggle simulate world --gossip --seed 3"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_60_gossip_worlds() -> None:
    """What CI plays: every promise holds in every one."""
    done = CliRunner().invoke(simulate, ["world", "--gossip", "--seeds", "60", "--json"])
    found = json.loads(done.stdout)
    assert (found["failed"], found["worlds"], done.exit_code) == ([], 60, 0)


# What keeps the promises, taken out.


def anchors_on_another(patch: Patch) -> None:
    """Each merges as its neighbour of the lowest number would."""
    honest = working.merge_neighbours

    def merge_neighbours(*args):
        *given, updates, member = args
        receipt = honest(*given, updates, min(update.member for update in updates))
        return replace(receipt, member=member)

    patch.setattr(working, "merge_neighbours", merge_neighbours)


def hears_everybody(patch: Patch) -> None:
    """Whoever revealed is a neighbour, to whom merges and to whom serves."""

    def neighbours_of(run, round_, k, member):
        return tuple(m for m in run.members_in(round_.inputs or 0) if m != member)

    patch.setattr(gossip_round, "neighbours_of", neighbours_of)
    patch.setattr(serving, "neighbours_of", neighbours_of)


def believes_shallow_blocks(patch: Patch) -> None:
    """Nodes act on the newest block, whatever the run's confirmations are."""
    patch.setattr(arrival, "_confirmations", lambda chronicle, run: 0)


def serves_no_neighbour(patch: Patch) -> None:
    """Updates go to nobody."""
    patch.setattr(serving, "_near", lambda run, round_, asker: iter(()))


def nobody_advances(patch: Patch) -> None:
    """Deadlines pass and nobody calls `advance`."""
    patch.setattr(gossip_round, "turn_to_advance", lambda run, mine: run.deadline + 1e6)


def waits_for_the_benched(patch: Patch) -> None:
    """As long as for anybody."""
    patch.setattr(gossip_round, "COURTESY", 1 - gossip_round.HOLD_MARGIN)


def keeps_the_updates_of_the_revoked(patch: Patch) -> None:
    """Eviction takes the seat and leaves the update."""

    def remove(self, bit):
        self._waited &= ~bit
        self.tallies.roster &= ~bit
        self.tallies.expected &= ~bit

    patch.setattr(MemoryRun, "_remove", remove)


@dataclass(frozen=True)
class Mutation:
    """A check that is taken out, the promise that it kept, and a story in which it matters."""

    promise: str
    take_out: Callable[[Patch], None]
    story: Story


TAKEN_BACK = tuple(
    Fault("reorganization", round_, after, 1.0, (), 3)
    for round_ in range(4)
    for after in (3.0, 5.0, 7.0, 9.0)
)

MUTATIONS = (
    Mutation(
        "agreement",
        believes_shallow_blocks,
        gossip(1, rounds=8, confirmations=3, faults=TAKEN_BACK),
    ),
    Mutation("validity", anchors_on_another, gossip(1)),
    Mutation("validity", hears_everybody, gossip(2)),
    Mutation("return", serves_no_neighbour, gossip(3)),
    Mutation("liveness", nobody_advances, gossip(4, hostile={7: "absent"})),
    Mutation("pace", waits_for_the_benched, gossip(5, rounds=9, hostile={7: "withhold"})),
    Mutation(
        "revocation",
        keeps_the_updates_of_the_revoked,
        gossip(7, hostile={7: "no-reveal"}, faults=(Fault("revocation", 1, 20.0, 0.0, (2,), 1),)),
    ),
)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.take_out.__name__)
def test_a_broken_promise_is_caught(mutation: Mutation, monkeypatch: Patch) -> None:
    """With the check every promise holds in the story; without it, the promise that it kept breaks."""
    assert broken(play(mutation.story)) == ()

    mutation.take_out(monkeypatch)

    assert mutation.promise in {found.promise for found in broken(play(mutation.story))}


# What gossip worlds found: each story broke a promise, or what its test asks, until that was mended.

SEED_2 = Story(
    seed=2,
    merge="nna",
    neighbours=6,
    withstands=1,
    hostile={3: "wrong-mark", 5: "huge"},
    ahead={1: 2.9, 2: -0.6, 3: -2.9, 4: -2.5, 5: 0.8, 6: -1.9, 7: -1.7, 8: -0.4},
    faults=(
        Fault("another account", 0, 5.2, 14.9, (7,), 170),
        Fault("lost blobs", 0, 21.0, 18.3, (1,), 69),
        Fault("lost disk", 1, 1.2, 60.3, (2,), 183),
        Fault("lost disk", 1, 9.9, 25.6, (5,), 287),
        Fault("crash", 1, 10.0, 7.2, (7,), 7),
        Fault("another peer key", 1, 13.2, 47.9, (2,), 10),
        Fault("another peer key", 1, 16.8, 23.6, (2,), 113),
        Fault("lost blobs", 1, 36.5, 46.5, (3,), 212),
        Fault("crash", 2, 1.6, 44.2, (2,), 48),
        Fault("crash", 2, 2.6, 14.1, (6,), 40),
        Fault("crash", 2, 56.1, 135.9, (4,), 30),
        Fault("another peer key", 3, 1.9, 35.8, (4,), 165),
        Fault("crash", 4, 16.8, 45.2, (7,), 109),
        Fault("stop", 4, 19.8, 5.8, (6,), 181),
        Fault("crash", 5, 45.8, 1.6, (6,), 227),
        Fault("another peer key", 5, 47.5, 13.7, (7,), 84),
    ),
)

SEED_114 = Story(
    seed=114,
    merge="self-centred-clipping:tau=0.5",
    neighbours=2,
    withstands=1,
    hostile={7: "wrong-mark"},
    ahead={1: 2.5, 2: 2.8, 3: 2.2, 4: -1.9, 5: -2.0, 6: 2.8, 7: -2.7, 8: -2.7},
    faults=(
        Fault("lost disk", 1, 2.0, 31.8, (4,), 12),
        Fault("another account", 1, 2.9, 14.3, (6,), 115),
        Fault("lost disk", 1, 3.4, 9.6, (3,), 38),
        Fault("lost blobs", 1, 16.7, 45.7, (5,), 8),
        Fault("lost disk", 2, 2.0, 53.1, (2,), 47),
        Fault("lost disk", 2, 11.4, 106.5, (4,), 220),
        Fault("another peer key", 2, 31.5, 17.9, (1,), 10),
        Fault("crash", 2, 41.8, 2.4, (3,), 278),
        Fault("another account", 3, 0.1, 65.1, (7,), 235),
        Fault("full disk", 3, 0.6, 3.6, (4,), 149),
        Fault("stop", 3, 2.0, 14.7, (3,), 154),
        Fault("crash", 3, 4.0, 89.2, (1,), 79),
        Fault("lost disk", 3, 6.7, 124.5, (1,), 14),
        Fault("revocation", 3, 11.9, 0, (3,), 1),
        Fault("full disk", 5, 19.5, 1.6, (6,), 233),
    ),
)

SEED_195 = Story(
    seed=195,
    merge="nna",
    neighbours=2,
    withstands=1,
    confirmations=3,
    hostile={1: "oversize"},
    ahead={1: 0.3, 2: 1.4, 3: 2.9, 4: 1.1, 5: 1.5, 6: 0.7, 7: -0.0, 8: -1.5},
    faults=(
        Fault("one-way partition", 0, 3.1, 35.1, (1, 2, 4, 5, 6, 7), 263),
        Fault("revocation", 1, 41.8, 0, (7,), 1),
        Fault("chain stops", 1, 54.8, 25.7, (), 244),
        Fault("stop", 2, 0.5, 50.2, (4,), 273),
    ),
)


def test_gossip_seed_2() -> None:
    """Merging a lost model again asked for the model before, lost as well: the node went in circles."""
    assert broken(play(SEED_2)) == ()


def test_gossip_seed_114() -> None:
    """A node whose model nobody can make again asked to be waited for whenever it was benched."""
    evidence = play(SEED_114)
    bit = evidence.run.bit(4)
    assert [r.number for r in evidence.run.rounds if r.expected & bit] == [0, 1, 2]
    assert broken(evidence) == ()


def test_gossip_seed_195() -> None:
    """One that is benched and withholds made neighbours with too few without it wait in every round."""
    assert broken(play(SEED_195)) == ()
