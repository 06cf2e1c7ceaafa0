"""What accounts say to a ledger under test: calls that fit a run's state, and flaws for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from node.commitment import Claims, commitment
from node.contracts.rounds import MemoryRun
from node.digest import ZERO, Digest, digest
from node.ledger import (
    FIRST_GOSSIP,
    Attest,
    AttestOwn,
    Call,
    Commit,
    Enter,
    Hold,
    Network,
    OpenGossip,
    OpenRun,
    Phase,
    Reveal,
    Terms,
    is_gossip,
)

WEIGHT = 8
BASE = digest(b"the seeded initial model")
TERMS = Terms(
    rounds=5,
    seats=7,
    min_inputs=3,
    join_delay=1,
    enter_seconds=10,
    commit_seconds=20,
    reveal_seconds=30,
    hold_seconds=40,
    attest_seconds=50,
    privacy_budget=3,
    base=BASE,
)


def fitting(
    network: Network,
    run: MemoryRun,
    member: int,
    *,
    spends: int = 0,
    withheld: int = 0,
    answer: int = 0,
) -> Call | None:
    """What a member says in the present phase, or None when the run is closed.

    spends: privacy more than before. withheld: seats whose updates it hasn't got. answer: which of
    several results it attests.
    """
    match run.phase:
        case Phase.ENTERING:
            return Enter(run.number)
        case Phase.COMMIT:
            return promise(network, run, member, spends)
        case Phase.REVEAL:
            return opening(run, member)
        case Phase.HOLD:
            return Hold(run.number, run.round, run.tallies.revealed & ~withheld)
        case Phase.ATTEST:
            return attestation(run, member, run.round, answer, withheld)
    return None


def promise(network: Network, run: MemoryRun, member: int, spends: int = 0) -> Commit:
    """A member's commitment in the present round."""
    claims = Claims(WEIGHT, max(0, declared(run, member) + spends))
    made = commitment(
        network, run.number, run.round, run.base_of(member), member, _update(run, member), claims,
        _salt(run, member),
    )  # fmt: skip
    return Commit(run.number, run.round, made, claims.privacy)


def opening(run: MemoryRun, member: int) -> Reveal:
    """What opens a member's promise, if it made one in this round."""
    update, spent = _update(run, member), declared(run, member)
    return Reveal(run.number, run.round, update, WEIGHT, spent, _salt(run, member))


def opening_call(terms: Terms, gossip: bool, manifest: bytes = b"manifest") -> OpenRun | OpenGossip:
    """What opens a run of either kind."""
    return OpenGossip(terms, manifest) if gossip else OpenRun(terms, manifest)


def attestation(
    run: MemoryRun, member: int, round_: int, answer: int = 0, withheld: int = 0
) -> Attest | AttestOwn:
    """What merging gave: one of several results, or in a gossip run the member's own.

    What honest nodes get is 0; odd answers differ in the receipt only.
    """
    receipt = digest(f"receipt {answer % 2}".encode())
    if not is_gossip(run.number):
        merged = digest(f"merged {run.number} {round_} {answer // 2}".encode())
        return Attest(run.number, round_, merged, receipt)
    seat = run._seats.get(member)
    inputs = run.tallies.revealed & ~withheld | (seat.bit if seat else 0)
    merged = digest(f"model of {member} after {run.number} {round_}".encode())
    return AttestOwn(run.number, round_, inputs, merged, receipt)


def declared(run: MemoryRun, member: int) -> int:
    """The privacy that a member declared last."""
    seat = run._seats.get(member)
    return seat.privacy if seat else 0


def _update(run: MemoryRun, member: int) -> Digest:
    return digest(f"update {run.number} {run.round} {member}".encode())


def _salt(run: MemoryRun, member: int) -> bytes:
    return digest(f"salt {run.number} {run.round} {member}".encode()).raw


def _set(**changed: Any) -> Callable[[Any], Any]:
    return lambda call: replace(call, **changed)


def _add(field: str, by: int) -> Callable[[Any], Any]:
    return lambda call: replace(call, **{field: max(0, getattr(call, field) + by)})


_ANY = {
    "no flaw": _set(),
    "the round before": _add("round", -1),
    "the round after": _add("round", 1),
    "the last round there can be": _set(round=2**32 - 1),
}
_NO_RUN = {"no such run": _set(run=99), "run 0": _set(run=0)}
_NO_GOSSIP = {
    "no such gossip run": _set(run=FIRST_GOSSIP + 99),
    "a run of the other ledger": _set(run=1),
}
_NO_RESULT = {"no model": _set(merged=ZERO), "no receipt": _set(receipt=ZERO)}
FLAWS: dict[type[Call], dict[str, Callable[[Any], Any]]] = {
    Commit: _ANY
    | _NO_RUN
    | _NO_GOSSIP
    | {
        "no commitment": _set(commitment=bytes(32)),
        "more privacy": _add("privacy", 1),
        "less privacy": _add("privacy", -1),
        "all privacy": _set(privacy=2**64 - 1),
    },
    Reveal: _ANY
    | _NO_RUN
    | _NO_GOSSIP
    | {
        "no digest": _set(digest=ZERO),
        "another digest": _set(digest=BASE),
        "no weight": _set(weight=0),
        "no power of two": _set(weight=3),
        "another weight": _set(weight=2**63),
        "more privacy": _add("privacy", 1),
        "another salt": _set(salt=bytes(32)),
    },
    Hold: _ANY
    | _NO_RUN
    | {
        "nothing": _set(bits=0),
        "one more seat": lambda call: replace(call, bits=call.bits | 1 << 6),
        "all seats": _set(bits=2**256 - 1),
    },
    Attest: _ANY | _NO_RUN | _NO_RESULT,
    AttestOwn: _ANY
    | _NO_GOSSIP
    | _NO_RESULT
    | {
        "nothing": _set(inputs=0),
        "one more seat": lambda call: replace(call, inputs=call.inputs | 1 << 6),
        "one seat less": lambda call: replace(call, inputs=call.inputs & call.inputs - 1),
        "all seats": _set(inputs=2**256 - 1),
    },
}
"""Ways to spoil a call that fits."""


def spoiled(call: Call, flaw: str) -> Call:
    """A call with a flaw, where it can have that one."""
    spoil = FLAWS[type(call)].get(flaw)
    return spoil(call) if spoil else call


BAD_TERMS: dict[str, dict[str, Any]] = {
    "no rounds": {"rounds": 0},
    "no seats": {"seats": 0},
    "too many seats": {"seats": 257},
    "no inputs": {"min_inputs": 0},
    "more inputs than seats": {"seats": 3, "min_inputs": 4},
    "no delay": {"join_delay": 0},
    "no time to enter": {"enter_seconds": 0},
    "no time to commit": {"commit_seconds": 0},
    "no time to reveal": {"reveal_seconds": 0},
    "no time to hold": {"hold_seconds": 0},
    "no time to attest": {"attest_seconds": 0},
    "no base": {"base": ZERO},
    "no such parent": {"parent_run": 99},
    "a parent that isn't finalized": {"parent_run": 1, "parent_round": 2**32 - 1},
    "nothing at all": {"rounds": 0, "seats": 0, "attest_seconds": 0, "base": ZERO},
}
"""Ways to spoil a run's terms."""
