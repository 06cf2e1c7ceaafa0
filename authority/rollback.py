"""Going back to the last model that a member's updates didn't reach: withdrawn consent, in practice.

A new run is opened from that model; the run and round that it is of are on the chain, and the reason in
the manifest. Nothing is deleted: what was finalized stays on record, and what it reached is known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from authority.audit.influence import Clean, influence_of
from authority.manifests import terms_of
from authority.plan import RunPlan
from node.errors import WrongUse
from node.ledger import Terms, is_gossip
from node.manifest import Manifest
from node.state import Chronicle, Run


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the new run is to have otherwise than the one that it goes back in. None: the same.

    seats None: as many as are still members, without the one whose updates are left behind.
    """

    seats: int | None = None
    rounds: int | None = None
    merge: str | None = None


def rolled_back(
    chronicle: Chronicle, number: int, member: int, reason: str, wishes: Wishes
) -> tuple[Manifest, Clean]:
    """The manifest of the new run, and the model that it starts from. Raises WrongUse."""
    run = _run(chronicle, number, member)
    clean = _last_clean(chronicle, run, member)
    old = Manifest.from_bytes(run.manifest)
    plan = _plan(old, _seats(chronicle, run, member) if wishes.seats is None else wishes.seats, wishes)
    parent = _parent(chronicle, clean)
    terms = replace(terms_of(plan, clean.model), parent_run=parent[0], parent_round=parent[1])
    return replace(old, terms=terms, merge=plan.merge, reason=reason), clean


def _run(chronicle: Chronicle, number: int, member: int) -> Run:
    if number not in chronicle.runs:
        raise WrongUse(f"there is no run {number}: there are {sorted(chronicle.runs)}")
    if is_gossip(number):
        raise WrongUse("in a gossip run each member has a model of its own: open a new run instead")
    if member not in chronicle.runs[number].seats:
        raise WrongUse(f"member {member} was never in run {number}: there is nothing to go back from")
    return chronicle.runs[number]


def _last_clean(chronicle: Chronicle, run: Run, member: int) -> Clean:
    """In the run itself, or in the one that it goes on from."""
    clean = {one.run: one for one in influence_of(chronicle, member).clean}
    at: Run | None = run
    while at is not None:
        if at.number in clean:
            return clean[at.number]
        at = chronicle.runs.get(at.terms.parent_run)
    raise WrongUse(f"every model of run {run.number} and before was reached: open a new run instead")


def _parent(chronicle: Chronicle, clean: Clean) -> tuple[int, int]:
    """Run and round that finalized the model; of one that a run began with, that run's own parent."""
    if clean.round is not None:
        return clean.run, clean.round
    terms = chronicle.runs[clean.run].terms
    return terms.parent_run, terms.parent_round


def _seats(chronicle: Chronicle, run: Run, member: int) -> int:
    return sum(m.number in run.seats and m.number != member for m in chronicle.active())


def _plan(old: Manifest, seats: int, wishes: Wishes) -> RunPlan:
    """The old run's rules as a plan, so that what can't work with fewer seats is found."""
    terms: Terms = old.terms
    return RunPlan(
        name=old.name,
        seats=seats,
        rounds=wishes.rounds or terms.rounds,
        merge=wishes.merge or old.merge,
        hostile=old.hostile,
        seed=old.seed,
        join_delay=terms.join_delay,
        enter_seconds=terms.enter_seconds,
        commit_seconds=terms.commit_seconds,
        reveal_seconds=terms.reveal_seconds,
        hold_seconds=terms.hold_seconds,
        attest_seconds=terms.attest_seconds,
        privacy_budget=terms.privacy_budget,
    )
