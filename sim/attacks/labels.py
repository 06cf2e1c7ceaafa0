"""Attackers who train as they should, on wrong labels: alone, or one operator under many names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from node.weights import Array
from sim.attacks.attack import Scene
from sim.attacks.rows import exact, sent, size

if TYPE_CHECKING:
    from torch import Tensor


def flipped(
    inputs: Tensor, targets: Tensor, classes: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """y -> C - 1 - y; numbers are mirrored within their own range, column by column.

    Attackers need know nothing. Fang et al., "Local Model Poisoning Attacks to Byzantine-Robust
    Federated Learning" (USENIX Security 2020), among the attacks compared in section 4.
    """
    if classes:
        return inputs, classes - 1 - targets
    return inputs, targets.amin(0) + targets.amax(0) - targets


def sybil(scene: Scene, sigma: float = 0.001) -> Array:
    """One update under many names: the first attacker's, and noise N(0, s^2) so that no two are equal.

    s = sigma times its root mean square. The data are `flipped`. The operator trains once and knows
    nothing of others. Fung, Yoon, Beschastnikh, "Mitigating Sybils in Federated Learning Poisoning"
    (arXiv 1808.04866).
    """
    noise = scene.rng.standard_normal(scene.own.shape)
    return sent(exact(scene.own[0]) + sigma * size(scene.own[0]) * noise)
