"""Lies about commitments and reveals."""

from __future__ import annotations

from functools import reduce

from eth_utils.crypto import keccak

from node.conduct import Conduct, honestly
from node.ledger import Advance, Commit, Phase, Skip
from node.round import Action, Mine, OpenPromise, Send, Wait
from node.state import Round, Run
from sim.adversary.idling import without_update
from sim.adversary.stage import Sight, Stage

MARGIN = 0.2
"""Share of the reveal phase that is left when a steerer stops waiting for others' reveals."""


def no_reveal(stage: Stage) -> Conduct:
    """Commits and never reveals."""
    return Conduct(decide=_unrevealed)


def steer_seed(stage: Stage) -> Conduct:
    """Reveals last, and only if the round's seed is then the smaller of the two that it can choose."""
    sight = Sight()

    def decide(run: Run, mine: Mine, now: float) -> Action:
        action = honestly(run, mine, now)
        if not isinstance(action, OpenPromise):
            return action
        round_ = action.round
        last = round_.deadline - MARGIN * run.terms.reveal_seconds
        if now < last and _others_to_come(run, round_, mine):
            return Wait(last)
        salt = _salt(sight, run, round_, mine.member)
        return action if likes(run, round_, mine.member, salt) else _unrevealed(run, mine, now)

    return sight.conduct(decide=decide)


def second_commit(stage: Stage) -> Conduct:
    """Sends another commitment after its first one, once in each round."""
    tried: set[int] = set()

    def decide(run: Run, mine: Mine, now: float) -> Action:
        round_ = run.round
        if round_ is None or round_.phase is not Phase.COMMIT or round_.number in tried:
            return honestly(run, mine, now)
        if not run.bit(mine.member) & round_.committed:
            return honestly(run, mine, now)
        tried.add(round_.number)
        other = keccak(stage.lots("second", round_.number, stage.member).to_bytes(8, "big"))
        return Send(Commit(run.number, round_.number, other, 0))

    return Conduct(decide=decide)


def hurry(stage: Stage) -> Conduct:
    """Tries to close each phase at once, before others have had their say."""
    tried: set[tuple[int, Phase]] = set()

    def decide(run: Run, mine: Mine, now: float) -> Action:
        action = honestly(run, mine, now)
        at = (len(run.rounds), run.phase)
        if isinstance(action, Wait) and now < run.deadline and at not in tried:
            tried.add(at)
            return Send(Advance(run.number))
        return action

    return Conduct(decide=decide)


def likes(run: Run, round_: Round, member: int, salt: bytes) -> bool:
    """Whether the round's seed is smaller with this reveal than without it."""
    before = seed_before(run)
    reveals = _reveals(round_)
    without = next_seed(before, reveals, run.number, round_.number)
    return next_seed(before, [*reveals, (member, salt)], run.number, round_.number) < without


def seed_before(run: Run) -> bytes:
    """The seed that the present round's is made from. It moves whenever a reveal phase closes."""
    seed = bytes(32)
    for past in run.past:
        if past.seed:
            seed = past.seed
        elif past.skipped is not Skip.TOO_FEW_COMMITTED:
            seed = next_seed(seed, _reveals(past), run.number, past.number)
    return seed


def next_seed(before: bytes, reveals: list[tuple[int, bytes]], run: int, round_: int) -> bytes:
    """keccak(seed before, XOR of keccak(salt, member) over reveals, run, round): docs/protocol.md."""
    words = (int.from_bytes(keccak(salt + _word(member)), "big") for member, salt in reveals)
    entropy = reduce(int.__xor__, words, 0)
    return keccak(before + _word(entropy) + _word(run) + _word(round_))


def _reveals(round_: Round) -> list[tuple[int, bytes]]:
    return [(one.member, one.salt) for one in round_.revealed.values()]


def _unrevealed(run: Run, mine: Mine, now: float) -> Action:
    return honestly(run, without_update(run, mine) if run.phase is Phase.REVEAL else mine, now)


def _others_to_come(run: Run, round_: Round, mine: Mine) -> bool:
    return bool(set(run.members_in(round_.committed)) - round_.revealed.keys() - {mine.member})


def _salt(sight: Sight, run: Run, round_: Round, member: int) -> bytes:
    network = sight.seams.ledger.network
    return sight.seams.entropy.salt(network, run.number, round_.number, round_.base, member)


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")
