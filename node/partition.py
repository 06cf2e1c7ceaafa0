"""Split one data set among simulated clinics, seeded. Only tasks that stand in for a swarm need it.

Real clinics differ in how many patients they see and in which; a split that is even would show a
swarm that nobody needs. Not a model of any real group of clinics.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]


def held_out(labels: NDArray[Any], share: float, seed: int) -> tuple[Indices, Indices]:
    """Positions to train on and positions held out: `share` of every class, at least one."""
    generator = np.random.default_rng(seed)
    groups = [generator.permutation(np.flatnonzero(labels == c)) for c in np.unique(labels)]
    cuts = [max(round(len(group) * share), 1) for group in groups]
    kept = np.concatenate([group[cut:] for group, cut in zip(groups, cuts, strict=True)])
    held = np.concatenate([group[:cut] for group, cut in zip(groups, cuts, strict=True)])
    return np.sort(kept), np.sort(held)


def skewed(
    labels: NDArray[Any], count: int, seed: int, *, sizes: float, mix: float, least: int
) -> list[Indices]:
    """Positions of every clinic: disjoint, together all of them, sorted.

    sizes: how many times larger the largest clinic is than the smallest, about. mix: how much
    clinics prefer some classes: 0 not at all, 1 clearly, 3 hardly anything else. least: patients
    of every class that each clinic has in any case. Raises ValueError when there are too few.
    """
    generator = np.random.default_rng(seed)
    classes, class_sizes = np.unique(labels, return_counts=True)
    if class_sizes.min() < least * count:
        raise ValueError(f"{class_sizes.min()} patients of one class are too few for {count} clinics")
    spare = class_sizes - least * count
    wanted = _wanted(generator, spare.astype(np.float64), count, sizes, mix)
    shares = np.stack([_whole(column, n) for column, n in zip(wanted.T, spare, strict=True)]) + least
    pieces = [
        np.split(generator.permutation(np.flatnonzero(labels == c)), np.cumsum(row)[:-1])
        for c, row in zip(classes, shares, strict=True)
    ]
    return [np.sort(np.concatenate(clinic)) for clinic in zip(*pieces, strict=True)]


def _wanted(
    generator: np.random.Generator, spare: Floats, count: int, sizes: float, mix: float
) -> Floats:
    """Patients by clinic and class, not yet whole: sizes fall geometrically, each clinic leans its way.

    Rows and columns are scaled in turn until both sums are right (iterative proportional fitting).
    """
    rows = np.geomspace(sizes, 1.0, count)
    rows *= spare.sum() / rows.sum()
    table = np.exp(mix * _leanings(generator, count, len(spare)))
    for _ in range(100):
        table *= (rows / table.sum(axis=1))[:, None]
        table *= (spare / table.sum(axis=0))[None, :]
    return table


def _leanings(generator: np.random.Generator, count: int, classes: int) -> Floats:
    """From -1 to 1 by clinic and class. Clinics and classes lie on a line, each in a seeded order.

    The nearer the more: so with two classes no draw makes all clinics alike.
    """
    clinics = generator.permutation(np.linspace(0.0, 1.0, count))
    kinds = generator.permutation(np.linspace(0.0, 1.0, classes))
    leanings: Floats = 1.0 - 2.0 * np.abs(clinics[:, None] - kinds[None, :])
    return leanings


def _whole(wanted: Floats, total: int) -> Indices:
    """Whole numbers near `wanted` that add up to `total`: the largest remainders are rounded up."""
    floor = np.floor(wanted).astype(np.int64)
    order = np.argsort(floor - wanted, kind="stable")
    floor[order[: total - floor.sum()]] += 1
    return floor
