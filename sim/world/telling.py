"""What the chain says, in words, for the timeline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from node.ledger import (
    AccountRotated,
    Attested,
    AttestedOwn,
    Committed,
    Entered,
    Event,
    Evicted,
    Held,
    InputsFixed,
    MemberAdmitted,
    MemberRevoked,
    NeighboursDrawn,
    PeerKeyRotated,
    PhaseAdvanced,
    Revealed,
    RoundBegan,
    RoundEnded,
    RoundFinalized,
    RoundOpened,
    RoundSkipped,
    RunClosed,
    SeatsBenched,
)

_OF_MEMBERS = {
    MemberAdmitted: "admitted",
    MemberRevoked: "revoked",
    PeerKeyRotated: "with another peer key",
    AccountRotated: "with another account",
    Entered: "entered",
    Evicted: "evicted",
    Committed: "committed",
    Revealed: "revealed",
    Held: "held",
    Attested: "attested",
    AttestedOwn: "attested its own",
}


def tell(events: Iterable[Event]) -> Iterator[str]:
    """A line for what several members did alike, and one for everything else."""
    for kind, group in groupby(events, type):
        if kind in _OF_MEMBERS:
            members = ", ".join(str(event.member) for event in group)  # type: ignore[union-attr]
            yield f"{_OF_MEMBERS[kind]}: {members}"
        else:
            yield from filter(None, map(_tell, group))


def _tell(event: Event) -> str:
    match event:
        case RoundOpened():
            return f"round {event.round} opens from {event.base.short}, quorum {event.quorum}"
        case RoundBegan():
            return f"round {event.round} begins"
        case PhaseAdvanced():
            return f"round {event.round}: {event.phase.name.lower()}"
        case InputsFixed():
            return f"round {event.round}: inputs are seats {_seats(event.inputs)}"
        case NeighboursDrawn():
            return f"round {event.round}: neighbours are drawn among seats {_seats(event.revealed)}"
        case RoundEnded():
            return f"round {event.round} is over"
        case RoundFinalized():
            return f"round {event.round} is finalized: {event.merged.short}"
        case RoundSkipped():
            return f"round {event.round} is skipped: {event.reason.name.lower().replace('_', ' ')}"
        case SeatsBenched():
            return f"round {event.round}: seats {_seats(event.bits)} are benched"
        case RunClosed():
            return "the run is closed"
    return ""


def _seats(bits: int) -> str:
    return ", ".join(str(seat) for seat in range(bits.bit_length()) if bits >> seat & 1)
