"""What the authority does on the chain: admits and revokes members and auditors, opens and closes runs.

It aggregates nothing and sees no weights. Each function is one decision; the chain records it.
"""

from __future__ import annotations

import hashlib

from node.card import AUDITS, Card
from node.errors import LedgerRefusal, WrongUse
from node.exchange import PeerKey
from node.ledger import (
    Admit,
    AdmitAuditor,
    CloseRun,
    Evict,
    Ledger,
    Mined,
    OpenGossip,
    OpenRun,
    Revoke,
    RevokeAuditor,
)
from node.manifest import Manifest
from node.state import Chronicle, apply_all

GAS_MONEY = 10**18
"""Wei forwarded to a new member: pays for thousands of rounds on a permissioned chain."""

REASONS = {"unspecified": 0, "consent": 1, "misbehaviour": 2, "key-lost": 3, "left": 4}
"""Reason codes of a revocation; the words behind a code stay off the chain."""


async def chronicle_of(ledger: Ledger) -> Chronicle:
    """Everything the chain says now. Raises ChainUnreachable."""
    head = await ledger.head()
    found = await ledger.events(ledger.network.deployed_block, head.number)
    return apply_all(Chronicle(), (logged.event for logged in found))


async def admit(ledger: Ledger, card: Card, organization: bytes, funding: int = GAS_MONEY) -> int:
    """Admit a node and fund its account; its member number. Raises WrongUse, LedgerRefusal.

    organization: see `hidden`.
    """
    if card.account == AUDITS:
        raise WrongUse(f"{card.name}'s is an auditor's card: run `waggle authority admit-auditor`")
    for known in (await chronicle_of(ledger)).members.values():
        if card.account == known.account or card.peer_key == known.peer_key:
            raise WrongUse(f"{card.name}'s account or peer key is member {known.number}'s already")
    await ledger.send(Admit(card.account, card.peer_key, organization, funding))
    member = (await chronicle_of(ledger)).member_of(card.account)
    assert member is not None
    return member.number


async def admit_auditor(ledger: Ledger, card: Card, organization: bytes) -> None:
    """Admit an auditor, who gets no seat and no gas money. Raises WrongUse, LedgerRefusal."""
    if card.account != AUDITS:
        raise WrongUse(
            f"{card.name}'s is a node's card: an auditor has a home and a key of its own, made by "
            "`waggle audit init`"
        )
    if card.peer_key in (await chronicle_of(ledger)).auditors:
        raise WrongUse(f"{card.name} is an auditor already")
    try:
        await ledger.send(AdmitAuditor(card.peer_key, organization))
    except LedgerRefusal as refusal:
        if refusal.name == "Unexplained":  # the function isn't there
            raise WrongUse(
                "this network was deployed before there were auditors: deploy a new one"
            ) from None
        raise


async def revoke_auditor(ledger: Ledger, peer_key: PeerKey) -> None:
    """Revoke an auditor for good. Raises WrongUse when there is none with this key."""
    auditors = (await chronicle_of(ledger)).auditors
    if peer_key not in auditors:
        known = ", ".join(key.hex() for key in auditors) or "none"
        raise WrongUse(f"{peer_key.hex()} is no auditor's key: there are {known}")
    await ledger.send(RevokeAuditor(peer_key))


def hidden(organization: str, salt: bytes) -> bytes:
    """What the chain gets of an organization's name; the 32-byte salt stays in the books."""
    return hashlib.sha256(salt + organization.encode()).digest()


async def revoke(ledger: Ledger, member: int, reason: str) -> tuple[int, ...]:
    """Revoke a member and take its seat out of every open run; those runs. Raises WrongUse."""
    chronicle = await chronicle_of(ledger)
    if member not in chronicle.members:
        raise WrongUse(f"there is no member {member}: there are {sorted(chronicle.members)}")
    if not chronicle.members[member].active:
        raise WrongUse(f"member {member} is revoked already")
    runs = tuple(n for n, r in chronicle.runs.items() if r.closed is None and member in r.seats)
    await ledger.send(Revoke(member, runs, REASONS[reason]))
    return runs


async def open_run(ledger: Ledger, manifest: Manifest) -> int:
    """Open a run; its number. Raises LedgerRefusal, WrongUse on a network without gossip runs."""
    data = manifest.to_bytes()
    opening = OpenRun if manifest.neighbours is None else OpenGossip
    await ledger.send(opening(manifest.terms, data))
    runs = (await chronicle_of(ledger)).runs
    return max(number for number, run in runs.items() if run.manifest == data)


async def close_run(ledger: Ledger, run: int) -> Mined:
    """End a run. Raises LedgerRefusal, WrongUse."""
    runs = (await chronicle_of(ledger)).runs
    if run not in runs:
        raise WrongUse(f"there is no run {run}: there are {sorted(runs)}")
    if runs[run].closed is not None:
        raise WrongUse(f"run {run} is closed already")
    return await ledger.send(CloseRun(run))


async def evict(ledger: Ledger, run: int, member: int) -> Mined:
    """Take a revoked member's seat out of a run that the revocation didn't name."""
    return await ledger.send(Evict(run, member))
