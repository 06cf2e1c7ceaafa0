"""Which models a member's updates reached, and which is the last one that they didn't.

An update reaches every model that it was an input of, even one whose rule left it out: the rule looked
at it to choose among the others. A model reaches all that was trained or merged from it, also in runs
that were opened from it. All of it follows from the chain; no blob is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from node.digest import Digest
from node.state import Chronicle, GossipRound, GossipRun, Round, Run


@dataclass(frozen=True, slots=True)
class Reached:
    """A model that was reached. own: the update was an input; else it came through a model before.

    holder: whose model it is, in gossip runs.
    """

    run: int
    round: int
    model: Digest
    own: bool
    holder: int | None = None


@dataclass(frozen=True, slots=True)
class Clean:
    """A model without the member. round None: the one that the run began with."""

    run: int
    round: int | None
    model: Digest


@dataclass(frozen=True, slots=True)
class Influence:
    """What a member's updates reached, oldest first.

    clean: of each run the last model without them; none of gossip runs, where each member has its own.
    """

    member: int
    reached: tuple[Reached, ...]
    clean: tuple[Clean, ...]

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "member": self.member,
            "reached": [{**asdict(one), "model": one.model.hex} for one in self.reached],
            "clean": [{**asdict(one), "model": one.model.hex} for one in self.clean],
        }


def influence_of(chronicle: Chronicle, member: int) -> Influence:
    """Of a member, through all runs of the network, in the order in which they were opened."""
    touched, reached, clean = set[Digest](), list[Reached](), list[Clean]()
    for run in chronicle.runs.values():
        if isinstance(run, GossipRun):
            reached += _gossip(run, member, touched)
        else:
            reached += _canonical(run, member, touched)
            clean += _last_clean(run, touched)
    return Influence(member, tuple(reached), tuple(clean))


def _canonical(run: Run, member: int, touched: set[Digest]) -> Iterator[Reached]:
    for round_ in run.rounds:
        own = _is_input(run, round_, member)
        if round_.finalized and (own or round_.base in touched):
            touched.add(round_.finalized.merged)
            yield Reached(run.number, round_.number, round_.finalized.merged, own)


def _gossip(run: GossipRun, member: int, touched: set[Digest]) -> Iterator[Reached]:
    """A neighbour's update was trained from its own model, and carries what reached that."""
    for round_ in run.rounds:
        assert isinstance(round_, GossipRound)
        base = {m: round_.bases.get(m, round_.base) for m in run.seats}
        carriers = {m for m, model in base.items() if model in touched} | {member}
        for holder, attested in sorted(round_.attested.items()):
            inputs = {holder, *run.members_in(attested.inputs)}
            if inputs & carriers:
                touched.add(attested.merged)
                own = member in inputs
                yield Reached(run.number, round_.number, attested.merged, own, holder)


def _is_input(run: Run, round_: Round, member: int) -> bool:
    return bool(run.bit(member) & (round_.inputs or 0))


def _last_clean(run: Run, touched: set[Digest]) -> Iterator[Clean]:
    for round_ in reversed(run.rounds):
        if round_.finalized and round_.finalized.merged not in touched:
            yield Clean(run.number, round_.number, round_.finalized.merged)
            return
    if run.terms.base not in touched:
        yield Clean(run.number, None, run.terms.base)
