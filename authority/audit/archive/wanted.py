"""What an archive wants: every blob of every run that the chain names and that may be seen by now.

Pure, from the chronicle: nothing is written down but the blobs themselves, so an archive that was
killed knows what is missing by looking at its folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from node.digest import Digest
from node.errors import Unfit
from node.exchange import PeerKey
from node.ledger import is_gossip
from node.manifest import Manifest
from node.serving import of_record
from node.state import Chronicle, GossipRound, Run

RECEIPT_BYTES = 1 << 20
"""A receipt has a few hundred bytes for each input, of which there are 256 at most."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One blob. what: base, update, model or receipt; round and member as far as it has them."""

    digest: Digest
    what: str
    run: int
    round: int | None = None
    member: int | None = None

    def __str__(self) -> str:
        where = f"run {self.run}" if self.round is None else f"run {self.run} round {self.round}"
        whose = "" if self.member is None else f" of member {self.member}"
        return f"{where}: {self.what}{whose} {self.digest.short}"


class Wish:
    """All that is wanted, oldest first; told again what the chain says now, it looks at what is new."""

    def __init__(self) -> None:
        self._runs: dict[int, tuple[Run, dict[Digest, Wanted]]] = {}

    def of(self, chronicle: Chronicle) -> dict[Digest, Wanted]:
        """What is wanted, by digest."""
        found: dict[Digest, Wanted] = {}
        for number, run in chronicle.runs.items():
            known = self._runs.get(number)
            if known is None or known[0] is not run:
                self._runs[number] = known = (run, wanted_of(run))
            for digest, one in known[1].items():
                found.setdefault(digest, one)
        return found


def wanted_of(run: Run) -> dict[Digest, Wanted]:
    """What is wanted of one run: exactly what nodes give an auditor."""
    named = {one.digest: one for one in reversed(list(_named(run)))}
    return {digest: named[digest] for digest in dict.fromkeys(of_record(run))}


def may_have(chronicle: Chronicle, peer: PeerKey, one: Wanted) -> bool:
    """Whether it makes sense to ask a peer for a blob."""
    if peer in chronicle.auditors:
        return True
    run = chronicle.runs.get(one.run)
    if run is None or one.what == "base":
        return run is not None  # whoever has the same task may have built it
    only = is_gossip(one.run) and one.what != "update"
    seated = (chronicle.members[number] for number in run.seats)
    return any(m.peer_key == peer and (not only or m.number == one.member) for m in seated)


def confirmations_of(run: Run) -> int:
    """How deep a block of a run must lie before it counts; 0 when its manifest can't be read."""
    try:
        return Manifest.from_bytes(run.manifest).confirmations
    except Unfit:
        return 0


def most_bytes(run: Run) -> int | None:
    """The size that no blob of a run exceeds; None when its manifest can't be read."""
    try:
        return Manifest.from_bytes(run.manifest).max_blob_bytes
    except Unfit:
        return None


def _named(run: Run) -> Iterator[Wanted]:
    yield Wanted(run.terms.base, "base", run.number)
    for round_ in run.rounds:
        here = (run.number, round_.number)
        for member, revealed in round_.revealed.items():
            yield Wanted(revealed.digest, "update", *here, member)
        results = round_.attested if isinstance(round_, GossipRound) else {None: round_.finalized}
        for owner, result in results.items():
            if result is not None:
                yield Wanted(result.merged, "model", *here, owner)
                yield Wanted(result.receipt, "receipt", *here, owner)
