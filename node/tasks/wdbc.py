"""Benign or malignant, from 30 measurements of cell nuclei: 569 breast biopsies.

Wolberg, Street and Mangasarian, Breast Cancer Wisconsin (Diagnostic), 1995; embedded in scikit-learn.
The patients are dealt to the clinics of a simulated swarm so that clinics differ in size and in case
mix; a quarter is held out, the same for everybody.
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

EPOCHS = 4
BATCH = 16

MALIGNANT, BENIGN = 0, 1
HELD_OUT = 0.25

# Lowest and highest value of each measurement as published with the data set, so that scaling needs
# nothing from any clinic's patients. Mean, standard error and "worst" (mean of the three largest).
RANGES = {
    "mean radius": (6.981, 28.11),
    "mean texture": (9.71, 39.28),
    "mean perimeter": (43.79, 188.5),
    "mean area": (143.5, 2501.0),
    "mean smoothness": (0.053, 0.163),
    "mean compactness": (0.019, 0.345),
    "mean concavity": (0.0, 0.427),
    "mean concave points": (0.0, 0.201),
    "mean symmetry": (0.106, 0.304),
    "mean fractal dimension": (0.05, 0.097),
    "radius error": (0.112, 2.873),
    "texture error": (0.36, 4.885),
    "perimeter error": (0.757, 21.98),
    "area error": (6.802, 542.2),
    "smoothness error": (0.002, 0.031),
    "compactness error": (0.002, 0.135),
    "concavity error": (0.0, 0.396),
    "concave points error": (0.0, 0.053),
    "symmetry error": (0.008, 0.079),
    "fractal dimension error": (0.001, 0.03),
    "worst radius": (7.93, 36.04),
    "worst texture": (12.02, 49.54),
    "worst perimeter": (50.41, 251.2),
    "worst area": (185.2, 4254.0),
    "worst smoothness": (0.071, 0.223),
    "worst compactness": (0.027, 1.058),
    "worst concavity": (0.0, 1.252),
    "worst concave points": (0.0, 0.291),
    "worst symmetry": (0.156, 0.664),
    "worst fractal dimension": (0.055, 0.208),
}


def build() -> nn.Module:
    """30 measurements in, two scores out; 4 thousand parameters."""
    return nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2))


def load(site: Site) -> Data:
    """This clinic's patients."""
    inputs, targets = _patients()
    kept, _ = _cut(site.seed)
    deal = seeds.derive(site.seed, "wdbc", "clinics")
    clinics = skewed(targets[kept].numpy(), site.count, deal, sizes=8, mix=1.3, least=3)
    mine = kept[clinics[site.index]]
    return Data(inputs[mine], targets[mine])


def holdout(seed: int) -> Data:
    """The patients that no clinic trains on."""
    inputs, targets = _patients()
    _, held = _cut(seed)
    return Data(inputs[held], targets[held])


def loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy."""
    return nn.functional.cross_entropy(outputs, targets)


def optimizer(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """SGD; its momentum starts at zero in every round, since no node trained the merged model."""
    return torch.optim.SGD(parameters, lr=0.05, momentum=0.9)


def metrics(outputs: Tensor, targets: Tensor) -> dict[str, float]:
    """Sensitivity: malignant ones found. Specificity: benign ones left alone. Balanced: their mean."""
    right = outputs.argmax(1) == targets
    sensitivity = right[targets == MALIGNANT].double().mean().item()
    specificity = right[targets == BENIGN].double().mean().item()
    return {
        "balanced_accuracy": (sensitivity + specificity) / 2,
        "sensitivity": sensitivity,
        "specificity": specificity,
    }


def read(row: Mapping[str, str]) -> Tensor:
    """One patient from a CSV row with the columns of RANGES, in any order, others ignored."""
    return scaled(np.array([float(row[name]) for name in RANGES]))


def label(output: Tensor) -> str:
    """The likelier diagnosis."""
    return "malignant" if output.argmax() == MALIGNANT else "benign"


def scaled(measured: np.ndarray) -> Tensor:
    """Measurements to about -2 .. 2; the root evens out their long upper tails."""
    low, high = np.array(list(RANGES.values())).T
    share = np.clip((measured - low) / (high - low), 0.0, None)
    return torch.from_numpy(4 * np.sqrt(share) - 2).float()


@cache
def _patients() -> tuple[Tensor, Tensor]:
    # Imported here because scikit-learn takes a second, which `predict` need not pay.
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    return scaled(bunch.data), torch.from_numpy(bunch.target).long()


def _cut(seed: int) -> tuple[np.ndarray, np.ndarray]:
    return held_out(_patients()[1].numpy(), HELD_OUT, seeds.derive(seed, "wdbc", "held out"))
