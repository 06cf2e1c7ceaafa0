"""What an attack is given and what it gives back.

All vectors are updates: a node's trained model less the model that the round started from, as one
row of floats. Where nodes have models of their own (gossip), it is their model less the mean of the
honest models at the round's start, so that one formula serves both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from node.weights import Array

if TYPE_CHECKING:  # naming attacks takes no torch, which is slow to import
    from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What the attackers know when they make their updates.

    own: what their own honest training gave, (b, d), on poisoned data if the attack poisons. seen:
    the honest updates that they know, (h, d). Without commit and reveal these are this round's. With
    it, nobody has seen those: last round's, as revealed, or in the first round their own. last: the
    last merge's step, (d,), zeros at first. earlier: what their training gave in earlier rounds,
    newest first, each (b, d). n: inputs of the merge, f: hostile ones among them. victim: what the
    node that they answer is itself about to merge, (d,), where answers may differ from node to node;
    else None. merge: what the rule makes of the seen updates and these of the attackers,
    (b, d) -> (d,). rng: the attackers' lots.
    """

    round: int
    own: Array
    seen: Array
    last: Array
    earlier: tuple[Array, ...]
    n: int
    f: int
    victim: Array | None
    merge: Callable[[Array], Array]
    rng: np.random.Generator


class Craft(Protocol):
    """Makes the attackers' updates."""

    def __call__(self, scene: Scene) -> Array:
        """Updates (b, d), float32, b being the rows of scene.own. NaN and infinity are allowed."""
        ...


class Poison(Protocol):
    """Changes an attacker's training data."""

    def __call__(
        self, inputs: Tensor, targets: Tensor, classes: int, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """New inputs and targets; those given stay. classes: 0 when targets aren't classes."""
        ...


class Trigger(Protocol):
    """What a backdoor's attackers do to an input to get their way later."""

    def __call__(self, inputs: Tensor) -> Tensor:
        """The inputs with the trigger, those given stay as they are."""
        ...


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack with its parameters; `text` is how it is written.

    craft: None: what they trained is sent as it is. poison: None: on their data as it is. trigger and
    target: a backdoor's, to measure its success. per_victim: `craft` is called for each node attacked,
    where answers may differ (gossip without commit and reveal), with `scene.victim`. memory: earlier
    rounds that `craft` looks back on, the most that `scene.earlier` has.
    """

    text: str
    craft: Craft | None = None
    poison: Poison | None = None
    trigger: Trigger | None = None
    target: int = 0
    per_victim: bool = False
    memory: int = 0
