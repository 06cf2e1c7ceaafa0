"""The promises that every world is held to, from what the chain says and what lies on the disks.

Each check is a function of the evidence that yields what is wrong, in words. What each promise assumes
is in docs/guarantees.md.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from authority.audit.record import Record
from authority.audit.replay import redo
from node.digest import Digest
from node.errors import WrongUse
from node.ledger import (
    Attest,
    Commit,
    Committed,
    Evicted,
    InputsFixed,
    MemberRevoked,
    RoundFinalized,
    RoundOpened,
)
from node.testing import MemoryBlobs
from sim.world.node import Node
from sim.world.world import Evidence

T = TypeVar("T")

RECOVERY = 2
"""After the quiet has begun, so many rounds may still be skipped; every later one is finalized."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that didn't hold, and how it shows."""

    promise: str
    how: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.how}"


def broken(evidence: Evidence) -> tuple[Broken, ...]:
    """All that a world broke; empty when every promise held."""
    facts = _Facts(evidence)
    return tuple(Broken(name, how) for name, check in PROMISES.items() for how in check(facts))


class _Facts:
    """The evidence, read once."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence, self.story = evidence, evidence.story
        self.logged, self.chronicle, self.run = evidence.chain.logged, evidence.chronicle, evidence.run
        self.honest = {m: node for m, node in evidence.nodes.items() if node.honest}
        self.members = {
            account: member for member, node in evidence.nodes.items() for account in node.accounts
        }

    def signed_by_honest(self, kind: type[T]) -> Iterator[tuple[int, T]]:
        """Calls of a kind that honest members ever signed, with the member."""
        for signed in self.evidence.signatures.made:
            if isinstance(signed.call, kind) and self.members[signed.account] in self.honest:
                yield self.members[signed.account], signed.call


def _agreement(facts: _Facts) -> Iterator[str]:
    """No two honest nodes get different bytes for one round, and none others than were finalized."""
    said: dict[int, dict[tuple[Digest, Digest], set[int]]] = defaultdict(lambda: defaultdict(set))
    for member, call in facts.signed_by_honest(Attest):
        said[call.round][call.merged, call.receipt].add(member)
    for number, answers in said.items():
        if len(answers) > 1:
            who = " and ".join(str(sorted(members)) for members in answers.values())
            yield f"round {number}: honest members {who} attest different merges"
    for round_ in facts.run.rounds:
        final = round_.finalized
        if final and round_.number in said and (final.merged, final.receipt) not in said[round_.number]:
            yield f"round {round_.number}: what was finalized no honest member attested"


def _validity(facts: _Facts) -> Iterator[str]:
    """Every finalized model is the rule over the inputs that it names."""
    sources = _Disks(facts.evidence.nodes)
    record = Record(facts.evidence.chain.network, 0, facts.logged, {}, facts.chronicle)
    for replayed in redo(record, facts.run, sources, sources.blobs):
        for finding in replayed.findings:
            yield f"round {finding.round}: {finding.what}"


def _blindness(facts: _Facts) -> Iterator[str]:
    """Nobody commits once anybody could see an honest update of the round."""
    times = facts.evidence.chain.times()
    first: dict[int, float] = {}
    for round_ in facts.run.rounds:
        honest = (r.digest for member, r in round_.revealed.items() if member in facts.honest)
        seen = (facts.evidence.seen[d] for d in honest if d in facts.evidence.seen)
        first[round_.number] = min(seen, default=math.inf)
    for one in facts.logged:
        if isinstance(one.event, Committed) and times[one.block] >= first[one.event.round]:
            yield f"round {one.event.round}: {one.event.member} committed after updates could be seen"


def _liveness(facts: _Facts) -> Iterator[str]:
    """Once all is quiet, rounds finalize again."""
    if facts.evidence.stuck:
        yield f"stuck in round {len(facts.run.rounds) - 1}, {facts.run.phase.name}"
        return
    for round_ in facts.run.rounds[facts.story.quiet_round + RECOVERY :]:
        if round_.finalized is None:
            why = round_.skipped.name if round_.skipped is not None else "not ended"
            yield f"round {round_.number} is not finalized ({why}) though all is quiet"


def _return(facts: _Facts) -> Iterator[str]:
    """In the last round every honest node that is waited for takes part, whatever struck it before."""
    last = facts.run.rounds[-1]
    for member in facts.run.members_in(last.expected):
        if member not in facts.honest or facts.evidence.stuck:
            continue
        if not (last.inputs or 0) & facts.run.bit(member):
            yield f"round {last.number}: the update of {member} is no input though all is quiet"
        elif member not in last.attested:
            yield f"round {last.number}: {member} didn't attest though all is quiet"


def _pace(facts: _Facts) -> Iterator[str]:
    """A round that waits for honest nodes only takes no longer than one phase may, whoever lies."""
    times, opened = facts.evidence.chain.times(), dict[int, tuple[float, bool]]()
    honest = sum(facts.run.bit(member) for member in facts.honest)
    for one in facts.logged:
        match one.event:
            case RoundOpened(_, number, expected=expected):
                calm = number >= facts.story.quiet_round + RECOVERY and not expected & ~honest
                opened[number] = times[one.block], calm
            case RoundFinalized(_, number):
                begun, calm = opened[number]
                if calm and (took := times[one.block] - begun) > facts.story.phase_seconds:
                    yield f"round {number} took {took:.0f} s though it waited for honest nodes only"


def _one_promise(facts: _Facts) -> Iterator[str]:
    """No honest node ever signs two commitments for one round and base."""
    promised: dict[tuple[int, int], set[bytes]] = defaultdict(set)
    for member, call in facts.signed_by_honest(Commit):
        promised[member, call.round].add(call.commitment)
    for (member, round_), commitments in promised.items():
        if len(commitments) > 1:
            yield f"member {member} signed {len(commitments)} commitments for round {round_}"


def _revocation(facts: _Facts) -> Iterator[str]:
    """Nobody revoked has an input in a later round; nor in its own, once its seat is taken away."""
    newest, last, out = 0, dict[int, int](), set[int]()
    for event in (one.event for one in facts.logged):
        match event:
            case RoundOpened():
                newest = event.round
            case MemberRevoked(member):
                last[member] = newest
            case Evicted(_, member):
                out.add(member)
            case InputsFixed(_, round_, inputs):
                for member in facts.run.members_in(inputs):
                    if member in out or round_ > last.get(member, round_):
                        yield f"round {round_}: the update of member {member}, revoked, is an input"


def _no_end(facts: _Facts) -> Iterator[str]:
    """No honest node ends by itself, but for its own revocation."""
    for member, node in facts.honest.items():
        known = facts.chronicle.members.get(member)
        revoked = known is not None and not known.active
        for error in node.endings:
            if not (revoked and isinstance(error, WrongUse)):
                yield f"member {member} ended: {type(error).__name__}: {error}"


PROMISES: dict[str, Callable[[_Facts], Iterator[str]]] = {
    "agreement": _agreement,
    "validity": _validity,
    "blindness": _blindness,
    "liveness": _liveness,
    "return": _return,
    "pace": _pace,
    "one promise a round": _one_promise,
    "revocation": _revocation,
    "nobody is ended": _no_end,
}
"""Every promise by name."""


class _Disks:
    """All disks of a world as `Sources`."""

    def __init__(self, nodes: dict[int, Node]) -> None:
        self.blobs = MemoryBlobs()
        self._disks = [node.disk.blobs for node in nodes.values()]

    def has(self, digest: Digest) -> bool:
        """See Sources."""
        return any(blobs.has(digest) for blobs in self._disks)

    def read(self, digest: Digest) -> bytes | None:
        """See Sources."""
        return next((bytes(b.view(digest)) for b in self._disks if b.has(digest)), None)

    def collect(self, digest: Digest) -> bool:
        """See Sources."""
        content = None if self.blobs.has(digest) else self.read(digest)
        if content is not None:
            self.blobs.put(content)
        return self.blobs.has(digest)

    def damaged(self, digest: Digest) -> str:
        """See Sources. Disks here lose files, they don't spoil them."""
        return ""

    def erased(self, digest: Digest) -> str:
        """See Sources. Nobody erases anything here."""
        return ""
