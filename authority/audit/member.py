"""What one member did, and what was done to it: from its admission, round by round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from authority.audit.receipts import Receipts, input_of
from authority.audit.record import Record
from authority.governance import REASONS
from node.ledger import (
    AccountProposed,
    AccountRotated,
    Attested,
    Committed,
    Entered,
    Event,
    Evicted,
    MemberAdmitted,
    MemberRevoked,
    PeerKeyRotated,
    Phase,
    RoundFinalized,
)
from node.state import Round, Run


@dataclass(frozen=True, slots=True)
class Happened:
    """Something outside the rounds. by: the account that sent the transaction, if known."""

    what: str
    block: int
    time: int | None
    by: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """A member's part in a round.

    what: in a word or two. score: the merge rule's of its update, if it gives any and a receipt was
    found. used: whether the rule used its update; None when that isn't known. privacy: spent so far.
    """

    round: int
    what: str
    attested: str
    score: float | None
    used: bool | None
    privacy: int | None


@dataclass(frozen=True, slots=True)
class Life:
    """All that a record says of a member in a run."""

    member: int
    happened: tuple[Happened, ...]
    parts: tuple[Part, ...]

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def life_of(record: Record, run: Run, member: int, receipts: Receipts) -> Life:
    """Of a member in a run; admissions and keys are those of all time."""
    spent, late = _privacy(record, run, member), _late(record, run, member)
    parts = (
        _part(run, round_, member, receipts, spent, late) for round_ in run.lived_by(member).rounds
    )
    return Life(member, tuple(_happened(record, run, member)), tuple(parts))


def _happened(record: Record, run: Run, member: int) -> Iterator[Happened]:
    for one in record.logged:
        of_it = getattr(one.event, "member", None) == member
        if (
            of_it
            and getattr(one.event, "run", run.number) == run.number
            and (words := _words(one.event))
        ):
            time, by = record.times.get(one.block), record.senders.get(one.transaction)
            yield Happened(words, one.block, time, by)


def _words(event: Event) -> str:
    match event:
        case MemberAdmitted():
            return "admitted"
        case MemberRevoked(_, reason):
            why = {code: word for word, code in REASONS.items()}.get(reason, f"code {reason}")
            return f"revoked, reason: {why}"
        case AccountProposed(_, account):
            return f"proposed the account {account}"
        case AccountRotated(_, account):
            return f"acts through the account {account} from here on"
        case PeerKeyRotated():
            return "has another peer key from here on"
        case Entered(_, _, seat, from_round):
            return f"entered: seat {seat}, counts from round {from_round} on"
        case Evicted(_, _, seat):
            return f"lost seat {seat}"
    return ""


def _privacy(record: Record, run: Run, member: int) -> dict[int, int]:
    """What the member had spent by each round, as it committed to."""
    return {
        one.event.round: one.event.privacy
        for one in record.logged
        if isinstance(one.event, Committed)
        and (one.event.run, one.event.member) == (run.number, member)
    }


def _late(record: Record, run: Run, member: int) -> set[int]:
    """Rounds that were finalized already when the member attested."""
    late, finalized = set(), set()
    for event in (one.event for one in record.logged):
        if isinstance(event, RoundFinalized) and event.run == run.number:
            finalized.add(event.round)
        elif isinstance(event, Attested) and (event.run, event.member) == (run.number, member):
            late |= finalized & {event.round}
    return late


def _part(
    run: Run, round_: Round, member: int, receipts: Receipts, spent: dict[int, int], late: set[int]
) -> Part:
    final = round_.finalized
    mine = input_of(receipts(final.receipt), member) if final else None
    return Part(
        round=round_.number,
        what=_what(run, round_, member, mine.used if mine else None),
        attested=_attested(round_, member, late),
        score=mine.score if mine else None,
        used=mine.used if mine else None,
        privacy=spent.get(round_.number),
    )


def _what(run: Run, round_: Round, member: int, used: bool | None) -> str:
    """How far its update got."""
    bit = run.bit(member)
    if bit & (round_.inputs or 0):
        return "merged" if used is not False else "an input, left out by the rule"
    if member in round_.revealed:
        waiting = round_.inputs is None and not round_.ended
        return "revealed" if waiting else "left out: its update reached too few"
    if bit & round_.committed:
        return "committed" if round_.phase <= Phase.REVEAL and not round_.ended else "never revealed"
    if not bit & round_.roster:
        return "not in the roster"
    return "not waited for" if not bit & round_.expected else "waited for in vain"


def _attested(round_: Round, member: int, late: set[int]) -> str:
    if member not in round_.attested:
        return "-"
    if member in round_.disputed:
        return "otherwise than the quorum"
    return "late" if round_.number in late else "yes"
