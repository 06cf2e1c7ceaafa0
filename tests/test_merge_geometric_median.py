"""The geometric median: certified against its definition, hostile inputs, numbers that cancel."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.merge import geometric_median
from tests.merge_tables import attacked, close_and_large, honest, merge, normal, squared, whole

pytestmark = pytest.mark.usefixtures("compiled")


def lengths(rows, z):
    """Distances of rows to a point, in extended precision."""
    return np.sqrt(((np.asarray(rows, np.longdouble) - z) ** 2).sum(axis=1))


def point(rows, plan):
    """The plan's point in extended precision: no rounding to the inputs' dtype."""
    return (np.array(plan.scores, np.longdouble)[:, None] * np.asarray(rows, np.longdouble)).sum(axis=0)


def reference(rows, z, floor, steps=3000):
    """Smoothed Weiszfeld on the vectors themselves, in extended precision, from z on."""
    for _ in range(steps):
        inverse = 1 / np.maximum(lengths(rows, z), floor)
        z = (inverse[:, None] * rows).sum(axis=0) / inverse.sum()
    return z


def typical(rows):
    """The lower median of the lower medians of distances to others."""
    table = squared(rows)
    near = np.sort(np.where(np.eye(len(rows)) > 0, np.inf, table), axis=0)[(len(rows) - 2) // 2]
    return math.sqrt(np.sort(near)[(len(rows) - 1) // 2])


@pytest.mark.parametrize("n", [3, 4, 7, 20])
def test_it_is_where_weiszfeld_ends_within_a_millionth(n):
    """Much better in fact: as far as steps on n numbers go, steps on d numbers go no farther."""
    rows = normal(n, n, 30).astype(np.longdouble)
    t = typical(rows.astype(float))
    z = point(rows, merge("geometric-median", rows.astype(float))[1])
    assert lengths([reference(rows, z, 1e-6 * t)], z)[0] <= 1e-9 * t


@settings(max_examples=40)
@given(whole(2, 9))
def test_the_sum_of_distances_is_the_least_within_a_millionth(rows):
    """No input has a smaller one, nor has where Weiszfeld's steps lead from elsewhere; many ties."""
    z = point(rows, merge("geometric-median", rows)[1])
    elsewhere = reference(rows.astype(np.longdouble), rows.mean(axis=0) + 0.1, 1e-9, steps=300)
    least = min(lengths(rows, other).sum() for other in [*rows, elsewhere])
    smoothing = 1e-6 * typical(rows) * len(rows)
    rounding = np.spacing(np.float32(np.abs(rows).max())) * len(rows)
    assert lengths(rows, z).sum() <= least * (1 + 1e-6) + smoothing + rounding


def test_an_input_that_is_the_median_is_the_result():
    """In the middle of a cross the median is the input there, within the smoothing."""
    rows = np.vstack([np.zeros(4), np.eye(4), -np.eye(4)]) + 7.0
    merged, plan = merge("geometric-median", rows)
    np.testing.assert_allclose(merged, 7.0, atol=1e-5)
    assert plan.scores[0] > 0.9999


def test_three_on_a_line_have_the_middle_one():
    """One column: the geometric median is the median."""
    assert merge("geometric-median", [[0.0], [1.0], [10.0]])[0][0] == pytest.approx(1.0, abs=1e-5)


@given(st.integers(1, 9), st.floats(-(2.0**100), 2.0**100, width=32))
def test_equal_inputs_merge_to_themselves(n, value):
    """No distance at all: equal weights."""
    rows = np.full((n, 3), value, np.float32)
    merged, plan = merge("geometric-median", rows)
    np.testing.assert_array_equal(merged, rows[0])
    assert plan.scores == (1 / n,) * n


def test_two_inputs_have_the_point_in_the_middle():
    """Of two no point between is better than another; weights stay equal."""
    merged, plan = merge("geometric-median", [[0.0, 2.0], [4.0, 8.0]])
    assert plan.scores == (0.5, 0.5)
    np.testing.assert_array_equal(merged, [2.0, 5.0])


