"""Dealing one data set to simulated clinics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.partition import held_out, skewed

LABELS = np.array([0] * 159 + [1] * 268)


@given(st.integers(2, 32), st.integers(0, 2**63 - 1))
@settings(max_examples=60, deadline=None)
def test_a_split_gives_every_patient_to_one_clinic(count, seed):
    """Disjoint, complete, both classes everywhere, at least eight patients each."""
    clinics = skewed(LABELS, count, seed, sizes=8, mix=1.3, least=3)
    assert sorted(np.concatenate(clinics).tolist()) == list(range(len(LABELS)))
    assert len(clinics) == count
    for clinic in clinics:
        assert len(clinic) >= 8
        assert np.bincount(LABELS[clinic], minlength=2).min() >= 3


@given(st.integers(2, 32), st.integers(0, 2**63 - 1))
@settings(max_examples=20, deadline=None)
def test_clinics_differ(count, seed):
    """In size, the first being the largest, and in the share of malignant cases."""
    clinics = skewed(LABELS, count, seed, sizes=8, mix=1.3, least=3)
    shares = [np.mean(LABELS[clinic] == 0) for clinic in clinics]
    assert len(clinics[0]) > 2 * len(clinics[-1])
    assert max(shares) - min(shares) > 0.2


def test_a_split_is_seeded():
    """The same seed deals the same patients, another one others."""
    deal = [[c.tolist() for c in skewed(LABELS, 5, s, sizes=8, mix=1.3, least=3)] for s in (1, 1, 2)]
    assert deal[0] == deal[1]
    assert deal[0] != deal[2]


def test_too_many_clinics_are_refused():
    """Rather than a clinic without a class."""
    with pytest.raises(ValueError, match="too few for 100 clinics"):
        skewed(LABELS, 100, 0, sizes=8, mix=1, least=3)


@given(st.integers(0, 2**63 - 1))
@settings(max_examples=20, deadline=None)
def test_held_out_keeps_the_case_mix(seed):
    """A quarter of each class, and nobody on both sides."""
    kept, held = held_out(LABELS, 0.25, seed)
    assert sorted([*kept.tolist(), *held.tolist()]) == list(range(len(LABELS)))
    assert np.bincount(LABELS[held]).tolist() == [40, 67]
