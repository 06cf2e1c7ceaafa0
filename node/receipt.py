"""The receipt: what one merge took, did and left out, as canonical JSON whose digest is attested.

All in it follows from the chain, the manifest and the bytes of the inputs, so every honest node writes
the same receipt, and an auditor who redoes the merge can name the first field that differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from node import canonical
from node.digest import Digest, digest
from node.merge import Facts, Merged, Rule
from node.verify import VerifiedUpdate

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Input:
    """One input: the weight as claimed, whether the rule used it, its score if the rule gives any."""

    member: int
    digest: Digest
    weight: int
    used: bool
    score: float | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """One merge. inputs: by member number. left_out: members who revealed and are no input.

    network_id and seed have 32 bytes. f: hostile inputs that the merge was to withstand. member: whose
    merge it is, in gossip runs; left_out are then its neighbours only. None in others, and then the
    JSON doesn't have it.
    """

    network_id: bytes
    run: int
    round: int
    base: Digest
    rule: str
    f: int
    seed: bytes
    inputs: tuple[Input, ...]
    left_out: tuple[int, ...]
    output: Digest
    member: int | None = None

    @property
    def digest(self) -> Digest:
        """What a node attests."""
        return digest(self.to_bytes())

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        whose: dict[str, canonical.Value] = {} if self.member is None else {"member": self.member}
        return canonical.dump(
            {
                **whose,
                "base": self.base.hex,
                "f": self.f,
                "format": FORMAT,
                "inputs": [_input_fields(item) for item in self.inputs],
                "left_out": list(self.left_out),
                "network_id": self.network_id.hex(),
                "output": self.output.hex,
                "round": self.round,
                "rule": self.rule,
                "run": self.run,
                "seed": self.seed.hex(),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Receipt:
        """Read what `to_bytes` wrote. Raises ValueError for anything else."""
        try:
            fields = canonical.load(data)
            read = _read(fields)
            same = fields["format"] == FORMAT and read.to_bytes() == data
        except (TypeError, LookupError, AttributeError, OverflowError) as error:
            raise ValueError(f"not a receipt: {error!r:.120}") from None
        if not same:
            raise ValueError(f"not a receipt of format {FORMAT}")
        return read


def receipt_of(
    network_id: bytes,
    run: int,
    round: int,
    rule: Rule,
    updates: Sequence[VerifiedUpdate],
    facts: Facts,
    merged: Merged,
    left_out: Sequence[int] = (),
    member: int | None = None,
) -> Receipt:
    """The receipt of a merge, from what went into it and what came out."""
    outcome, by_member = merged.outcome, {update.member: update for update in updates}
    scores = outcome.scores or (None,) * len(outcome.members)
    inputs = tuple(
        Input(m, by_member[m].digest, facts.weights[m], m in outcome.used, score)
        for m, score in zip(outcome.members, scores, strict=True)
    )
    return Receipt(
        network_id=network_id,
        run=run,
        round=round,
        base=facts.base,
        rule=str(rule),
        f=facts.hostile,
        seed=facts.seed,
        inputs=inputs,
        left_out=tuple(sorted(left_out)),
        output=merged.digest,
        member=member,
    )


def compare(ours: Receipt, theirs: Receipt) -> list[str]:
    """Paths of the fields that differ, such as `inputs[2].score`, in the order of the JSON."""
    mine, other = canonical.load(ours.to_bytes()), canonical.load(theirs.to_bytes())
    return list(_differences("", mine, other))


def _differences(path: str, mine: Any, other: Any) -> Iterator[str]:
    if isinstance(mine, dict) and isinstance(other, dict):
        for key in sorted(mine.keys() | other.keys()):
            yield from _differences(f"{path}.{key}".lstrip("."), mine.get(key), other.get(key))
    elif isinstance(mine, list) and isinstance(other, list) and len(mine) == len(other):
        for index, pair in enumerate(zip(mine, other, strict=True)):
            yield from _differences(f"{path}[{index}]", *pair)
    elif mine != other:
        yield path


def _input_fields(item: Input) -> dict[str, canonical.Value]:
    return {
        "digest": item.digest.hex,
        "member": item.member,
        "score": None if item.score is None else item.score.hex(),
        "used": item.used,
        "weight": item.weight,
    }


def _read(fields: dict[str, Any]) -> Receipt:
    return Receipt(
        network_id=_bytes32(fields["network_id"]),
        run=_count(fields["run"]),
        round=_count(fields["round"]),
        base=Digest.from_hex(fields["base"]),
        rule=_text(fields["rule"]),
        f=_count(fields["f"]),
        seed=_bytes32(fields["seed"]),
        inputs=tuple(_read_input(item) for item in fields["inputs"]),
        left_out=tuple(_count(member) for member in fields["left_out"]),
        output=Digest.from_hex(fields["output"]),
        member=_count(fields["member"]) if "member" in fields else None,
    )


def _read_input(fields: dict[str, Any]) -> Input:
    score = fields["score"]
    if type(fields["used"]) is not bool:
        raise ValueError("used is not a boolean")
    return Input(
        member=_count(fields["member"]),
        digest=Digest.from_hex(fields["digest"]),
        weight=_count(fields["weight"]),
        used=fields["used"],
        score=None if score is None else float.fromhex(score),
    )


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r:.80} is not a number of 0 or more")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.80} is not text")
    return value


def _bytes32(text: str) -> bytes:
    return Digest.from_hex(text).raw