def test_more_than_half_equal_are_the_median():
    """Exactly, wherever the others are, and only they are used."""
    rows = np.array([[1.0], [5.0], [5.0], [5.0], [-1e30]])
    merged, plan = merge("geometric-median", rows)
    assert merged[0] == 5.0
    assert plan.used == (1, 2, 3)


def test_large_and_close_inputs_have_the_median_of_their_differences():
    """Norm 100 and spread 1e-3: moved to the origin first, the same to 1e-10 of the spread."""
    rows = close_and_large(1, 9)
    z = point(rows, merge("geometric-median", rows)[1])
    moved = rows.astype(np.float64) - rows[0].astype(np.float64)
    other = point(moved, merge("geometric-median", moved)[1]) + rows[0].astype(np.longdouble)
    assert lengths([z], other)[0] < 1e-10 * typical(rows)


@pytest.mark.parametrize("far", [1e3, 1e6, 1e9, 1e15, 1e30])
def test_a_far_minority_does_not_spoil_the_digits(far):
    """The weights are right to 1e-6 of t; beyond 1e8 t the far ones count 0."""
    rows = normal(1, 9, 6)
    rows[[0, 3, 5]] += far * normal(2, 3, 6)
    plan = merge("geometric-median", rows)[1]
    kept = rows[list(plan.used)]
    t = typical(rows)
    z = point(rows, plan)
    assert (far < 1e8) == (len(kept) == 9)
    assert set(plan.used) >= {1, 2, 4, 6, 7, 8}
    assert lengths([reference(kept.astype(np.longdouble), z, 1e-6 * t)], z)[0] < 1e-6 * t


def test_far_inputs_would_be_noise_if_they_counted(monkeypatch):
    """Why there is a limit: at 1e30 the weights of the rest have no digit."""
    rows = normal(1, 9, 6)
    rows[[0, 3, 5]] *= 1e30
    right = merge("geometric-median", rows)[0]
    monkeypatch.setattr(geometric_median, "FAR", math.inf)
    assert lengths([merge("geometric-median", rows)[0]], right)[0] > 0.01


@given(attacked(1, lambda n: (n - 1) // 2))
def test_hostile_inputs_move_it_by_a_bounded_multiple_of_the_honest_radius(case):
    """2(n-f)/(n-2f) times the honest radius around any honest point: Lopuhaä and Rousseeuw's bound."""
    rows, f, bad = case
    merged, _ = merge("geometric-median", rows, f)
    centre = honest(rows, bad).mean(axis=0)
    radius = lengths(honest(rows, bad), centre).max()
    n = len(rows)
    limit = 2 * (n - f) / (n - 2 * f) * radius
    assert lengths([merged], centre)[0] <= limit * (1 + 1e-5) + 1e-12


def test_it_does_not_depend_on_the_order_of_inputs():
    """But for rounding in float64: weights are permuted with the inputs."""
    rows, order = normal(1, 13, 50), np.random.Generator(np.random.PCG64(2)).permutation(13)
    merged, plan = merge("geometric-median", rows)
    permuted, other = merge("geometric-median", rows[order])
    np.testing.assert_allclose(np.array(other.scores), np.array(plan.scores)[order], rtol=1e-9)
    np.testing.assert_allclose(permuted, merged, rtol=1e-9, atol=1e-12)


def test_the_iteration_ends_where_the_median_is_not_one_point():
    """Two equal clusters: the step limit ends it, with a sum of distances within 1e-6 of the least."""
    rows = 1e-3 * normal(1, 20, 50)
    rows[10:] += 1.0
    z = point(rows, merge("geometric-median", rows)[1])
    least = lengths(rows, reference(rows.astype(np.longdouble), z, 1e-12)).sum()
    assert lengths(rows, z).sum() <= least * (1 + 1e-6)


def test_subnormal_distances_are_distances():
    """float32's smallest numbers: the middle of three, not a tie of all."""
    rows = np.array([[0.0], [2e-45], [9e-44]], np.float32)
    assert merge("geometric-median", rows)[0][0] == rows[1, 0]
