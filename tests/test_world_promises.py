"""The world catches it: for each promise the check that keeps it is taken out, and the promise breaks.

Each story is told twice, as it is and with the check gone, so that a catch is the check's doing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from node import exchanging, working
from node import round as story_of_a_round
from node.conduct import Conduct
from node.contracts import rounds as contract_rounds
from node.contracts.rounds import MemoryRun
from node.database import DiskDatabase
from node.errors import LedgerRefusal
from node.ledger import Phase
from node.round import OpenPromise, Promise, Send
from sim.world import world
from sim.world.promises import broken
from sim.world.story import Fault, Story
from sim.world.world import play

pytestmark = pytest.mark.timeout(120)

Patch = pytest.MonkeyPatch


def one_answer_is_a_quorum(patch: Patch) -> None:
    """The contract finalizes what anybody attests."""
    honest = contract_rounds.opened
    patch.setattr(contract_rounds, "opened", lambda *seats: replace(honest(*seats), quorum=1))


def merges_one_too_few(patch: Patch) -> None:
    """All nodes leave the last input out of their merges."""
    honest = working.merge_round

    def merge_round(*args):
        return honest(*args[:-1], args[-1][:-1])

    patch.setattr(working, "merge_round", merge_round)


def takes_calls_in_any_phase(patch: Patch) -> None:
    """The contract doesn't look at the phase, and somebody commits once updates are exchanged."""

    def check_now(self, round_, phase):
        if round_ != self.round:
            raise LedgerRefusal("WrongRound", round_, self.round)

    def late(run, mine, now):
        round_ = run.round
        update = mine.of(round_).update if round_ and round_.phase is Phase.HOLD else None
        if round_ and update and not round_.committed & run.bit(mine.member):
            return Promise(round_, update)
        action = story_of_a_round.decide(run, mine, now)
        early = isinstance(action, Promise | OpenPromise)
        return story_of_a_round.Wait(now + 5) if early else action

    patch.setattr(MemoryRun, "check_now", check_now)
    patch.setattr(world, "conduct_of", lambda text, stage: Conduct(decide=late))


def nobody_advances(patch: Patch) -> None:
    """Deadlines pass and nobody calls `advance`."""
    patch.setattr(story_of_a_round, "turn_to_advance", lambda run, mine: run.deadline + 1e6)


def forgets_its_promises(patch: Patch) -> None:
    """The database keeps no promise over a restart."""
    patch.setattr(DiskDatabase, "own_update", lambda self, run, round_, base: None)
    patch.setattr(DiskDatabase, "promise", lambda self, run, round_, base, update: update)


def forgets_lost_disks(patch: Patch) -> None:
    """A new database promises at once, though the one before may have."""
    patch.setattr(DiskDatabase, "promises_from", lambda self, run, round_: 0)


def keeps_the_updates_of_the_revoked(patch: Patch) -> None:
    """Eviction takes the seat and leaves the update."""

    def remove(self, bit):
        self._waited &= ~bit
        self.tallies.roster &= ~bit
        self.tallies.expected &= ~bit

    patch.setattr(MemoryRun, "_remove", remove)


def trips_over_garbage(patch: Patch) -> None:
    """A bad update raises what nobody expects."""

    def verify(*args):
        raise ValueError("no such tensor")

    patch.setattr(exchanging, "verify", verify)


def holds_everything_but_one(patch: Patch) -> None:
    """Nobody ever says that it holds member 3's update."""
    honest = story_of_a_round._hold

    def hold(run, round_, mine, now):
        action = honest(run, round_, mine, now)
        if not isinstance(action, Send):
            return action
        return Send(replace(action.call, bits=action.call.bits & ~run.bit(3)))

    patch.setattr(story_of_a_round, "_hold", hold)


@dataclass(frozen=True)
class Mutation:
    """A check that is taken out, the promise that it kept, and a story in which it matters."""

    promise: str
    take_out: Callable[[Patch], None]
    story: Story


def crashes(*steps: int, of: int = 7) -> tuple[Fault, ...]:
    """All nodes but the first crash in round 1, after so many steps, and come back in a second."""
    return tuple(
        Fault("crash", 1, 0.0, 1.0, (member,), amount)
        for member, amount in zip(range(2, of + 1), steps, strict=False)
    )


MUTATIONS = (
    Mutation(
        "agreement",
        one_answer_is_a_quorum,
        Story(1, rounds=20, hostile={6: "false-attest", 7: "false-attest"}),  # once a liar is first
    ),
    Mutation("validity", merges_one_too_few, Story(2, rounds=6)),
    Mutation("blindness", takes_calls_in_any_phase, Story(3, rounds=6, hostile={7: "hurry"})),
    Mutation("liveness", nobody_advances, Story(4, rounds=6, hostile={7: "absent"})),
    Mutation(
        "one promise a round",
        forgets_its_promises,
        Story(5, rounds=6, faults=crashes(20, 25, 30, 35, 40, 45)),
    ),
    Mutation(
        "one promise a round",
        forgets_lost_disks,
        Story(
            6,
            rounds=6,
            faults=(
                Fault("chain stops", 1, 0.2, 30.0),
                *(Fault("lost disk", 1, 2.0, 1.0, (member,)) for member in range(2, 8)),
            ),
        ),
    ),
    Mutation(
        "revocation",
        keeps_the_updates_of_the_revoked,
        Story(
            7,
            rounds=6,
            hostile={7: "absent"},
            faults=(Fault("revocation", 1, 60.0, 0.0, (2,), 1),),
        ),
    ),
    Mutation("nobody is ended", trips_over_garbage, Story(8, rounds=6, hostile={7: "nan"})),
    Mutation("return", holds_everything_but_one, Story(9, rounds=6)),
)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.take_out.__name__)
def test_a_broken_promise_is_caught(mutation: Mutation, monkeypatch: Patch) -> None:
    """With the check every promise holds in the story; without it, the promise that it kept breaks."""
    assert broken(play(mutation.story)) == ()

    mutation.take_out(monkeypatch)

    assert mutation.promise in {found.promise for found in broken(play(mutation.story))}
