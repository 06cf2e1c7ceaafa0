"""The story of one round of a gossip run: what a node does next.

    train from the own model    nothing leaves the node
    commit                      a salted promise, before anybody's update is known
    reveal                      once all have promised, or time is up; then the neighbours are drawn
    fetch, verify               the neighbours' updates, from their authors or whoever merged them
    merge                       what was got in time, the own update as the anchor
    attest                      the result, which is the node's model from now on

As `node.round`, and what is the same is from there: `decide` is pure, every wait has a deadline, and a
neighbour that withholds costs the phase at most. `run` is as the member lives it (`Run.lived_by`): a
round's base is the member's own model.
"""

from __future__ import annotations

from collections.abc import Iterable

from node.gossip.merging import neighbours_of
from node.ledger import Advance, AttestOwn, Enter, Phase
from node.manifest import neighbours_in
from node.round import (
    COURTESY,
    HOLD_MARGIN,
    OWN_FIRST_SECONDS,
    Action,
    Fetch,
    FetchModel,
    Finish,
    Merge,
    Mine,
    OpenPromise,
    Promise,
    Send,
    Wait,
    commit_part,
    reveal_part,
    should_enter,
    turn_to_advance,
)
from node.state import Round, Run


def decide(run: Run, mine: Mine, now: float) -> Action:
    """What to do next. `now` in Unix seconds."""
    if mine.member in run.evicted:
        return Finish("this member was revoked")
    if run.closed is not None:
        return Finish("the run is closed")
    if should_enter(run, mine) and not _is_without_model(run, mine):
        return Send(Enter(run.number))
    turn, ours = turn_to_advance(run, mine), _our_part(run, mine, now)
    if now >= turn and not (_is_said(ours) and now < turn + OWN_FIRST_SECONDS):
        return Send(Advance(run.number))
    return ours or Wait(turn)


def _is_without_model(run: Run, mine: Mine) -> bool:
    """Whether its seat is benched and it couldn't train: who can't take part isn't waited for again."""
    benched = run.benched & run.bit(mine.member)
    return bool(benched and run.round and run.round.base not in mine.models)


def _is_said(ours: Action | None) -> bool:
    """Whether it is a call that a round takes only until it, or its phase, is over."""
    return isinstance(ours, Promise | OpenPromise | Send)


def _our_part(run: Run, mine: Mine, now: float) -> Action | None:
    round_ = run.round
    if round_ is None or not run.bit(mine.member) & round_.roster:
        return None
    if round_.base not in mine.models:
        return _get_back(run, round_, mine, turn_to_advance(run, mine))
    match round_.phase:
        case Phase.COMMIT:
            return commit_part(run, round_, mine)
        case Phase.REVEAL:
            return reveal_part(run, round_, mine)
        case Phase.ATTEST:
            return _attest(run, round_, mine, now)
    return None


def _get_back(run: Run, round_: Round, mine: Mine, until: float) -> Action:
    """The own model is gone from the disk, and nobody else has it: the merge that made it is redone."""
    made = next((past for past in reversed(run.past) if _made(past, round_)), None)
    if made is None or made.finalized is None:
        return FetchModel(round_, until)  # the run's first model, which everybody has
    again = mine.of(made)
    if again.no_merge or (again.merged is not None and again.merged.merged != round_.base):
        return Wait(until)  # the same inputs don't give it here: nothing to train from
    inputs = run.members_in(made.finalized.inputs)
    missing = tuple(m for m in inputs if m not in again.verified)
    return Fetch(made, missing, until) if missing else Merge(made, inputs)


def _made(past: Round, round_: Round) -> bool:
    return past.finalized is not None and past.finalized.merged == round_.base


def _attest(run: Run, round_: Round, mine: Mine, now: float) -> Action | None:
    """Merge when all neighbours' updates are here, or with what is here when time gets short."""
    holding = mine.of(round_)
    if not run.bit(mine.member) & (round_.inputs or 0) or mine.member in round_.attested:
        return None
    if holding.no_merge:
        return None
    if (own := holding.merged) is not None:
        call = AttestOwn(run.number, round_.number, own.inputs, own.merged, own.receipt)
        return Send(call)
    near = neighbours_of(run, round_, neighbours_in(run.manifest), mine.member)
    wanted = {mine.member, *near}
    missing = tuple(sorted(wanted - holding.verified - holding.refused))
    until = _patience(run, round_, missing)
    if missing and now < until:
        return Fetch(round_, missing, until)
    if mine.member not in holding.verified:
        # The own update was lost since it was promised: without an anchor there is nothing to merge.
        return None if now >= round_.deadline else Fetch(round_, (mine.member,), until=round_.deadline)
    return Merge(round_, tuple(sorted(wanted & holding.verified)))


def _patience(run: Run, round_: Round, missing: Iterable[int]) -> float:
    """Until when these updates may be missing, in Unix seconds.

    Benched seats get a tenth of the phase, also where the rule needs them: a node that stays alone in
    this round loses nothing, and one that is benched and withholds would hold it up in every round.
    """
    needed = sum(map(run.bit, missing)) & round_.expected
    wait = 1 - HOLD_MARGIN if needed else COURTESY
    return round_.deadline - (1 - wait) * (run.terms.hold_seconds + run.terms.attest_seconds)
