"""What the world found: each story broke a promise until what it showed was mended.

Stories stand here as they were drawn, so that they stay the same when `sim.world.story` draws others.
"""

from __future__ import annotations

import pytest

from sim.world.promises import broken
from sim.world.story import Fault, Story
from sim.world.world import play

pytestmark = pytest.mark.timeout(120)

SEED_71 = Story(
    seed=71,
    merge="nnm+trimmed-mean",
    confirmations=3,
    hostile={3: "ipm-optimized"},
    faults=(
        Fault("revocation", 1, 59.1, 0, (6,), 0),
        Fault("reorganization", 3, 2.2, 38.4, (), 3),
        Fault("reorganization", 4, 3.7, 51.4, (), 3),
        Fault("reorganization", 5, 2.0, 12.3, (), 3),
        Fault("reorganization", 5, 3.7, 11.5, (), 2),
    ),
)

SEED_7 = Story(
    seed=7,
    merge="median",
    hostile={3: "malformed-header"},
    faults=(
        Fault("lost blobs", 0, 1.8, 72.2, (1,), 251),
        Fault("full disk", 0, 10.0, 7.8, (4,), 254),
        Fault("crash", 0, 14.9, 61.8, (4,), 51),
        Fault("crash", 1, 3.4, 21.5, (5,), 241),
        Fault("another account", 1, 33.3, 7.5, (2,), 264),
        Fault("revocation", 1, 33.7, 0, (1,), 1),
        Fault("full disk", 2, 48.4, 19.0, (2,), 248),
        Fault("lost disk", 3, 3.0, 29.6, (5,), 129),
        Fault("crash", 3, 3.2, 30.6, (1,), 161),
        Fault("another account", 3, 3.8, 33.7, (1,), 124),
        Fault("another peer key", 3, 16.0, 13.9, (2,), 70),
        Fault("another peer key", 4, 3.7, 87.7, (6,), 233),
        Fault("full disk", 4, 9.2, 247.5, (7,), 224),
        Fault("lost disk", 4, 10.5, 46.5, (2,), 145),
        Fault("stop", 4, 55.4, 30.9, (5,), 250),
        Fault("lost disk", 5, 0.2, 119.5, (1,), 113),
    ),
)

SEED_190 = Story(
    seed=190,
    merge="geometric-median",
    confirmations=1,
    hostile={5: "withhold"},
    ahead={1: -0.5, 2: -1.1, 3: 1.1, 4: 1.9, 5: -2.5, 6: -2.3, 7: 2.8, 8: 2.2},
    faults=(
        Fault("chain stops", 0, 2.2, 56.3, (), 194),
        Fault("another account", 0, 2.3, 36.3, (5,), 229),
        Fault("reorganization", 0, 12.9, 18.7, (), 1),
        Fault("crash", 0, 35.7, 104.6, (3,), 18),
        Fault("chain stops", 0, 57.8, 31.3, (), 179),
        Fault("chain stops", 1, 6.5, 21.3, (), 204),
        Fault("reorganization", 3, 28.4, 2.2, (), 1),
        Fault("reorganization", 3, 43.2, 98.7, (), 1),
        Fault("crash", 4, 1.9, 43.2, (3,), 215),
        Fault("reorganization", 4, 2.5, 6.9, (), 1),
        Fault("reorganization", 4, 4.3, 10.6, (), 1),
    ),
)

SEED_195 = Story(
    seed=195,
    merge="geometric-median",
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


SEED_817 = Story(
    seed=817,
    merge="trimmed-mean",
    phase_seconds=40,
    hostile={1: "wrong-mark"},
    ahead={1: -2.1, 2: -1.1, 3: -0.3, 4: 0.7, 5: 1.9, 6: 2.7, 7: -2.0, 8: 2.2},
    faults=(
        Fault("lost blobs", 0, 3.0, 35.5, (2,), 161),
        Fault("another account", 1, 0.1, 55.0, (6,), 88),
        Fault("crash", 1, 1.2, 37.0, (5,), 197),
        Fault("crash of several", 1, 19.0, 5.9, (6,), 252),
        Fault("crash of several", 2, 5.7, 1.7, (7,), 117),
        Fault("revocation", 3, 71.9, 0, (7,), 1),
        Fault("stop", 4, 1.1, 37.5, (5,), 283),
        Fault("lost disk", 4, 49.7, 1.7, (6,), 127),
        Fault("another account", 5, 2.5, 6.2, (4,), 52),
        Fault("stop", 5, 6.6, 69.7, (6,), 209),
    ),
)


def test_seed_71() -> None:
    """A chain takes transactions back and forgets them: accounts stood still for 300 s, nodes ended."""
    assert broken(play(SEED_71)) == ()


def test_seed_7() -> None:
    """Garbage made the updates enough while honest nodes were away: rounds were burnt in seconds."""
    assert broken(play(SEED_7)) == ()


@pytest.mark.parametrize("story", [SEED_190, SEED_195], ids=["190", "195"])
def test_seeds_190_and_195(story: Story) -> None:
    """A benched seat's missing update held up a round: whoever waited for it didn't decide anew."""
    assert broken(play(story)) == ()


def test_seed_817() -> None:
    """A liar's bad update was no absence in rounds that failed for want of it: it was never benched."""
    assert broken(play(SEED_817)) == ()
