"""What an audit reads: the chain's events with blocks and gas, and blobs from any number of folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eth_account import Account

from node import chain
from node.blobs import DiskBlobs
from node.digest import Digest, outline_file
from node.errors import WrongUse
from node.ledger import Logged, Network
from node.state import Chronicle, Run, apply_all


@dataclass(frozen=True, slots=True)
class Record:
    """All that the chain says of a network, up to block `head`. gas: by transaction hash."""

    network: Network
    head: int
    logged: tuple[Logged, ...]
    gas: Mapping[bytes, int]
    chronicle: Chronicle

    def run(self, number: int | None) -> Run:
        """One run, by default the newest. Raises WrongUse."""
        runs = self.chronicle.runs
        if not runs:
            raise WrongUse("the ledger has no run yet: nothing to audit")
        wanted = list(runs)[-1] if number is None else number
        if wanted not in runs:
            raise WrongUse(f"there is no run {wanted}: there are {sorted(runs)}")
        return runs[wanted]


async def read_record(rpc: str, network: Network) -> Record:
    """Read everything now on the chain. Raises ChainUnreachable, WrongUse."""
    # A reader sends nothing, so any account will do.
    ledger = await chain.connect(rpc, network, Account.create())
    head = await ledger.head()
    logged = tuple(await ledger.events(network.deployed_block, head.number))
    gas = {hash_: await ledger.gas_of(hash_) for hash_ in {one.transaction for one in logged}}
    chronicle = apply_all(Chronicle(), (one.event for one in logged))
    return Record(network, head.number, logged, gas, chronicle)


class Sources:
    """Blobs wherever they lie. A copy counts only if its bytes have the digest."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self.damaged: dict[Digest, list[Path]] = {}

    def find(self, digest: Digest) -> Path | None:
        """A whole copy; damaged ones are remembered."""
        for folder in self._folders:
            path = folder / digest.hex
            if not path.exists():
                continue
            if outline_file(path).digest == digest:
                return path
            self.damaged.setdefault(digest, []).append(path)
        return None

    def collect(self, digest: Digest, into: DiskBlobs) -> bool:
        """Make a blob available in one place, by link; False when no whole copy exists."""
        if into.has(digest):
            return True
        found = self.find(digest)
        if found is not None:
            into.path(digest).symlink_to(found.resolve())
        return found is not None
