"""The story of one round: what a node does next, given what the chain says and what it holds.

    train from the base       nothing leaves the node
    commit                    a salted promise, before anybody's update is known
    reveal                    once all have promised, or time is up
    fetch, verify, hold       every revealed update, from its author or whoever has it
    merge exactly the inputs  that the contract fixed, in the order of member numbers
    attest                    a quorum of equal answers finalizes the round

`decide` is pure: no clock, no chain, no disk. `node.driver` does what it says and asks again. Every
wait has a deadline, and after every deadline somebody calls `advance`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from node.database import OwnUpdate
from node.digest import Digest
from node.ledger import Advance, Attest, Enter, Hold, NodeCall, Phase
from node.state import Attestation, Round, Run

STAGGER_SECONDS = 0.5
"""Between two seats' calls of `advance`, so that one of them is enough."""

STAGGER_MOST = 10

OWN_FIRST_SECONDS = 5.0
"""After its turn to advance, a node that is ready to commit or reveal does that first: the call is good
until somebody advances. Not for ever: a call that is always refused must not keep the round open."""

HOLD_MARGIN = 0.2
"""Share of the hold phase kept back for sending `hold`, when updates are still missing."""

COURTESY = 0.1
"""Share of the hold phase in which missing updates of benched seats are waited for, once there are
enough without them: who wasn't there when it was needed can't hold up everybody in every round."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What a node holds of one round.

    verified, refused: members whose update passed, or failed for good. merged: our own answer.
    no_update: why this node has none to commit, if so; it still holds and attests.
    no_merge: why this node can't merge the inputs, if so.
    """

    update: OwnUpdate | None = None
    verified: frozenset[int] = frozenset()
    refused: frozenset[int] = frozenset()
    merged: Attestation | None = None
    no_update: str = ""
    no_merge: str = ""


@dataclass(frozen=True, slots=True)
class Mine:
    """What a node knows of itself.

    training: busy with it, for this round or still for one before. promises_from: the first round in
    which its database may promise; see node.database.
    """

    member: int
    models: frozenset[Digest] = frozenset()
    rounds: Mapping[int, Holding] = field(default_factory=dict)
    enter_after: int = 0
    training: bool = False
    promises_from: int = 0

    def of(self, round_: Round) -> Holding:
        """What we hold of a round."""
        return self.rounds.get(round_.number, Holding())


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before the chain changes, or `until` (Unix seconds)."""

    until: float


@dataclass(frozen=True, slots=True)
class Send:
    """Say this on the chain."""

    call: NodeCall


@dataclass(frozen=True, slots=True)
class FetchModel:
    """Get the model that the round starts from; give up at `until` (Unix seconds)."""

    round: Round
    until: float


@dataclass(frozen=True, slots=True)
class Train:
    """Train from the base, and write the update down; the node goes on with other things meanwhile."""

    round: Round


@dataclass(frozen=True, slots=True)
class Promise:
    """Commit to our update."""

    round: Round
    update: OwnUpdate


@dataclass(frozen=True, slots=True)
class OpenPromise:
    """Reveal our update."""

    round: Round
    update: OwnUpdate


@dataclass(frozen=True, slots=True)
class Fetch:
    """Get and verify these members' updates; give up at `until` (Unix seconds)."""

    round: Round
    members: tuple[int, ...]
    until: float


@dataclass(frozen=True, slots=True)
class Merge:
    """Merge exactly the round's inputs."""

    round: Round
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Finish:
    """The run is over for this node."""

    why: str


Action = Wait | Send | FetchModel | Train | Promise | OpenPromise | Fetch | Merge | Finish


def decide(run: Run, mine: Mine, now: float) -> Action:
    """What to do next. `now` in Unix seconds."""
    if mine.member in run.evicted:
        return Finish("this member was revoked")
    if (late := _late_attestation(run, mine)) is not None:
        return late
    if run.closed is not None:
        return Finish("the run is closed")
    if should_enter(run, mine):
        return Send(Enter(run.number))
    turn, ours = turn_to_advance(run, mine), _our_part(run, mine, now)
    if now >= turn and not (isinstance(ours, Promise | OpenPromise) and now < turn + OWN_FIRST_SECONDS):
        return Send(Advance(run.number))
    return ours or Wait(turn)


