"""From what the chain said back to the call that made it say so."""

from __future__ import annotations

from collections.abc import Callable

from node.ledger import (
    AcceptAccount,
    AccountProposed,
    AccountRotated,
    Address,
    Admit,
    AdmitAuditor,
    Advance,
    Attest,
    Attested,
    AttestedOwn,
    AttestOwn,
    AuditorAdmitted,
    AuditorRevoked,
    Call,
    CloseRun,
    Commit,
    Committed,
    Enter,
    Entered,
    Event,
    Evict,
    Evicted,
    Held,
    Hold,
    MemberAdmitted,
    MemberRevoked,
    OpenGossip,
    OpenRun,
    PeerKeyRotated,
    ProposeAccount,
    Reveal,
    Revealed,
    Revoke,
    RevokeAuditor,
    RotatePeerKey,
    RunClosed,
    RunOpened,
    is_gossip,
)

AUTHORITY = Address("0x00000000000000000000000000000000000000A1")
"""Stands for whoever has that role: events don't tell, and only its holders can make them."""


def call_behind(event: Event, account_of: Callable[[int], Address]) -> tuple[Address, Call]:
    """Who called what, judging by the first event that the call caused.

    account_of: a member's account at that time. A revocation's evictions count as calls of their own,
    with the same effect. What no member's or authority's call causes first, an advance caused.
    """
    call = _of_authority(event)
    if call is not None:
        return AUTHORITY, call
    if isinstance(event, AccountRotated):
        return event.account, AcceptAccount(event.member)
    call = _of_member(event)
    if call is not None:
        return account_of(event.member), call  # type: ignore[union-attr]
    return AUTHORITY, Advance(event.run)  # type: ignore[union-attr]


def _of_authority(event: Event) -> Call | None:
    match event:
        case MemberAdmitted(_, account, peer_key, organization):
            return Admit(account, peer_key, organization)
        case MemberRevoked(member, reason):
            return Revoke(member, (), reason)
        case AuditorAdmitted(peer_key, organization):
            return AdmitAuditor(peer_key, organization)
        case AuditorRevoked(peer_key):
            return RevokeAuditor(peer_key)
        case Evicted(run, member):
            return Evict(run, member)
        case RunOpened(run, _, terms, manifest):
            return (OpenGossip if is_gossip(run) else OpenRun)(terms, manifest)
        case RunClosed(run):
            return CloseRun(run)
    return None


def _of_member(event: Event) -> Call | None:
    match event:
        case AccountProposed(_, account):
            return ProposeAccount(account)
        case PeerKeyRotated(_, peer_key):
            return RotatePeerKey(peer_key)
        case Entered(run):
            return Enter(run)
        case Committed(run, round_, _, commitment, privacy):
            return Commit(run, round_, commitment, privacy)
        case Revealed(run, round_, _, digest, weight, privacy, salt):
            return Reveal(run, round_, digest, weight, privacy, salt)
        case Held(run, round_, _, bits):
            return Hold(run, round_, bits)
        case Attested(run, round_, _, merged, receipt):
            return Attest(run, round_, merged, receipt)
        case AttestedOwn(run, round_, _, inputs, merged, receipt):
            return AttestOwn(run, round_, inputs, merged, receipt)
    return None
