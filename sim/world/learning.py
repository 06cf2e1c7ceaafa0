"""What a world learns: next to nothing, fast. Updates differ, honest ones lie close together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from random import Random

import numpy as np

from node.digest import digest
from node.entropy import SystemEntropy
from node.ledger import Terms
from node.manifest import Manifest
from node.merging import rule_in
from node.seams import Rules
from node.state import most_hostile
from node.train import Trained
from node.weights import Array, encode, layout_of
from sim.world.story import Story

INITIAL: dict[str, Array] = {"w": np.zeros((4, 2), np.float32), "seen": np.array(0, np.int64)}
BASE = digest(encode(INITIAL))


class WorldTrainer:
    """A `Trainer` that goes half the way to what all clinics agree on, and a little astray."""

    def __init__(self, samples: int) -> None:
        self._samples = samples

    def initial(self, seed: int) -> dict[str, Array]:
        """See Trainer."""
        return dict(INITIAL)

    def fit(self, base: Mapping[str, Array], seed: int) -> Trained:
        """See Trainer."""
        astray = np.random.default_rng(seed).standard_normal((4, 2)).astype(np.float32)
        w = base["w"] + np.float32(0.5) * (np.float32(1) - base["w"]) + np.float32(0.1) * astray
        seen = np.asarray(base["seen"] + np.int64(self._samples))
        return Trained({"w": w, "seen": seen}, self._samples, 0.5)

    def evaluate(self, tensors: Mapping[str, Array], data: object = None) -> dict[str, float]:
        """See Trainer. How far from what all agree on, the other way round."""
        return {"closeness": -float(np.abs(tensors["w"] - 1).mean())}


class WorldEntropy(SystemEntropy):
    """Salts as in a real node. Nonces that never come back, yet the same in a world's repetition."""

    def __init__(self, member: int, lots: Random) -> None:
        super().__init__(hashlib.sha256(f"secret of {member}".encode()).digest())
        self._lots = lots

    def nonce(self, run: int, round_: int, member: int) -> bytes:
        """See Entropy."""
        return self._lots.randbytes(32)


def rules(story: Story) -> Rules:
    """What the world's run asks of everybody."""
    phase_seconds = story.phase_seconds
    terms = Terms(
        rounds=story.rounds,
        seats=story.nodes,
        min_inputs=2 * most_hostile(story.nodes) + 1,
        join_delay=1,
        enter_seconds=phase_seconds,
        commit_seconds=phase_seconds,
        reveal_seconds=phase_seconds,
        hold_seconds=phase_seconds,
        attest_seconds=phase_seconds,
        privacy_budget=0,
        base=BASE,
    )
    manifest = Manifest(
        name="world",
        chain_id=31337,
        task="world",
        task_digest=digest(b"sim/world/learning.py"),
        terms=terms,
        merge=story.merge,
        hostile=story.withstands,
        max_abs=1000,
        max_weight=64,
        max_blob_bytes=1 << 20,
        confirmations=story.confirmations,
        self_test=digest(b"checked by real nodes"),
        seed=7,
        neighbours=story.neighbours,
    )
    return Rules(story.run, manifest, rule_in(manifest), layout_of(INITIAL))
