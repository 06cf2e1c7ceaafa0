"""The rules of NodeRegistry.sol in Python: who is a member, who an auditor, with which peer key.

A readable twin like `node.contracts.rounds`: every method checks first and changes afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from node.errors import LedgerRefusal
from node.exchange import PeerKey
from node.ledger import (
    AccountProposed,
    AccountRotated,
    Address,
    Admit,
    AdmitAuditor,
    AuditorAdmitted,
    AuditorRevoked,
    MemberAdmitted,
    MemberRevoked,
    PeerKeyRotated,
    RegistryEvent,
    Revoke,
)

AUDITOR = 0
"""Whose a peer key is that is no member's."""

NOBODY = Address("0x" + "00" * 20)


@dataclass(slots=True)
class _Member:
    account: Address
    peer_key: PeerKey
    active: bool = True
    proposed: Address = NOBODY


class MemoryRegistry:
    """Members and the authority. Members are numbered from 1."""

    def __init__(self, authority: Address, emit: Callable[[RegistryEvent], None]) -> None:
        self.authority = authority
        self.members: list[_Member] = []
        self.epoch = 0
        self._emit = emit
        self._accounts: dict[Address, int] = {}
        self._keys: dict[PeerKey, int] = {}
        self._auditors: set[PeerKey] = set()

    def member_of(self, account: Address) -> int:
        """The active member behind an account, or 0."""
        number = self._accounts.get(account, 0)
        current = number and self.members[number - 1].account == account
        return number if current and self.is_active(number) else 0

    def is_active(self, member: int) -> bool:
        """Whether a member number was admitted and has not been revoked."""
        return 0 < member <= len(self.members) and self.members[member - 1].active

    def only_authority(self, account: Address) -> None:
        """Refuse everybody else."""
        if account != self.authority:
            raise LedgerRefusal("NotAuthority", account)

    def caller(self, account: Address) -> int:
        """The member that calls. Raises LedgerRefusal for strangers."""
        member = self.member_of(account)
        if not member:
            raise LedgerRefusal("NotMember", account)
        return member

    def admit(self, call: Admit) -> None:
        """Admit a member."""
        self._free_account(call.account)
        self._free_key(call.peer_key)
        self.members.append(_Member(call.account, call.peer_key))
        number = len(self.members)
        self._accounts[call.account] = self._keys[call.peer_key] = number
        self._emit(MemberAdmitted(number, call.account, call.peer_key, call.organization))

    def check_active(self, member: int) -> None:
        """Refuse a member number that is unknown or revoked already."""
        if not self.is_active(member):
            raise LedgerRefusal("NotActive", member)

    def revoke(self, call: Revoke) -> None:
        """Revoke a member for good."""
        self.members[call.member - 1].active = False
        self.epoch += 1
        self._emit(MemberRevoked(call.member, call.reason, self.epoch))

    def is_auditor(self, peer_key: PeerKey) -> bool:
        """Whether a peer key is that of an auditor who was admitted and has not been revoked."""
        return peer_key in self._auditors

    def admit_auditor(self, call: AdmitAuditor) -> None:
        """Admit an auditor."""
        self._free_key(call.peer_key)
        self._keys[call.peer_key] = AUDITOR
        self._auditors.add(call.peer_key)
        self._emit(AuditorAdmitted(call.peer_key, call.organization))

    def revoke_auditor(self, peer_key: PeerKey) -> None:
        """Revoke an auditor for good."""
        if not self.is_auditor(peer_key):
            raise LedgerRefusal("NotAuditor", peer_key)
        self._auditors.remove(peer_key)
        self._emit(AuditorRevoked(peer_key))

    def propose(self, member: int, account: Address) -> None:
        """Propose another account for a member."""
        self._free_account(account)
        self.members[member - 1].proposed = account
        self._emit(AccountProposed(member, account))

    def accept(self, caller: Address, member: int) -> None:
        """Act for a member from now on."""
        self.check_active(member)
        if self.members[member - 1].proposed != caller:
            raise LedgerRefusal("NotProposed", member, caller)
        self._free_account(caller)
        self._accounts[caller] = member
        self.members[member - 1].account = caller
        self.members[member - 1].proposed = NOBODY
        self._emit(AccountRotated(member, caller))

    def rotate_peer_key(self, member: int, peer_key: PeerKey) -> None:
        """Replace a member's peer key."""
        self._free_key(peer_key)
        self._keys[peer_key] = member
        self.members[member - 1].peer_key = peer_key
        self._emit(PeerKeyRotated(member, peer_key))

    def _free_account(self, account: Address) -> None:
        """An account that never stood for a member."""
        if account == NOBODY:
            raise LedgerRefusal("Zero")
        if holder := self._accounts.get(account):
            raise LedgerRefusal("AccountTaken", account, holder)

    def _free_key(self, peer_key: PeerKey) -> None:
        """A peer key that never was anybody's."""
        if not any(peer_key):
            raise LedgerRefusal("Zero")
        if (holder := self._keys.get(peer_key)) is not None:
            raise LedgerRefusal("PeerKeyTaken", peer_key, holder)
