"""Which blobs may be served to whom: a pure function of what the chain says.

An update is served only after its round's reveals closed, to members of the roster: nobody can shape
an update, or its claims, after seeing another's. Models and receipts are served to the same members.
"""

from __future__ import annotations

from collections.abc import Iterator

from node.digest import Digest
from node.exchange import PeerKey
from node.state import Chronicle, Round, Run


def may_serve(chronicle: Chronicle, run: Run, digest: Digest, peer: PeerKey) -> bool:
    """Whether this blob of this run may go to this peer now."""
    member = next((m for m in chronicle.active() if m.peer_key == peer), None)
    if member is None or not run.bit(member.number) & _roster(run):
        return False
    return digest == run.terms.base or any(digest in _public(r) for r in reversed(run.rounds))


def _roster(run: Run) -> int:
    return run.rounds[-1].roster if run.rounds else 0


def _public(round_: Round) -> Iterator[Digest]:
    if round_.reveals_closed:
        yield from (revealed.digest for revealed in round_.revealed.values())
    if round_.finalized is not None:
        yield round_.finalized.merged
        yield round_.finalized.receipt
