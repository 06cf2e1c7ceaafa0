"""Withdrawal of consent on real processes: a new run goes on from the last model without a clinic."""

from __future__ import annotations

from pathlib import Path

import pytest

from authority.audit.influence import influence_of
from authority.audit.replay import replay
from node.config import Home
from node.ledger import Close
from node.manifest import Manifest
from sim import processes
from sim.devnet import Devnet
from sim.nodes import node_process
from tests.e2e.conftest import Waggle, eventually
from tests.e2e.test_nodes import Start, chain, exit_codes, finalized, record_of, server, start, swarm

__all__ = ["chain", "server", "start"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_run_goes_on_from_the_last_model_without_a_clinic(
    tmp_path: Path, chain: Devnet, start: Start, waggle: Waggle
) -> None:
    """Its parent is on the chain, the others train on, nothing of the clinic's is in what comes."""
    homes = swarm(tmp_path, chain, rounds=12, seats=3)
    first = [start(home) for home in homes[:3]]
    eventually(lambda: finalized(homes[0]) >= 2, 90)
    late = start(homes[3])
    assert exit_codes([*first, late]) == [0, 0, 0, 0]
    before = influence_of(record_of(homes[0], chain).chronicle, 4)
    assert before.reached

    authority = ("--home", tmp_path / "run" / "authority")
    waggle("authority", "revoke", *authority, 4, "--reason", "consent")
    said = waggle(
        "authority", "rollback", *authority, 4, "--run", 1, "--reason", "withdrawn", "--rounds", 2
    )
    assert f"of run 1, round {before.clean[0].round}" in said

    with processes.children() as again:
        for home in homes[:3]:
            launched = processes.launch(
                node_process, home.folder, 2, log=home.log, name=home.folder.name
            )
            again.append(launched)
        assert exit_codes(again) == [0, 0, 0]
    _check(homes, chain)


def _check(homes: list[Home], chain: Devnet) -> None:
    record = record_of(homes[0], chain)
    child = record.run(2)
    after = influence_of(record.chronicle, 4)
    assert (child.closed, child.terms.parent_run) == (Close.ROUNDS_DONE, 1)
    assert child.terms.parent_round == after.clean[0].round
    assert Manifest.from_bytes(child.manifest).reason == "withdrawn"
    assert {one.run for one in after.reached} == {1}
    assert [one.good for one in replay(record, child, [home.blobs for home in homes[:3]])] == [
        True,
        True,
    ]
