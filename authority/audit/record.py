"""What an audit reads: the chain's events with blocks and gas, and blobs from any number of folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

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


class Sources(Protocol):
    """Blobs wherever they lie. A copy counts only if its bytes have the digest."""

    def has(self, digest: Digest) -> bool:
        """Whether there is a whole copy."""
        ...

    def read(self, digest: Digest) -> bytes | None:
        """The content of a whole copy, for what is small."""
        ...

    def collect(self, digest: Digest) -> bool:
        """Make a blob available where merges are redone; False when no whole copy exists."""
        ...

    def damaged(self, digest: Digest) -> str:
        """Where a damaged copy was seen; empty if none was."""
        ...


class FolderSources:
    """Blobs in any number of folders, named by digest; linked, never copied."""

    def __init__(self, folders: Sequence[Path], into: DiskBlobs) -> None:
        self._folders, self._into = folders, into
        self._damaged: dict[Digest, Path] = {}

    def has(self, digest: Digest) -> bool:
        """See Sources."""
        return self._find(digest) is not None

    def read(self, digest: Digest) -> bytes | None:
        """See Sources."""
        found = self._find(digest)
        return None if found is None else found.read_bytes()

    def collect(self, digest: Digest) -> bool:
        """See Sources."""
        if self._into.has(digest):
            return True
        found = self._find(digest)
        if found is not None:
            self._into.path(digest).symlink_to(found.resolve())
        return found is not None

    def damaged(self, digest: Digest) -> str:
        """See Sources."""
        return str(self._damaged.get(digest, ""))

    def _find(self, digest: Digest) -> Path | None:
        """A whole copy; damaged ones are remembered."""
        for folder in self._folders:
            path = folder / digest.hex
            if not path.exists():
                continue
            if outline_file(path).digest == digest:
                return path
            self._damaged.setdefault(digest, path)
        return None
