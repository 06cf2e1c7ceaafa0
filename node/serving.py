"""Which blobs may be served to whom: a pure function of what the chain says.

An update is served only after its round's reveals closed, to members of the roster: nobody can shape
an update, or its claims, after seeing another's. Models and receipts are served to the same members.
In gossip runs an update goes to its author's neighbours alone, and a node's own model to no member.

Auditors have no seat and promise nothing, so there is nothing that they could shape: once a round's
reveals closed they get all of it, in gossip runs too, and what is left of runs that are closed.
"""

from __future__ import annotations

from collections.abc import Iterator

from node.digest import Digest
from node.exchange import PeerKey
from node.gossip.merging import neighbours_of
from node.manifest import neighbours_in
from node.state import Chronicle, GossipRound, GossipRun, Round, Run


def may_serve(chronicle: Chronicle, number: int, digest: Digest, peer: PeerKey) -> bool:
    """Whether this blob of the run with this number, if there is one, may go to this peer now."""
    run = chronicle.runs.get(number)
    if run is not None and peer in chronicle.auditors:
        closed = (other for other in chronicle.runs.values() if other.closed is not None)
        return any(digest in of_record(known) for known in (run, *closed))
    member = next((m for m in chronicle.active() if m.peer_key == peer), None)
    if run is None or member is None or not run.bit(member.number) & _roster(run):
        return False
    return digest == run.terms.base or any(
        digest in _shown(run, round_, member.number) for round_ in reversed(run.rounds)
    )


def of_record(run: Run) -> Iterator[Digest]:
    """All of a run that an audit needs and may have by now, oldest first, some perhaps twice."""
    yield run.terms.base
    for round_ in run.rounds:
        if isinstance(round_, GossipRound):
            yield from _said(round_)
        else:
            yield from _public(round_)


def _said(round_: GossipRound) -> Iterator[Digest]:
    if round_.reveals_closed:
        yield from (revealed.digest for revealed in round_.revealed.values())
    for own in round_.attested.values():
        yield own.merged
        yield own.receipt


def _roster(run: Run) -> int:
    return run.rounds[-1].roster if run.rounds else 0


def _shown(run: Run, round_: Round, asker: int) -> Iterator[Digest]:
    return _near(run, round_, asker) if isinstance(run, GossipRun) else _public(round_)


def _near(run: Run, round_: Round, asker: int) -> Iterator[Digest]:
    if round_.reveals_closed:
        near = neighbours_of(run, round_, neighbours_in(run.manifest), asker)
        # Its own, too: who lost it gets it back.
        authors = {asker, *near} & round_.revealed.keys()
        yield from (round_.revealed[member].digest for member in authors)


def _public(round_: Round) -> Iterator[Digest]:
    if round_.reveals_closed:
        yield from (revealed.digest for revealed in round_.revealed.values())
    if round_.finalized is not None:
        yield round_.finalized.merged
        yield round_.finalized.receipt
