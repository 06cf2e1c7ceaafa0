"""The promises that every world is held to, from what the chain says and what lies on the disks.

Each check is a function of the evidence that yields what is wrong, in words. What each promise assumes
is in docs/guarantees.md.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping

from authority.audit.coherence import contradictions
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
    NeighboursDrawn,
    RoundBegan,
    RoundEnded,
    RoundFinalized,
    RoundOpened,
)
from sim.world.facts import Broken, Check, Disks, Facts
from sim.world.promises_gossip import GOSSIP
from sim.world.story import Story
from sim.world.world import Evidence

RECOVERY = 2
"""After the quiet has begun, so many rounds may still be skipped; every later one is finalized."""


def broken(evidence: Evidence) -> tuple[Broken, ...]:
    """All that a world broke; empty when every promise held."""
    facts = Facts(evidence)
    held_to = promises_of(evidence.story)
    return tuple(Broken(name, how) for name, check in held_to.items() for how in check(facts))


def promises_of(story: Story) -> Mapping[str, Check]:
    """What a world is held to, by name: much is the same for every kind of run."""
    return {**SHARED, **(CANONICAL if story.neighbours is None else GOSSIP)}


def _agreement(facts: Facts) -> Iterator[str]:
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


def _validity(facts: Facts) -> Iterator[str]:
    """Every finalized model is the rule over the inputs that it names."""
    sources = Disks(node.disk.blobs for node in facts.evidence.nodes.values())
    for replayed in redo(facts.record, facts.run, sources, sources.blobs):
        for finding in replayed.findings:
            yield f"round {finding.round}: {finding.what}"


def _record(facts: Facts) -> Iterator[str]:
    """What the chain says follows from itself, for whoever audits it."""
    for finding in contradictions(facts.record):
        yield finding.what


def _blindness(facts: Facts) -> Iterator[str]:
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


def _liveness(facts: Facts) -> Iterator[str]:
    """Once all is quiet, rounds come to something again."""
    if facts.evidence.stuck:
        yield f"stuck in round {len(facts.run.rounds) - 1}, {facts.run.phase.name}"
        return
    for round_ in facts.run.rounds[facts.story.quiet_round + RECOVERY :]:
        able = sum(facts.run.bit(member) for member in facts.able) & round_.roster
        if _is_enough(facts, able, round_.f) and (round_.skipped is not None or not round_.ended):
            why = round_.skipped.name if round_.skipped is not None else "not ended"
            yield f"round {round_.number} came to nothing ({why}) though all is quiet"


def _return(facts: Facts) -> Iterator[str]:
    """In the last round every honest node that is waited for takes part, whatever struck it before."""
    last = facts.run.rounds[-1]
    for member in facts.run.members_in(last.expected):
        if member not in facts.honest or facts.evidence.stuck:
            continue
        if not (last.inputs or 0) & facts.run.bit(member):
            yield f"round {last.number}: the update of {member} is no input though all is quiet"
        elif member not in last.attested:
            yield f"round {last.number}: {member} didn't attest though all is quiet"


def _pace(facts: Facts) -> Iterator[str]:
    """A round that waits for honest nodes only takes no longer than one phase may, whoever lies."""
    times, opened = facts.evidence.chain.times(), dict[int, tuple[float, bool]]()
    for one in facts.logged:
        match one.event:
            case RoundOpened() | RoundBegan() as event:
                opened[event.round] = times[one.block], _is_calm(facts, event)
            case RoundFinalized(_, number) | RoundEnded(_, number):
                begun, calm = opened[number]
                if calm and (took := times[one.block] - begun) > facts.story.phase_seconds:
                    yield f"round {number} took {took:.0f} s though it waited for honest nodes only"


def _is_calm(facts: Facts, opened: RoundOpened | RoundBegan) -> bool:
    """Whether nothing breaks in a round, and it waits for honest nodes only that can take part."""
    able = sum(facts.run.bit(member) for member in facts.able)
    enough = _is_enough(facts, opened.expected, opened.f)
    quiet = opened.round >= facts.story.quiet_round + RECOVERY
    return quiet and enough and not opened.expected & ~able


def _is_enough(facts: Facts, seats: int, f: int) -> bool:
    """Whether a round can do with these seats."""
    return seats.bit_count() >= max(facts.run.terms.min_inputs, 2 * f + 1)


def _one_promise(facts: Facts) -> Iterator[str]:
    """No honest node ever signs two commitments for one round and base."""
    promised: dict[tuple[int, int], set[bytes]] = defaultdict(set)
    for member, call in facts.signed_by_honest(Commit):
        promised[member, call.round].add(call.commitment)
    for (member, round_), commitments in promised.items():
        if len(commitments) > 1:
            yield f"member {member} signed {len(commitments)} commitments for round {round_}"


def _revocation(facts: Facts) -> Iterator[str]:
    """Nobody revoked has an input in a later round; nor in its own, once its seat is taken away."""
    newest, last, out = 0, dict[int, int](), set[int]()
    for event in (one.event for one in facts.logged):
        match event:
            case RoundOpened() | RoundBegan():
                newest = event.round
            case MemberRevoked(member):
                last[member] = newest
            case Evicted(_, member):
                out.add(member)
            case InputsFixed(_, round_, inputs) | NeighboursDrawn(_, round_, inputs):
                for member in facts.run.members_in(inputs):
                    if member in out or round_ > last.get(member, round_):
                        yield f"round {round_}: the update of member {member}, revoked, is an input"


def _no_end(facts: Facts) -> Iterator[str]:
    """No honest node ends by itself, but for its own revocation."""
    for member, node in facts.honest.items():
        known = facts.chronicle.members.get(member)
        revoked = known is not None and not known.active
        for error in node.endings:
            if not (revoked and isinstance(error, WrongUse)):
                yield f"member {member} ended: {type(error).__name__}: {error}"


SHARED: Mapping[str, Check] = {
    "record": _record,
    "blindness": _blindness,
    "liveness": _liveness,
    "pace": _pace,
    "one promise a round": _one_promise,
    "revocation": _revocation,
    "nobody is ended": _no_end,
}
"""What holds for every kind of run."""

CANONICAL: Mapping[str, Check] = {"agreement": _agreement, "validity": _validity, "return": _return}
