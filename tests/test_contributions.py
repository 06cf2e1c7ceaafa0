"""What each member's updates were worth: exact where it can be, sampled from a seed where not."""

import math
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authority.audit.contributions import contributions_of
from authority.audit.shapley import along, exact, leave_one_out, orders
from node.errors import BadAnswer
from node.ledger import Enter
from tests.swarm import played, quick_disk

__all__ = ["quick_disk"]

GLOVES = {1: "left", 2: "right", 3: "right"}


def pairs(coalition):
    """The glove game: a pair is worth 1."""
    sides = [GLOVES[player] for player in coalition]
    return float(min(sides.count("left"), sides.count("right")))


def test_the_glove_game():
    """Shapley and Shubik's example: the one left glove gets 2/3, each right one 1/6."""
    found = exact((1, 2, 3), pairs)
    assert [round(found[player] * 6, 9) for player in (1, 2, 3)] == [4, 1, 1]
    assert leave_one_out((1, 2, 3), pairs) == {1: 1.0, 2: 0.0, 3: 0.0}


@given(st.lists(st.integers(-100, 100), min_size=15, max_size=15))
def test_exact_is_the_average_over_all_orders(worths):
    """And adds up to the value of all: any game of four, coalitions numbered by their bits."""
    players = (0, 1, 2, 3)

    def value(coalition):
        return float(([0, *worths])[sum(1 << player for player in coalition)])

    found = exact(players, value)
    every = [along(order, value) for order in permutations(players)]
    for player in players:
        mean = sum(added[player] for added in every) / len(every)
        assert math.isclose(found[player], mean, abs_tol=1e-9)
    assert math.isclose(sum(found.values()), value(frozenset(players)), abs_tol=1e-9)


def test_orders_follow_from_the_seed():
    """The same seed, the same orders; another, others."""
    first, again, other = (list(orders(range(9), seed, 20)) for seed in (1, 1, 2))
    assert first == again != other
    assert all(sorted(order) == list(range(9)) for order in first)


@pytest.fixture
def swarm(tmp_path, quick_disk):
    """Two rounds of four, merged by their mean."""
    return played(tmp_path, merge="mean", hostile=0)


def total(model):
    """A score that is linear in the model."""
    return float(sum(array.sum() for array in model.values() if array.dtype.kind == "f"))


def test_values_add_up_to_the_gain(swarm):
    """Exactly, over all rounds: the efficiency of Shapley values."""
    found = contributions_of(swarm.run, [swarm[1].blobs], total)
    assert found.permutations is None
    assert [one.member for one in found.members] == [1, 2, 3, 4]
    assert {one.rounds for one in found.members} == {2}
    assert math.isclose(sum(one.shapley.mean for one in found.members), found.gain, abs_tol=1e-9)
    assert found.gain != 0


def test_who_was_never_an_input_has_no_value(tmp_path, quick_disk):
    """It isn't listed."""

    def away(swarm):
        swarm[4].line.crash_after = Enter

    swarm = played(tmp_path, away, rounds=1, merge="mean", hostile=0)
    found = contributions_of(swarm.run, [swarm[1].blobs], total)
    assert [one.member for one in found.members] == [1, 2, 3]


def test_above_eight_permutations_are_sampled(tmp_path, quick_disk):
    """Deterministic from the seed; the interval holds the exact value of an additive game's share."""
    swarm = played(tmp_path, nodes=9, merge="mean", hostile=0)
    given = (swarm.run, [swarm[1].blobs], total)
    found, again = (contributions_of(*given, seed=3, permutations=6) for _ in range(2))
    assert found == again
    assert found.permutations == 6
    assert math.isclose(sum(one.shapley.mean for one in found.members), found.gain, abs_tol=1e-9)
    assert all(one.shapley.low < one.shapley.mean < one.shapley.high for one in found.members)


def test_a_missing_update_is_named(swarm):
    """Contributions of half a round would be worth nothing."""
    digest = swarm.run.rounds[1].revealed[2].digest
    swarm[1].blob(digest).unlink()
    with pytest.raises(BadAnswer, match=rf"round 1 .*{digest.short}"):
        contributions_of(swarm.run, [swarm[1].blobs], total)


def test_gossip_runs_have_none(tmp_path, quick_disk):
    """Each member has a model of its own."""
    swarm = played(tmp_path, nodes=6, rounds=1, merge="nna", hostile=1, neighbours=2)
    with pytest.raises(BadAnswer, match="a model of its own"):
        contributions_of(swarm.run, [swarm[1].blobs], total)