def _our_part(run: Run, mine: Mine, now: float) -> Action | None:
    round_ = run.round
    if round_ is None or not run.bit(mine.member) & round_.roster:
        return None
    return _in_phase(run, round_, mine, now, turn_to_advance(run, mine))


def _in_phase(run: Run, round_: Round, mine: Mine, now: float, turn: float) -> Action | None:
    if round_.base not in mine.models:
        return FetchModel(round_, turn)
    match round_.phase:
        case Phase.COMMIT:
            return commit_part(run, round_, mine)
        case Phase.REVEAL:
            return reveal_part(run, round_, mine)
        case Phase.HOLD:
            return _hold(run, round_, mine, now)
        case Phase.ATTEST:
            return _attest(run, round_, mine, turn)
    return None


def commit_part(run: Run, round_: Round, mine: Mine) -> Action | None:
    """What there is to do in Commit."""
    holding = mine.of(round_)
    if holding.no_update or round_.committed & run.bit(mine.member):
        return None
    if (update := holding.update) is not None:
        return Promise(round_, update)
    if mine.training or round_.number < mine.promises_from:
        return None
    return Train(round_)


def reveal_part(run: Run, round_: Round, mine: Mine) -> Action | None:
    """What there is to do in Reveal; an update whose commitment came too late is never revealed."""
    update = mine.of(round_).update
    promised = run.bit(mine.member) & round_.committed and mine.member not in round_.revealed
    return OpenPromise(round_, update) if update and promised else None


def _hold(run: Run, round_: Round, mine: Mine, now: float) -> Action | None:
    """Name what we verified: all of it, or what we have when time gets short."""
    if mine.member in round_.held:
        return None
    holding = mine.of(round_)
    missing = tuple(sorted(round_.revealed.keys() - holding.verified - holding.refused))
    # Our own update passed before we promised it, whether or not there was time to read it again.
    own = {mine.member} if holding.update is not None else set()
    bits = sum(run.bit(m) for m in (holding.verified | own) & round_.revealed.keys())
    until = _patience(run, round_, missing, bits)
    if missing and now < until:
        return Fetch(round_, missing, until)
    return Send(Hold(run.number, round_.number, bits))


def _patience(run: Run, round_: Round, missing: Iterable[int], bits: int) -> float:
    """Until when these updates may be missing, in Unix seconds. bits: seats whose updates are here."""
    enough = bits.bit_count() >= max(run.terms.min_inputs, 2 * round_.f + 1)
    needed = sum(map(run.bit, missing)) & round_.expected
    wait = COURTESY if enough and not needed else 1 - HOLD_MARGIN
    return round_.deadline - (1 - wait) * run.terms.hold_seconds


def _attest(run: Run, round_: Round, mine: Mine, until: float) -> Action | None:
    if round_.inputs is None or mine.member in round_.attested:
        return None
    holding = mine.of(round_)
    if holding.no_merge:
        return None
    if (merged := holding.merged) is not None:
        return Send(Attest(run.number, round_.number, merged.merged, merged.receipt))
    inputs = run.members_in(round_.inputs)
    missing = tuple(m for m in inputs if m not in holding.verified)
    return Fetch(round_, missing, until) if missing else Merge(round_, inputs)


def _late_attestation(run: Run, mine: Mine) -> Action | None:
    """Others were faster and the round is over, but we hold its inputs: say what we get too."""
    round_ = run.past[-1] if run.past else None
    if round_ is None or round_.finalized is None or not run.bit(mine.member) & round_.roster:
        return None
    holding = mine.of(round_)
    inputs = set(run.members_in(round_.inputs or 0))
    if round_.base not in mine.models or not inputs <= holding.verified:
        return None
    return _attest(run, round_, mine, until=0)


def should_enter(run: Run, mine: Mine) -> bool:
    """Whether it is time to take a seat, or to ask to be waited for again."""
    if mine.member not in run.seats:
        return len(run.seats) >= mine.enter_after
    return bool(run.benched & run.bit(mine.member))


def turn_to_advance(run: Run, mine: Mine) -> float:
    """When this node calls `advance`: seats take turns, so that one call is usually enough."""
    rank = min(run.seats.get(mine.member, STAGGER_MOST), STAGGER_MOST)
    return run.deadline + rank * STAGGER_SECONDS
