"""The registry through the ledger seam: in memory, on py-evm, on anvil."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import pytest

from node.errors import LedgerRefusal
from node.exchange import PeerKey
from node.ledger import (
    AcceptAccount,
    AccountProposed,
    AccountRotated,
    Address,
    Admit,
    AdmitAuditor,
    AuditorAdmitted,
    AuditorRevoked,
    Enter,
    Event,
    MemberAdmitted,
    MemberRevoked,
    OpenRun,
    PeerKeyRotated,
    ProposeAccount,
    Revoke,
    RevokeAuditor,
    RotatePeerKey,
)
from tests.chains import NODES, World, organization, peer_key
from tests.rounds import MANIFEST, TERMS, refusal

NOBODY = Address("0x" + "00" * 20)
FRESH = PeerKey(b"\x77" * 32)


async def said(world: World) -> list[Event]:
    """What was said after the members were admitted."""
    head = (await world.authority.head()).number
    logged = await world.authority.events(0, head)
    return [entry.event for entry in logged][NODES:]


async def test_members_are_numbered_from_one(world: World) -> None:
    """The account, the peer key and the organization stand in the event."""
    head = (await world.authority.head()).number
    logged = await world.authority.events(0, head)
    assert [entry.event for entry in logged] == [
        MemberAdmitted(number, node.account, peer_key(number), organization(number))
        for number, node in enumerate(world.nodes, 1)
    ]


def admission(world: World) -> Admit:
    """A good one, of a stranger."""
    return Admit(world.strangers[0].account, FRESH, bytes(32))


async def test_only_the_authority_admits_and_revokes(world: World) -> None:
    """A member doesn't."""
    node = world.nodes[0]
    for call in (admission(world), Revoke(2, (), 0)):
        assert await refusal(node.send(call)) == ("NotAuthority", node.account)


async def test_an_admission_names_a_free_account_and_a_free_key(world: World) -> None:
    """Zero and taken ones are refused."""
    good, member = admission(world), world.nodes[0].account
    refusals: list[tuple[dict[str, Any], tuple[Any, ...]]] = [
        ({"account": NOBODY}, ("Zero",)),
        ({"peer_key": PeerKey(bytes(32))}, ("Zero",)),
        ({"account": member}, ("AccountTaken", member, 1)),
        ({"peer_key": peer_key(2)}, ("PeerKeyTaken", peer_key(2), 2)),
    ]
    for change, expected in refusals:
        assert await refusal(world.authority.send(replace(good, **change))) == expected
    await world.authority.send(good)
    assert await said(world) == [MemberAdmitted(NODES + 1, good.account, FRESH, bytes(32))]


async def test_a_peer_key_rotates_and_the_old_one_stays_taken(world: World) -> None:
    """Nobody else can ever use a key that was a member's."""
    await world.nodes[0].send(RotatePeerKey(FRESH))
    assert await said(world) == [PeerKeyRotated(1, FRESH)]
    for taken, holder in ((peer_key(1), 1), (FRESH, 1)):
        expected = ("PeerKeyTaken", taken, holder)
        assert await refusal(world.nodes[1].send(RotatePeerKey(taken))) == expected
    stranger = world.strangers[0]
    assert await refusal(stranger.send(RotatePeerKey(FRESH))) == ("NotMember", stranger.account)


async def test_an_account_rotates_when_the_proposed_one_accepts(world: World) -> None:
    """The member keeps its number and its seat; the old account acts for nobody."""
    old, new, other = world.nodes[0], world.strangers[0], world.strangers[1]
    await world.authority.send(OpenRun(TERMS, MANIFEST))
    await old.send(Enter(1))
    await old.send(ProposeAccount(new.account))
    assert await refusal(other.send(AcceptAccount(1))) == ("NotProposed", 1, other.account)
    await new.send(AcceptAccount(1))
    assert (await said(world))[-2:] == [
        AccountProposed(1, new.account),
        AccountRotated(1, new.account),
    ]
    assert await refusal(new.send(Enter(1))) == ("AlreadyEntered", 1, 1)
    assert await refusal(old.send(Enter(1))) == ("NotMember", old.account)
    again = Admit(old.account, FRESH, bytes(32))
    assert await refusal(world.authority.send(again)) == ("AccountTaken", old.account, 1)


async def test_a_proposal_names_a_free_account(world: World) -> None:
    """By a member, and free still when it is accepted."""
    node, other, stranger = world.nodes[0], world.nodes[1], world.strangers[0]
    assert await refusal(node.send(ProposeAccount(NOBODY))) == ("Zero",)
    taken = ("AccountTaken", other.account, 2)
    assert await refusal(node.send(ProposeAccount(other.account))) == taken
    unknown = ("NotMember", stranger.account)
    assert await refusal(stranger.send(ProposeAccount(stranger.account))) == unknown
    await node.send(ProposeAccount(stranger.account))
    await world.authority.send(admission(world))
    taken = ("AccountTaken", stranger.account, NODES + 1)
    assert await refusal(stranger.send(AcceptAccount(1))) == taken


@pytest.mark.parametrize("member", [0, 3, 99])
async def test_a_revoked_member_is_out_for_good(world: World, member: int) -> None:
    """It can't be revoked twice, nor can numbers that never were members."""
    await world.authority.send(Revoke(3, (), 9))
    assert await said(world) == [MemberRevoked(3, 9, 1)]
    revoked, stranger = world.nodes[2], world.strangers[0]
    assert await refusal(world.authority.send(Revoke(member, (), 9))) == ("NotActive", member)
    assert await refusal(revoked.send(RotatePeerKey(FRESH))) == ("NotMember", revoked.account)
    assert await refusal(stranger.send(AcceptAccount(member))) == ("NotActive", member)


async def test_an_auditor_is_admitted_and_revoked_by_the_authority(world: World) -> None:
    """It needs a peer key that is nobody's, and no account."""
    node = world.nodes[0]
    for call in (AdmitAuditor(FRESH, bytes(32)), RevokeAuditor(FRESH)):
        assert await refusal(node.send(call)) == ("NotAuthority", node.account)
    assert await refusal(world.authority.send(RevokeAuditor(FRESH))) == ("NotAuditor", FRESH)
    await world.authority.send(AdmitAuditor(FRESH, b"\x09" * 32))
    await world.authority.send(RevokeAuditor(FRESH))
    assert await said(world) == [AuditorAdmitted(FRESH, b"\x09" * 32), AuditorRevoked(FRESH)]
    assert await refusal(world.authority.send(RevokeAuditor(FRESH))) == ("NotAuditor", FRESH)


async def test_a_peer_key_is_a_member_s_or_an_auditor_s(world: World) -> None:
    """One role for ever, whether or not its owner was revoked since."""
    send = world.authority.send
    assert await refusal(send(AdmitAuditor(PeerKey(bytes(32)), bytes(32)))) == ("Zero",)
    taken = ("PeerKeyTaken", peer_key(2), 2)
    assert await refusal(send(AdmitAuditor(peer_key(2), bytes(32)))) == taken
    await send(AdmitAuditor(FRESH, bytes(32)))
    for _ in range(2):
        taken = ("PeerKeyTaken", FRESH, 0)
        assert await refusal(send(AdmitAuditor(FRESH, bytes(32)))) == taken
        assert await refusal(send(admission(world))) == taken
        assert await refusal(world.nodes[0].send(RotatePeerKey(FRESH))) == taken
        with contextlib.suppress(LedgerRefusal):
            await send(RevokeAuditor(FRESH))
