"""Which digit was written: 1,797 handwritten digits of 8 x 8 pixels, embedded in scikit-learn.

Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, 1998. A small convolutional network
with batch normalization, so that tensors of four dimensions, running statistics and an integer
counter travel and merge too. In a simulated swarm each clinic mostly sees some digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from node import seeds
from node.partition import held_out, skewed
from node.task import Data, Site

EPOCHS = 2
BATCH = 32

HELD_OUT = 0.25
BRIGHTEST = 16.0


def build() -> nn.Module:
    """One 8 x 8 picture in, ten scores out; 4 thousand parameters."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 4 * 4, 10),
    )


def load(site: Site) -> Data:
    """This clinic's pictures."""
    inputs, targets = _pictures()
    kept, _ = _cut(site.seed)
    deal = seeds.derive(site.seed, "digits", "clinics")
    clinics = skewed(targets[kept].numpy(), site.count, deal, sizes=4, mix=2.0, least=1)
    mine = kept[clinics[site.index]]
    return Data(inputs[mine], targets[mine])


def holdout(seed: int) -> Data:
    """The pictures that no clinic trains on."""
    inputs, targets = _pictures()
    _, held = _cut(seed)
    return Data(inputs[held], targets[held])


def loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy."""
    return nn.functional.cross_entropy(outputs, targets)


def optimizer(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """SGD; its momentum starts at zero in every round, since no node trained the merged model."""
    return torch.optim.SGD(parameters, lr=0.05, momentum=0.9)


def metrics(outputs: Tensor, targets: Tensor) -> dict[str, float]:
    """Balanced accuracy: the share recognized of each digit, averaged over the digits there are."""
    right = (outputs.argmax(1) == targets).double()
    recalls = [right[targets == digit].mean() for digit in set(targets.tolist())]
    return {"balanced_accuracy": torch.stack(recalls).mean().item(), "accuracy": right.mean().item()}


def read(row: Mapping[str, str]) -> Tensor:
    """One picture from a CSV row: the columns pixel_0_0 to pixel_7_7, from 0 to 16."""
    names = [f"pixel_{y}_{x}" for y in range(8) for x in range(8)]
    return scaled(np.array([float(row[name]) for name in names]))[0]


def scaled(pixels: np.ndarray) -> Tensor:
    """Pixels from 0 to 16 as pictures of one channel from 0 to 1."""
    return torch.from_numpy(pixels / BRIGHTEST).float().reshape(-1, 1, 8, 8)


@cache
def _pictures() -> tuple[Tensor, Tensor]:
    # Imported here because scikit-learn takes a second, which `predict` need not pay.
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return scaled(bunch.data), torch.from_numpy(bunch.target).long()


def _cut(seed: int) -> tuple[np.ndarray, np.ndarray]:
    return held_out(_pictures()[1].numpy(), HELD_OUT, seeds.derive(seed, "digits", "held out"))
