"""Clipped gossip: no neighbour pulls the own input further than a radius, times its mixing weight."""

from __future__ import annotations

import math
from collections.abc import Sequence

from node.merge.anchored import nearest_first, pulled
from node.merge.rule import Own, Plan


def clipped(own: Own, distances: Sequence[float], radius: float) -> Plan:
    """The plan x + sum_j w_j clip(x_j - x, radius); scores are the distances to x."""
    pulls = {
        i: own.mixing[i] * (radius / distance if distance > radius else 1.0)
        for i, distance in enumerate(distances)
        if i != own.position
    }
    return pulled(own, pulls, distances)


def heaviest(own: Own, hostile: int) -> float:
    """The mixing weight that so many hostile neighbours have at most."""
    neighbours = sorted(own.mixing[: own.position] + own.mixing[own.position + 1 :], reverse=True)
    return math.fsum(neighbours[:hostile])


def within(own: Own, distances: Sequence[float], weight: float) -> list[int]:
    """The neighbours nearest first, without the furthest, who have at least this weight together."""
    near, left_out = nearest_first(own, distances), 0.0
    while near and left_out < weight * (1 - 1e-9):  # sums of equal weights round
        left_out += own.mixing[near.pop()]
    return near
