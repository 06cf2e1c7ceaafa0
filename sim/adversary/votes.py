"""Lies about what a node holds and what it got by merging."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from node.conduct import Conduct, honestly
from node.digest import Digest, digest
from node.ledger import Attest, AttestOwn, Hold, Phase, is_gossip
from node.round import Action, Fetch, Merge, Mine, Send, Wait
from node.state import Round, Run
from sim.adversary.idling import idle
from sim.adversary.stage import Stage

LAST = 0.98
"""Share of the hold phase that a late holder lets pass."""


def late_hold(stage: Stage, *, share: float = LAST) -> Conduct:
    """Holds only once this share of the hold phase is over."""

    def decide(run: Run, mine: Mine, now: float) -> Action:
        action = honestly(run, mine, now)
        last = run.deadline - (1 - share) * run.terms.hold_seconds
        return Wait(last) if _holding(run, action) == "hold" and now < last else action

    return Conduct(decide=decide)


def false_hold(stage: Stage) -> Conduct:
    """Names every revealed update at once, without having any of them."""
    return _naming(lambda run, round_: sum(run.bit(m) for m in round_.revealed))


def hold_nothing(stage: Stage) -> Conduct:
    """Names nobody's update, not even its own."""
    return _naming(lambda run, round_: 0)


def _naming(bits: Callable[[Run, Round], int]) -> Conduct:
    """Says that it holds whatever `bits` gives, as soon as it could fetch anything."""

    def decide(run: Run, mine: Mine, now: float) -> Action:
        action = honestly(run, mine, now)
        if not _holding(run, action) or run.round is None:
            return action
        return Send(Hold(run.number, run.round.number, bits(run, run.round)))

    return Conduct(decide=decide)


def false_attest(stage: Stage) -> Conduct:
    """Attests a model that nobody made; conspirators all the same one.

    In a gossip run, where it has to train on from what it attests: that merging everybody's updates,
    strangers' too, gave the run's first model.
    """

    def decide(run: Run, mine: Mine, now: float) -> Action:
        action = honestly(run, mine, now)
        number = _attesting(action)
        if number is None:
            return action
        if not is_gossip(run.number):
            return Send(Attest(run.number, number, *lie(stage, number)))
        # What it honestly merges again of a past round, to get its model back, it doesn't attest.
        return _own_lie(stage, run, number) if run.round and run.round.number == number else action

    return Conduct(decide=decide)


def _own_lie(stage: Stage, run: Run, number: int) -> Send:
    assert run.round is not None
    everybody, (_, receipt) = run.round.inputs or 0, lie(stage, number)
    return Send(AttestOwn(run.number, number, everybody, run.terms.base, receipt))


def lie(stage: Stage, number: int) -> tuple[Digest, Digest]:
    """The digests that false attesters attest in a round."""
    model, receipt = (stage.lots(what, number).to_bytes(8, "big") for what in ("model", "receipt"))
    return digest(model), digest(receipt)


def copy_attest(stage: Stage) -> Conduct:
    """Names what others name and attests what others attest; fetches no update and merges nothing."""

    def decide(run: Run, mine: Mine, now: float) -> Action:
        action = honestly(run, mine, now)
        if mine.member not in run.evicted and (late := _late_copy(run, mine)) is not None:
            return late
        if _holding(run, action):
            return _copied_hold(run, now)
        number = _attesting(action)
        return action if number is None else _copied_attestation(run, mine, now, number)

    return Conduct(decide=decide)


def _copied_hold(run: Run, now: float) -> Action:
    assert run.round is not None
    said = Counter(run.round.held.values())
    if not said:
        return idle(run, now)
    return Send(Hold(run.number, run.round.number, said.most_common(1)[0][0]))


def _copied_attestation(run: Run, mine: Mine, now: float, number: int) -> Action:
    round_ = next(r for r in run.rounds if r.number == number)
    said = Counter(round_.attested.values())
    if said:
        answer = said.most_common(1)[0][0]
        return Send(Attest(run.number, number, answer.merged, answer.receipt))
    unable = replace(mine.of(round_), no_merge="it doesn't merge")
    return honestly(run, replace(mine, rounds={**mine.rounds, number: unable}), now)


def _late_copy(run: Run, mine: Mine) -> Action | None:
    """What a round was finalized with, where that was faster than this node."""
    round_ = run.past[-1] if run.past else None
    if round_ is None or round_.finalized is None or mine.member in round_.attested:
        return None
    if not run.bit(mine.member) & round_.roster:
        return None
    answer = round_.finalized
    return Send(Attest(run.number, round_.number, answer.merged, answer.receipt))


def _holding(run: Run, action: Action) -> str:
    """Whether this is the node's part in the hold phase: to fetch for it, or to call it."""
    match action:
        case Fetch() if run.phase is Phase.HOLD and action.round is run.round:
            return "fetch"
        case Send(Hold()):
            return "hold"
    return ""


def _attesting(action: Action) -> int | None:
    """The round for which the node is about to attest, or to do what it takes."""
    match action:
        case Merge(round_):
            return round_.number
        case Fetch(round_) if round_.phase is Phase.ATTEST:
            return round_.number
        case Send(Attest() | AttestOwn() as call):
            return call.round
    return None
