"""An archive beside real clinics that prune: killed, restarted, and then all that an audit needs."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from authority.plan import RunPlan
from node.blobs import DiskBlobs
from node.card import read_card
from node.config import Home, load_config, save_config
from node.digest import Digest
from node.errors import PeerUnreachable
from node.exchange import PeerKey
from node.keys import load_peer_seed
from node.p2p import P2PExchange
from node.progress import read_progress
from node.serving import of_record
from sim.cluster import prepare
from sim.devnet import Devnet, free_port
from sim.folder import RunFolder
from sim.plan import SwarmPlan
from tests.e2e.conftest import Waggle, eventually
from tests.e2e.test_nodes import Start, chain, exit_codes, finalized, record_of, server, start

__all__ = ["chain", "server", "start"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ROUNDS = 5
CLINICS = 3


@pytest.fixture
def homes(tmp_path: Path, chain: Devnet) -> list[Home]:
    """Three clinics that keep one round, all of which are needed for a quorum."""
    plan = RunPlan(
        "test", CLINICS, rounds=ROUNDS, enter_seconds=90, commit_seconds=90, reveal_seconds=90,
        hold_seconds=90, attest_seconds=90,
    )  # fmt: skip
    prepare(SwarmPlan(tmp_path / "run", CLINICS, "wdbc", plan), chain.rpc)
    found = RunFolder(tmp_path / "run").homes()
    for home in found:
        save_config(home, replace(load_config(home), keep_rounds=1))
    return found


def auditor(waggle: Waggle, homes: list[Home], name: str) -> Home:
    """An auditor's home, made and admitted as people do it; all know each other's addresses."""
    authority = waggle.folder / "run" / "authority"
    home = Home(waggle.folder / name)
    listen = f"127.0.0.1:{free_port()}"
    network = authority / "network.toml"
    waggle("audit", "init", "--home", home.folder, "--network", network, "--listen", listen)
    save_config(home, replace(load_config(home), poll_seconds=0.1))
    waggle("authority", "admit-auditor", "--home", authority, home.card)
    waggle("node", "peers", home.folder, *(clinic.card for clinic in homes))
    for clinic in homes:
        waggle("node", "peers", clinic.folder, home.card)
    return home


def lacks(home: Home, chain: Devnet) -> bool:
    """Whether a folder lacks any blob of the run that an audit needs by now."""
    # Not as DiskBlobs, which clears away what its owner is receiving.
    wanted = of_record(record_of(home, chain).run(1))
    return not all((home.blobs / digest.hex).exists() for digest in wanted)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A process stands still meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_an_archive_that_is_killed_has_all_that_clinics_pruned(
    waggle: Waggle, tmp_path: Path, chain: Devnet, start: Start, homes: list[Home]
) -> None:
    """It resumes after kill -9; at the end the audit confirms every merge from its folder alone."""
    home = auditor(waggle, homes, "archive")
    archive = waggle.start("audit", "archive", "--home", home.folder)
    nodes = [start(clinic) for clinic in homes]

    def complete() -> bool:
        return not lacks(home, chain)

    # Rounds are faster here than anywhere; so after each one a clinic stands still for a moment.
    for number in range(1, ROUNDS):
        eventually(lambda number=number: finalized(homes[0]) >= number, 120)
        assert nodes[2].pid is not None
        with frozen(nodes[2].pid):
            if number == 2:
                archive.kill()
                archive.wait()
                archive = waggle.start("audit", "archive", "--home", home.folder)
            eventually(complete, 60)

    assert exit_codes(nodes) == [0, 0, 0]
    eventually(complete, 60)
    eventually(lambda: read_progress(home.status).get("missing") == 0, 20)
    archive.send_signal(signal.SIGINT)
    assert archive.wait(20) == 130

    done = [r for r in record_of(homes[0], chain).run(1).rounds if r.finalized]
    said = waggle("audit", "replay", home.folder)
    assert f"{len(done)} of {len(done)} merges redone from their inputs, identical" in said
    assert len(done) == ROUNDS
    assert [lacks(clinic, chain) for clinic in homes] == [True] * CLINICS


def test_a_revoked_auditor_gets_nothing_within_a_block(
    waggle: Waggle, tmp_path: Path, chain: Devnet, start: Start, homes: list[Home]
) -> None:
    """What it could fetch a moment before, with the same key, no clinic gives it any more."""
    home = auditor(waggle, homes, "spy")
    archive = waggle.start("audit", "archive", "--home", home.folder)
    nodes = [start(clinic) for clinic in homes]
    eventually(lambda: finalized(homes[0]) >= 1 and home.status.exists(), 120)
    assert nodes[2].pid is not None
    with frozen(nodes[2].pid):
        base = record_of(homes[0], chain).run(1).terms.base
        ask = asking(home, homes[0], base, tmp_path)
        assert ask("before") == ""
        authority = waggle.folder / "run" / "authority"
        waggle("authority", "revoke-auditor", "--home", authority, home.card)
        assert archive.wait(30) == 2
        assert ask("after") != ""
    for node in nodes:
        node.terminate()


def asking(home: Home, clinic: Home, wanted: Digest, folder: Path) -> Callable[[str], str]:
    """Fetches a blob from a clinic under an auditor's key, into a fresh folder; why not, if so."""
    card = read_card(clinic.card)

    def addresses(peer: PeerKey) -> tuple[str, ...]:
        return card.addresses

    def ask(name: str) -> str:
        exchange = P2PExchange(
            blobs=DiskBlobs(folder / name),
            private_key=load_peer_seed(home.keys),
            listen=("127.0.0.1", 0),
            addresses=addresses,
            may_serve=lambda digest, peer: False,
        )
        try:
            trio.run(exchange.fetch, wanted, card.peer_key, 1 << 30)
        except PeerUnreachable as error:
            return str(error)
        return ""

    return ask
