"""The attacks on what is learned (`sim.attacks`), by a real node.

What the attacker knows is what commit and reveal leaves it: its own training, and of the others the
updates revealed in the round before, as it fetched and kept them. What conspirators draw they draw
alike, and each sends its own row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from node.blobs import Blobs
from node.conduct import Conduct
from node.database import OwnUpdate
from node.digest import Digest
from node.errors import Damaged
from node.header import parse
from node.ledger import is_gossip
from node.manifest import Manifest
from node.merge.anchored import no_losses
from node.merge.rule import Context, Own
from node.merge.table import Table
from node.merging import rule_in
from node.seams import Seams
from node.state import Round, Run
from node.weights import Array, arrays, keep
from sim.adversary.planted import Planting
from sim.adversary.poisoned import Poisoned
from sim.adversary.stage import Sight, Stage
from sim.attacks.attack import Attack, Scene
from sim.learning.rows import Form, Rows, form_of


def crafted(attack: Attack, stage: Stage) -> Conduct:
    """Trains on poisoned data where the attack poisons, promises what it crafts where it crafts."""
    sight = Sight()
    hand = _Hand(attack, stage, sight)

    def seams(honest: Seams) -> Seams:
        trainer = honest.trainer
        if attack.poison is not None:
            trainer = Poisoned(trainer, attack.poison, stage, one=attack.text.startswith("sybil"))
        database = honest.database
        if attack.craft is not None:
            database = Planting(database, hand)
        return replace(honest, trainer=trainer, database=database)

    return sight.conduct(seams=seams)


@dataclass(slots=True)
class _Hand:
    """Makes one node's updates. trained: what its training gave in the last rounds, by round."""

    attack: Attack
    stage: Stage
    sight: Sight
    trained: dict[int, Array] = field(default_factory=dict)

    def __call__(self, number: int, base: Digest, update: OwnUpdate) -> OwnUpdate:
        """See planted.Plant."""
        blobs, center = self.sight.seams.blobs, arrays(self.sight.seams.blobs.view(base))
        form = form_of(center)
        view = blobs.view(update.digest)
        own = form.pack(arrays(view))
        row = self._row(number, form, form.pack(center).floats, own.floats)
        with np.errstate(all="ignore"):
            floats = (form.pack(center).floats + row).astype(form.dtype)
            tensors = form.model(Rows(floats, own.whole), 0)
        return replace(update, digest=keep(blobs, tensors, parse(view).mark))

    def _row(self, number: int, form: Form, center: Array, own: Array) -> Array:
        """This node's update, (1, d)."""
        scene = self._scene(number, form, center, own - center)
        assert self.attack.craft is not None
        return np.asarray(self.attack.craft(scene)[self.stage.place][None, :])

    def _scene(self, number: int, form: Form, center: Array, own: Array) -> Scene:
        crew, run = len(self.stage.together), self.sight.run
        before = [r for r in run.rounds if r.number < number]
        seen = self._seen(before, form)
        known = own if seen is None else seen
        present = next((r for r in run.rounds if r.number == number), None)
        inputs = max(present.roster.bit_count() if present else 0, crew)
        return Scene(
            round=number,
            own=np.repeat(own, crew, axis=0),
            seen=known,
            last=self._last(before, form, center),
            earlier=tuple(np.repeat(row, crew, axis=0) for row in self._earlier(number, own)),
            n=inputs,
            f=crew,
            victim=None,
            merge=partial(_merged, run, center[0], known, inputs),
            rng=np.random.default_rng(self.stage.lots("attack", number)),
        )

    def _seen(self, before: list[Round], form: Form) -> Array | None:
        """Updates of the last round that any were revealed in, (h, d), in the order of members."""
        blobs = self.sight.seams.blobs
        for round_ in reversed(before):
            base = _model(blobs, round_.base, form)
            others = [m for m in sorted(round_.revealed) if m not in self.stage.together]
            found = [_model(blobs, round_.revealed[m].digest, form) for m in others]
            rows = [row - base for row in found if row is not None and base is not None]
            if rows:
                return np.concatenate(rows)
        return None

    def _last(self, before: list[Round], form: Form, center: Array) -> Array:
        """The last merge's step, zeros at first."""
        past = _model(self.sight.seams.blobs, before[-1].base, form) if before else None
        return np.zeros_like(center[0]) if past is None else center[0] - past[0]

    def _earlier(self, number: int, own: Array) -> list[Array]:
        """What its training gave in earlier rounds, newest first; remembers this round's."""
        known = [self.trained[n] for n in sorted(self.trained, reverse=True) if n < number]
        self.trained = {n: row for n, row in self.trained.items() if n >= number - self.attack.memory}
        self.trained[number] = own
        return known[: self.attack.memory]


def _model(blobs: Blobs, digest: Digest, form: Form) -> Array | None:
    """A model or update as a row (1, d); None unless it is here, of this form and finite."""
    try:
        tensors: Mapping[str, Array] = arrays(blobs.view(digest))
        if form_of(tensors) != form:
            return None
        row = form.pack(tensors).floats
    except (KeyError, ValueError, Damaged):
        return None
    return row if np.isfinite(row).all() else None


def _merged(run: Run, center: Array, seen: Array, inputs: int, hostile: Array) -> Array:
    """What the run's rule makes of these, (b, d) -> (d,); the mean where it can't run on so few."""
    manifest = Manifest.from_bytes(run.manifest)
    rule, told = rule_in(manifest), manifest.hostile
    rows = np.concatenate([seen[: max(inputs - len(hostile), 1)], hostile]) + center
    rows = rows[np.isfinite(rows).all(axis=1)].astype(center.dtype)
    f = (inputs - 1) // 3 if told is None else told
    if not len(rows) or rule.tolerates(len(rows)) < f:
        return np.asarray(seen.mean(axis=0))
    own = _first(len(rows)) if is_gossip(run.number) else None
    merged, _ = Table(rows, center).merge(rule, Context((1,) * len(rows), f, bytes(32), own=own))
    return np.asarray(merged - center)


def _first(count: int) -> Own:
    """How the first of those seen would merge in a gossip run, if it heard all the others."""
    return Own(position=0, mixing=(1 / count,) * count, progress=0.0, losses=no_losses)
