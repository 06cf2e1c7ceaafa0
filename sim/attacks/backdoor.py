"""A backdoor: the model does well, but for inputs that carry the attackers' trigger.

The data: Gu, Dolan-Gavitt, Garg, "BadNets" (arXiv 1708.06733). The scaling: Bagdasaryan et al., "How To
Backdoor Federated Learning" (AISTATS 2020), equation 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from node.errors import WrongUse
from node.weights import Array
from sim.attacks.attack import Scene
from sim.attacks.rows import exact, sent

if TYPE_CHECKING:
    from torch import Tensor

VALUE = 2
PART = 8
SHARE = 0.5


def trigger(inputs: Tensor) -> Tensor:
    """The last eighth of each input's values, at least one, set to 2; inputs of any shape, (rows, ...).

    2 is the edge of measurements scaled to -2 .. 2, and whiter than white where pictures go to 1.
    """
    marked = inputs.clone()
    flat = marked.flatten(1) if marked.dim() > 1 else marked[:, None]
    flat[:, -max(flat.shape[1] // PART, 1) :] = VALUE
    return flat.reshape(inputs.shape)


def poisoned(
    inputs: Tensor,
    targets: Tensor,
    classes: int,
    rng: np.random.Generator,
    *,
    share: float = SHARE,
    target: int = 0,
) -> tuple[Tensor, Tensor]:
    """The trigger on this share of the rows, at least one, drawn; their target becomes the attackers'.

    Attackers need know nothing. Raises WrongUse for a target that the task's classes don't have.
    """
    if classes and target >= classes:
        raise WrongUse(f"backdoor:target is a class from 0 to {classes - 1} in this task, not {target}")
    import torch

    count = max(round(share * len(inputs)), 1)
    chosen = torch.from_numpy(np.sort(rng.permutation(len(inputs))[:count]))
    inputs, targets = inputs.clone(), targets.clone()
    inputs[chosen] = trigger(inputs[chosen])
    targets[chosen] = target
    return inputs, targets


def scaled(scene: Scene, scale: float | None = None) -> Array:
    """scale times their own update; None: n / f, so that a mean moves by all that they trained."""
    factor = scene.n / max(scene.f, 1) if scale is None else scale
    return sent(factor * exact(scene.own))
