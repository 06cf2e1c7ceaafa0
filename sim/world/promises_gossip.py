"""What the worlds with a gossip run are held to in place of one agreed model.

Nothing is compared there, so agreement is about the record: all honest nodes know the same rounds, and
each says once what it got. Merges are checked one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from authority.audit.record import Record
from authority.audit.replay import redo
from node.digest import Digest
from node.gossip.merging import neighbours_of
from node.ledger import AttestOwn
from node.merge import parse_gossip
from node.state import Round, Run
from sim.world.facts import Check, Disks, Facts


def _agreement(facts: Facts) -> Iterator[str]:
    """Honest nodes know alike who revealed what and who hears whom; each says one thing of a round."""
    for member, node in facts.honest.items():
        run = node.watch and node.watch.chronicle.runs.get(facts.story.run)
        for told, true in zip(run.rounds if run else (), facts.run.rounds, strict=False):
            if (
                run
                and told.inputs is not None
                and _known(facts, run, told) != _known(facts, facts.run, true)
            ):
                yield f"round {told.number}: member {member} knows other updates or neighbours"
    said: dict[tuple[int, int], set[AttestOwn]] = defaultdict(set)
    for member, call in facts.signed_by_honest(AttestOwn):
        said[member, call.round].add(call)
    for (member, number), answers in said.items():
        if len(answers) > 1:
            yield f"round {number}: member {member} attests {len(answers)} different merges"


def _known(facts: Facts, run: Run, round_: Round) -> Mapping[int, tuple[Digest, tuple[int, ...]]]:
    """Each member's update and neighbours."""
    k = facts.story.neighbours or 0
    return {m: (one.digest, neighbours_of(run, round_, k, m)) for m, one in round_.revealed.items()}


def _validity(facts: Facts) -> Iterator[str]:
    """Every honest merge is the rule over the neighbours' updates that it names, and the own one."""
    disks = [node.disk for node in facts.evidence.nodes.values()]
    sources = Disks([*(disk.blobs for disk in disks), *(disk.lost for disk in disks)])
    record = Record(facts.evidence.chain.network, 0, facts.logged, {}, facts.chronicle)
    for replayed in redo(record, facts.run, sources, sources.blobs):
        for finding in replayed.findings if replayed.member in facts.honest else ():
            yield f"round {finding.round}: the merge of {replayed.member}: {finding.what}"


def _return(facts: Facts) -> Iterator[str]:
    """In the last round every honest node that is waited for merges with its honest neighbours."""
    last = facts.run.rounds[-1]
    back = facts.able & set(facts.run.members_in(last.expected))
    for member in () if facts.evidence.stuck else sorted(back):
        if member not in last.revealed:
            yield f"round {last.number}: {member} revealed nothing though all is quiet"
        elif member not in last.attested:
            yield f"round {last.number}: {member} didn't attest though all is quiet"
        elif missing := _missing(facts, last, member, back):
            yield f"round {last.number}: {member} merged without {missing} though all is quiet"


def _missing(facts: Facts, round_: Round, member: int, back: frozenset[int]) -> list[int]:
    """Honest neighbours whose updates a member didn't merge; none for one that had to stay alone."""
    near = back & set(neighbours_of(facts.run, round_, facts.story.neighbours or 0, member))
    merged = set(facts.run.members_in(round_.attested[member].inputs))
    enough = parse_gossip(facts.story.merge).tolerates(len(near) + 1) >= (facts.story.withstands or 0)
    return sorted(near - merged) if enough or merged != {member} else []


GOSSIP: Mapping[str, Check] = {"agreement": _agreement, "validity": _validity, "return": _return}
