"""A passport proves a run's history without a network, and the rest of the audit works on it."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from authority.audit.history import history_of
from authority.audit.passport import telling
from authority.audit.passport.checking import verify_passport
from authority.audit.passport.frames import Kind
from tests.passports import export, parts, passport, played, swarm

__all__ = ["passport", "swarm"]
pytestmark = pytest.mark.timeout(60)


def test_a_passport_proves_what_the_chain_said(swarm, passport):
    """Events, gas, times and merges are the chain's; nothing speaks against it."""
    found = verify_passport(passport)
    assert [one.event for one in found.record.logged] == [one.event for one in swarm.logged]
    blocks = [2 * one.block - 1 for one in swarm.logged]
    assert [one.block for one in found.record.logged] == blocks
    # Now and then a stranger speaks first in a block.
    first = [block % 9 == 0 for block in blocks]
    assert any(first)
    assert [one.index for one in found.record.logged] == [
        one.index + later for one, later in zip(swarm.logged, first, strict=True)
    ]
    assert found.record.chronicle == swarm.chronicle
    assert set(found.record.gas.values()) == {60_000 + one.block for one in found.record.logged}
    times = {2 * block.number - 1: block.time for block in swarm.chain._blocks}
    assert {block: times[block] for block in found.record.times} == found.record.times
    assert [(one.round, one.good) for one in found.replayed] == [(0, True), (1, True)]
    assert telling.problems(found, ()) == []


def test_the_rest_of_the_audit_works_on_it(swarm, passport):
    """The history of a passport is that of the chain, but for block numbers and gas."""
    found = verify_passport(passport)
    rows = history_of(found.record, found.run)
    there = history_of(swarm.record, swarm.run)
    assert [(row.outcome, row.model, row.inputs) for row in rows] == [
        (row.outcome, row.model, row.inputs) for row in there
    ]
    assert all(row.gas > 60_000 for row in rows)


@pytest.mark.parametrize("given", [{"merge": "mean", "hostile": 0}, {"neighbours": 2, "merge": "nna"}])
def test_every_kind_of_run_has_a_passport(tmp_path, given):
    """Canonical and gossip runs, with blobs: a clean export never raises an alarm."""
    swarm = played(tmp_path, nodes=5, rounds=2, **given)
    export(swarm, tmp_path / "out", blobs=True)
    found = verify_passport(tmp_path / "out")
    assert telling.problems(found, ()) == []
    assert len(found.replayed) == (10 if "neighbours" in given else 2)


def test_equal_chains_give_equal_bytes(swarm, passport, tmp_path):
    """Whoever exports the same run up to the same block writes the same file."""
    export(swarm, tmp_path / "again", blobs=True)
    assert (tmp_path / "again").read_bytes() == passport.read_bytes()


def test_the_head_is_the_one_block_to_compare(swarm, passport, tmp_path):
    """Headers name their parents: the last hash stands for all."""
    made = export(swarm, tmp_path / "again")
    found = verify_passport(passport)
    assert found.anchors == made.anchors
    assert [one.number for one in found.anchors] == [made.facts.head]


def test_blobs_from_folders_are_as_good(swarm, tmp_path):
    """A passport without blobs is replayed from folders given beside it."""
    export(swarm, tmp_path / "out")
    assert verify_passport(tmp_path / "out").replayed is None
    found = verify_passport(tmp_path / "out", [swarm[2].blobs])
    assert [one.good for one in found.replayed] == [True, True]


def test_without_state_proofs_the_code_is_said_to_be_unproven(swarm, tmp_path):
    """Not every endpoint gives them: the passport says so, and is good."""
    made = export(swarm, tmp_path / "out", proofs=False)
    found = verify_passport(tmp_path / "out")
    assert (made.proven, found.codes, telling.problems(found, ())) == (False, {}, [])
    assert any("contracts' code" in what for what in telling.unproven(found))


def test_a_missing_blob_is_told_and_found(swarm, tmp_path):
    """At export in words, at verification by the replay."""
    gone = swarm.run.rounds[0].revealed[3].digest
    made = export(swarm, tmp_path / "out", blobs=True, without=gone)
    assert made.missing == (f"member 3's update of round 0 ({gone.short})",)
    found = verify_passport(tmp_path / "out")
    assert telling.problems(found, ()) == ["1 of 2 merges have findings"]


# Sparse passports.


def test_a_sparse_passport_leaves_silent_blocks_out(swarm, passport, tmp_path):
    """The record is the same; more blocks have to be compared, and completeness isn't claimed."""
    made = export(swarm, tmp_path / "out", sparse=True)
    whole, found = verify_passport(passport), verify_passport(tmp_path / "out")
    assert found.record == whole.record
    assert found.blocks < whole.blocks == made.facts.head
    assert len(found.anchors) > 1
    assert any("left out" in what for what in telling.unproven(found))


def test_hash_of_the_code_is_what_is_printed(passport):
    """So that anybody can look it up."""
    found = verify_passport(passport)
    code = next(content for kind, _, content in parts(passport) if kind is Kind.CODE)
    assert found.codes["NodeRegistry"] == keccak(code).hex()
