"""Manifests: what was written reads back, all else is refused as Unfit."""

import dataclasses
import json

import pytest
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from node.digest import Digest
from node.errors import Unfit
from node.ledger import Terms
from node.manifest import Manifest, neighbours_in

TERMS = Terms(5, 16, 3, 1, 60, 60, 30, 60, 30, 0, base=Digest(b"\x11" * 32))
MANIFEST = Manifest(
    name="wdbc",
    chain_id=31337,
    task="wdbc",
    task_digest=Digest(b"\x22" * 32),
    terms=TERMS,
    merge="trimmed-mean",
    hostile=None,
    max_abs=1000,
    max_weight=4096,
    max_blob_bytes=1 << 20,
    confirmations=0,
    self_test=Digest(b"\x33" * 32),
    seed=7,
)
FIELDS = json.loads(MANIFEST.to_bytes())

counts = st.integers(0, 1 << 70)
digests = st.binary(min_size=32, max_size=32).map(Digest)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
manifests = st.builds(
    Manifest,
    **dict.fromkeys(("chain_id", "max_abs", "max_weight", "max_blob_bytes", "seed"), counts),
    **dict.fromkeys(("name", "task", "merge"), names),
    confirmations=counts,
    hostile=st.none() | counts,
    neighbours=st.none() | counts,
    task_digest=digests,
    self_test=digests,
    terms=st.builds(
        Terms,
        **{
            field.name: digests if field.name == "base" else counts
            for field in dataclasses.fields(Terms)
        },
    ),
)


def written(**changes):
    """The manifest's canonical bytes with fields changed; None removes one."""
    fields = {**FIELDS, **changes}
    kept = {key: value for key, value in fields.items() if value != "remove"}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@given(manifests)
def test_manifests_go_there_and_back(manifest):
    """Reading what was written gives the manifest, and its digest is that of the bytes."""
    data = manifest.to_bytes()
    assert Manifest.from_bytes(data) == manifest
    assert manifest.digest == keccak(data)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"format": True},
        {"format": "remove"},
        {"seed": "remove"},
        {"extra": 1},
        {"max_abs": -1},
        {"max_abs": True},
        {"max_abs": "1000"},
        {"name": 5},
        {"terms": None},
        {"terms": {**FIELDS["terms"], "extra": 1}},
        {"terms": {**FIELDS["terms"], "rounds": None}},
        {"task_digest": "0x" + "22" * 32},
        {"self_test": "3A" * 32},
        {"self_test": "33"},
        {"hostile": False},
    ],
    ids=str,
)
def test_a_field_that_does_not_fit_is_refused(changes):
    """Missing, unknown, wrongly typed and otherwise spelled fields raise Unfit."""
    with pytest.raises(Unfit, match="manifest can't be read"):
        Manifest.from_bytes(written(**changes))


@given(st.binary(max_size=80))
def test_garbage_is_unfit(data):
    """Bytes that are no manifest raise Unfit and nothing else."""
    with pytest.raises(Unfit):
        Manifest.from_bytes(data)


@given(st.integers(0, len(MANIFEST.to_bytes()) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_seen(at, change):
    """No two texts of a manifest: a changed byte is refused or reads as another manifest."""
    data = bytearray(MANIFEST.to_bytes())
    data[at] ^= change
    try:
        other = Manifest.from_bytes(bytes(data))
    except Unfit:
        return
    assert other != MANIFEST
    assert other.to_bytes() == data


def test_a_gossip_run_says_how_many_neighbours():
    """In the JSON of no other run, so that those keep their bytes."""
    gossip = dataclasses.replace(MANIFEST, neighbours=4, hostile=1)
    assert json.loads(gossip.to_bytes())["neighbours"] == 4
    assert Manifest.from_bytes(gossip.to_bytes()) == gossip
    assert "neighbours" not in FIELDS
    assert (neighbours_in(gossip.to_bytes()), neighbours_in(MANIFEST.to_bytes())) == (4, 0)
    for other in (None, "4", -2, True):
        with pytest.raises(Unfit, match="manifest can't be read"):
            Manifest.from_bytes(written(neighbours=other))
