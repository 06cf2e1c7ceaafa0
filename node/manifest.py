"""The manifest: what a run is, as canonical JSON. Its digest and its bytes are on the chain.

It repeats the terms that the contract enforces, so that a node can refuse a run whose contract was
given others, and adds what only nodes can enforce.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from eth_utils.crypto import keccak

from node import canonical
from node.digest import Digest
from node.errors import Unfit
from node.ledger import Terms

FORMAT = 1

_OPTIONAL = ("neighbours", "reason")


@dataclass(frozen=True, slots=True)
class Manifest:
    """One run's rules.

    task, task_digest: name and digest of the task's source, which every node has its own copy of.
    merge: the rule as text, `name` or `name:key=value`; see node.merge.
    hostile: hostile updates that the merge must withstand; None: the f of each round.
    max_abs: no value of an update may be larger. max_weight: cap on the weight of an update.
    max_blob_bytes: no blob of the run is larger.
    confirmations: blocks on top before a node acts on a block; 0 on chains that are final at once.
    self_test: digest of the merge rules' self-test, which each node's machine must reproduce.
    seed: seeds the initial model and, with run, round and member, local training.
    neighbours: in gossip runs, how many each node hears in a round. reason: why the run goes on from
    its parent's model. Both are None in all others, and then the JSON doesn't have them.
    """

    name: str
    chain_id: int
    task: str
    task_digest: Digest
    terms: Terms
    merge: str
    hostile: int | None
    max_abs: int
    max_weight: int
    max_blob_bytes: int
    confirmations: int
    self_test: Digest
    seed: int
    neighbours: int | None = None
    reason: str | None = None

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        fields = _plain(dataclasses.asdict(self))
        fields = {name: v for name, v in fields.items() if v is not None or name not in _OPTIONAL}
        return canonical.dump({"format": FORMAT, **fields})

    @property
    def digest(self) -> bytes:
        """Keccak-256 of the canonical JSON, as the opening event carries it."""
        return keccak(self.to_bytes())

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Read canonical JSON. Raises Unfit naming what is wrong."""
        try:
            fields = canonical.load(data)
            if not isinstance(fields, dict) or fields.pop("format", None) != FORMAT:
                raise ValueError(f"not a manifest of format {FORMAT}")
            given = {**dict.fromkeys(_OPTIONAL), **fields, "terms": _terms(fields.get("terms"))}
            manifest = cls(**_typed(cls, given))
            if manifest.to_bytes() != data:
                raise ValueError("a digest or the format is written in another way")
        except (ValueError, TypeError, KeyError) as error:
            raise Unfit(f"the run's manifest can't be read: {error}") from None
        return manifest


@lru_cache(maxsize=16)
def neighbours_in(manifest: bytes) -> int:
    """How many neighbours the manifest of a gossip run gives each node. Raises Unfit."""
    return Manifest.from_bytes(manifest).neighbours or 0


def _terms(fields: Any) -> Terms:
    if not isinstance(fields, dict):
        raise ValueError("terms are missing")
    return Terms(**_typed(Terms, fields))


def _typed(kind: type, fields: dict[str, Any]) -> dict[str, Any]:
    """Check names and types of a dataclass's fields, turning hex text into digests."""
    wanted = {field.name: str(field.type) for field in dataclasses.fields(kind)}
    if fields.keys() != wanted.keys():
        raise ValueError(f"fields differ: {sorted(fields.keys() ^ wanted.keys())}")
    return {name: _one(name, wanted[name], value) for name, value in fields.items()}


def _one(name: str, wanted: str, value: Any) -> Any:
    if wanted == "Digest" and isinstance(value, str):
        return Digest.from_hex(value)
    fits = {
        "int": type(value) is int and value >= 0,
        "int | None": value is None or (type(value) is int and value >= 0),
        "str": isinstance(value, str),
        "str | None": value is None or isinstance(value, str),
        "Terms": isinstance(value, Terms),
    }
    if not fits.get(wanted, False):
        raise ValueError(f"{name} is {value!r:.80}, not {wanted}")
    return value


def _plain(value: Any) -> Any:
    """Digests as hex, nested dataclasses as dicts (asdict turned a Digest into {'raw': bytes})."""
    if isinstance(value, dict):
        if value.keys() == {"raw"}:
            return value["raw"].hex()
        return {key: _plain(item) for key, item in value.items()}
    return value
