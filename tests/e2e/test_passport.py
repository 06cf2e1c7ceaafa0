"""The passport of a real run: exported from its folder, verified alone, tampered with, and compared."""

from __future__ import annotations

import pytest

from sim.devnet import reopened
from tests.e2e.conftest import Waggle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_run_has_a_passport_that_needs_nobody(waggle: Waggle) -> None:
    """Without its folder every merge is redone; with one byte flipped, the place is named."""
    result = waggle.json("up", "--nodes", 4, "--rounds", 2, "--dir", "run")
    waggle("audit", "export", "run", "--with-blobs", "--out", "run.passport")
    with reopened(waggle.folder / "run" / "chain") as chain:
        compared = waggle.json("audit", "verify", "run.passport", "--rpc", chain.rpc)
    (waggle.folder / "run").rename(waggle.folder / "gone")

    alone = waggle.json("audit", "verify", "run.passport")

    assert (compared["good"], len(compared["compared"])) == (True, 1)
    assert (alone["good"], alone["model"]) == (True, result["model"])
    assert [one["good"] for one in alone["merges"]] == [True, True]
    assert sorted(alone["codes"]) == ["GossipLedger", "NodeRegistry", "RoundLedger"]
    _check_flip(waggle)


def _check_flip(waggle: Waggle) -> None:
    data = bytearray((waggle.folder / "run.passport").read_bytes())
    data[len(data) // 2] ^= 1
    (waggle.folder / "flipped").write_bytes(data)
    said = waggle("audit", "verify", "flipped", code=1)
    assert said.startswith("waggle: entry ")
    assert "is damaged: it doesn't have its checksum" in said
