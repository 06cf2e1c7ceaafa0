"""Who hears whom: mutual, equally many, drawn from the seed alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.gossip.neighbours import drawn

SEED = bytes(range(32))
VECTOR = {
    1: (2, 4, 6, 7),
    2: (1, 3, 4, 5),
    3: (2, 5, 6, 7),
    4: (1, 2, 5, 7),
    5: (2, 3, 4, 6),
    6: (1, 3, 5, 7),
    7: (1, 3, 4, 6),
}

seeds = st.binary(min_size=32, max_size=32)
members = st.sets(st.integers(1, 1 << 32), min_size=1, max_size=30)
evens = st.integers(1, 8).map(lambda half: 2 * half)


def test_the_vector_of_the_page():
    """docs/protocol.md, Neighbours."""
    assert drawn(SEED, range(1, 8), 4) == VECTOR


@given(seeds, members, evens)
def test_neighbours_are_mutual_and_equally_many(seed, members, k):
    """Everybody has k of them, or all others where there are no more; nobody is its own."""
    near = drawn(seed, members, k)
    assert near.keys() == members
    for member, others in near.items():
        assert len(others) == min(k, len(members) - 1)
        assert list(others) == sorted(set(others) - {member})
        assert all(member in near[other] for other in others)


@given(seeds, members, evens)
def test_everybody_is_reached(seed, members, k):
    """Hop by hop: no seed splits the members into groups that don't hear each other."""
    near = drawn(seed, members, k)
    reached, ahead = set(), [min(members)]
    while ahead:
        member = ahead.pop()
        if member not in reached:
            reached.add(member)
            ahead += near[member]
    assert reached == members


def test_the_order_in_which_members_are_named_does_not_count():
    """Seats are given in a race."""
    assert drawn(SEED, (5, 1, 4, 2, 3), 2) == drawn(SEED, (1, 2, 3, 4, 5), 2)


def test_another_seed_draws_others():
    """Over many seeds a member hears everybody."""
    heard = {other for n in range(40) for other in drawn(bytes([n]) * 32, range(1, 10), 2)[1]}
    assert heard == set(range(2, 10))


@pytest.mark.parametrize(("count", "near"), [(1, ()), (2, (2,)), (3, (2, 3)), (4, (2, 3, 4))])
def test_a_few_members_all_hear_each_other(count, near):
    """With k = 4 up to five members."""
    assert drawn(SEED, range(1, count + 1), 4)[1] == near
