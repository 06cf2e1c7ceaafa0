"""How fast the audit redoes a round: a round on a chain in memory, blobs on disk, the real replay.

Goals: seconds, and the ratio to what can't be saved, hashing every byte once; both in the same call and
with the same threads. Non-goals: reading a chain, which is a request a transaction.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from authority.audit.record import Record, told_by
from authority.audit.replay import replay
from node import seeds
from node.blobs import DiskBlobs
from node.commitment import Claims, commitment
from node.contracts.chain import MemoryChain, memory_address
from node.digest import Digest, digest
from node.errors import BadAnswer
from node.exchange import PeerKey
from node.header import UpdateMark
from node.ledger import Admit, Attest, Call, Commit, Enter, Hold, OpenRun, Reveal, Terms
from node.manifest import Manifest
from node.merge.threads import THREADS
from node.merging import merge_round, rule_in
from node.state import most_hostile
from node.verify import Claimed, verify
from node.weights import Array, keep, layout_of

RULE = "trimmed-mean"
_SALT, _CLAIMS = bytes(32), Claims(64, 0)


def run(inputs: int, params: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds of replaying one round of so many updates of float32 parameters, and of hashing them."""
    with tempfile.TemporaryDirectory(prefix="waggle-bench-") as scratch:
        say(f"a round of {inputs} updates of {4 * params / 1e6:.0f} MB")
        blobs = DiskBlobs(Path(scratch))
        record = _Paper(inputs, params, blobs).told()
        run_ = record.run(1)
        replay(record, run_, [Path(scratch)])  # compiled, and in the page cache
        seconds, found = _timed(lambda: replay(record, run_, [Path(scratch)]))
        if not all(one.good for one in found):
            raise BadAnswer("the round doesn't replay: this is a bug")
        hashing, _ = _timed(lambda: _hashed(sorted(Path(scratch).iterdir())))
    return {
        "inputs": inputs,
        "params": params,
        "threads": THREADS,
        "seconds": seconds,
        "hashing": hashing,
        "ratio": seconds / hashing,
    }


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def _hashed(paths: Sequence[Path]) -> None:
    """Every byte once."""

    def one(path: Path) -> None:
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256")

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(one, paths))


class _Paper:
    """A round on a chain in memory, attested as honest nodes would."""

    def __init__(self, inputs: int, params: int, blobs: DiskBlobs) -> None:
        self._members, self._blobs, self._clock = range(1, inputs + 1), blobs, 1_800_000_000.0
        self._authority = memory_address("authority")
        self._chain = MemoryChain(self._authority, clock=lambda: self._clock)
        self._base_model: dict[str, Array] = {"w": np.zeros(params, np.float32)}
        self._base = keep(blobs, self._base_model)
        self._manifest = self._made_manifest(inputs)

    def told(self) -> Record:
        """All that the chain then says."""
        for member in self._members:
            self._authority_calls(
                Admit(self._account(member), PeerKey(bytes([member]) * 32), bytes(32))
            )
        self._authority_calls(OpenRun(self._manifest.terms, self._manifest.to_bytes()))
        updates = {member: self._update(member) for member in self._members}
        self._all(lambda member: Enter(1))
        self._all(lambda member: Commit(1, 0, self._commitment(member, updates[member]), 0))
        self._all(lambda member: Reveal(1, 0, updates[member], _CLAIMS.weight, 0, _SALT))
        self._all(lambda member: Hold(1, 0, (1 << len(self._members)) - 1))
        merged, receipt = self._merged()
        self._all(lambda member: Attest(1, 0, merged, receipt))
        return told_by(self._chain)

    def _update(self, member: int) -> Digest:
        rng = np.random.default_rng(seeds.derive(member, "update"))
        values = rng.standard_normal(len(self._base_model["w"]), np.float32)
        return keep(self._blobs, {"w": values}, UpdateMark(1, 0, member, bytes(32)))

    def _commitment(self, member: int, update: Digest) -> bytes:
        network = self._chain.network
        return commitment(network, 1, 0, self._base, member, update, _CLAIMS, _SALT)

    def _merged(self) -> tuple[Digest, Digest]:
        run_ = told_by(self._chain).run(1)
        round_, layout = run_.rounds[0], layout_of(self._base_model)
        verified = [
            verify(self._manifest, layout, Claimed(1, 0, m, r.digest), self._blobs.view(r.digest))
            for m, r in sorted(round_.revealed.items())
        ]
        network_id, rule = self._chain.network.network_id, rule_in(self._manifest)
        receipt = merge_round(self._blobs, network_id, run_, round_, self._manifest, rule, verified)
        return receipt.output, self._blobs.put(receipt.to_bytes())

    def _all(self, call: Callable[[int], Call]) -> None:
        """Everybody's call; those that come after a quorum are late, and taken all the same."""
        for member in self._members:
            self._chain.call(self._account(member), call(member))

    def _authority_calls(self, call: Call) -> None:
        self._chain.call(self._authority, call)

    def _account(self, member: int) -> Any:
        return memory_address(f"clinic {member}")

    def _made_manifest(self, inputs: int) -> Manifest:
        f = most_hostile(inputs)
        seconds = (100,) * 5
        terms = Terms(2, inputs, 2 * f + 1, 1, *seconds, privacy_budget=0, base=self._base)
        nothing = digest(b"")
        return Manifest(
            name="bench",
            chain_id=self._chain.network.chain_id,
            task="bench",
            task_digest=nothing,
            terms=terms,
            merge=RULE,
            hostile=None,
            max_abs=1000,
            max_weight=64,
            max_blob_bytes=1 << 33,
            confirmations=0,
            self_test=nothing,
            seed=0,
        )
