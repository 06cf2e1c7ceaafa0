"""What the worlds with a gossip run are held to in place of one agreed model.

Nothing is compared there, so agreement is about the record: all honest nodes know the same rounds.
Merges are checked one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from authority.audit.replay import redo
from node.digest import Digest
from node.gossip.merging import neighbours_of
from node.merge import parse_gossip
from node.state import GossipRound, Round, Run
from sim.world.facts import Check, Disks, Facts
from sim.world.story import Story

Known = Mapping[int, tuple[Digest, Digest, tuple[int, ...]]]
"""Of a round: each member's base, update and neighbours; empty where none were drawn."""


def _agreement(facts: Facts) -> Iterator[str]:
    """All honest nodes know alike who revealed what, from which model, and who hears whom."""
    true = _known(facts.story, facts.run)
    for member, node in facts.honest.items():
        run = node.watch and node.watch.chronicle.runs.get(facts.story.run)
        told = _known(facts.story, run) if run else []
        for (number, known), right in zip(told, true, strict=False):
            if (number, known) != right:
                yield f"round {number}: member {member} knows other models, updates or neighbours"


def _known(story: Story, run: Run) -> list[tuple[int, Known]]:
    """What there is to know of every round that is over, or whose neighbours are drawn."""
    return [
        (round_.number, _of_round(story, run, round_) if round_.inputs is not None else {})
        for round_ in run.rounds
        if round_ is not run.round or round_.inputs is not None
    ]


def _of_round(story: Story, run: Run, round_: Round) -> Known:
    assert isinstance(round_, GossipRound)
    return {
        member: (
            round_.lived_by(member).base,
            one.digest,
            neighbours_of(run, round_, story.neighbours or 0, member),
        )
        for member, one in round_.revealed.items()
    }


def _validity(facts: Facts) -> Iterator[str]:
    """Every honest merge is the rule over the neighbours' updates that it names, and the own one."""
    disks = [node.disk for node in facts.evidence.nodes.values()]
    sources = Disks([*(disk.blobs for disk in disks), *(disk.lost for disk in disks)])
    for replayed in redo(facts.record, facts.run, sources, sources.blobs):
        for finding in replayed.findings if replayed.member in facts.honest else ():
            yield f"round {finding.round}: the merge of {replayed.member}: {finding.what}"


def _return(facts: Facts) -> Iterator[str]:
    """In the last round every honest node that is waited for merges with its honest neighbours."""
    last = facts.run.rounds[-1]
    back = facts.able & set(facts.run.members_in(last.expected))
    for member in sorted(back) if last.ended and last.skipped is None else ():
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
