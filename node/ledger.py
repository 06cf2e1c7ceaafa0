"""The ledger seam: what the chain says (events) and what it takes (calls).

Names, fields and their order are those of contracts/src/interfaces. Events are all that a node or an
auditor knows of the chain: `node.state` folds them into the state of a run. Bitmaps are ints, bit s
for seat s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NewType, Protocol

from node.digest import Digest
from node.exchange import PeerKey

Address = NewType("Address", str)
"""A checksummed Ethereum address."""

FIRST_GOSSIP = 1_000_001
"""GossipLedger numbers its runs from here on, so that a number says which ledger a run is in."""


def is_gossip(run: int) -> bool:
    """Whether a run is a gossip run, by its number."""
    return run >= FIRST_GOSSIP


class Phase(IntEnum):
    """Phases of a run; training belongs to COMMIT, exchange and verification to HOLD.

    In gossip runs ATTEST follows REVEAL, and exchange and verification belong to it.
    """

    NONE = 0
    ENTERING = 1
    COMMIT = 2
    REVEAL = 3
    HOLD = 4
    ATTEST = 5
    CLOSED = 6


class Skip(IntEnum):
    """Why a round ended without a merge."""

    TOO_FEW_COMMITTED = 0
    TOO_FEW_REVEALED = 1
    TOO_FEW_INPUTS = 2
    NO_QUORUM = 3


class Close(IntEnum):
    """Why a run ended."""

    ROUNDS_DONE = 0
    BY_AUTHORITY = 1


@dataclass(frozen=True, slots=True)
class Network:
    """Which chain and contracts: part of every commitment, so nothing replays elsewhere.

    gossip: the GossipLedger; empty on networks that were deployed before there was one.
    """

    chain_id: int
    registry: Address
    ledger: Address
    network_id: bytes
    deployed_block: int
    gossip: Address = Address("")

    def ledger_of(self, run: int) -> Address:
        """The contract that a run is in."""
        return self.gossip if is_gossip(run) else self.ledger


@dataclass(frozen=True, slots=True)
class Block:
    """A block's number, its timestamp in Unix seconds, and its hash; no hash on chains in memory."""

    number: int
    time: int
    hash: bytes = b""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the contract holds a run to; see IRoundLedger.Terms. Times in seconds."""

    rounds: int
    seats: int
    min_inputs: int
    join_delay: int
    enter_seconds: int
    commit_seconds: int
    reveal_seconds: int
    hold_seconds: int
    attest_seconds: int
    privacy_budget: int
    base: Digest
    parent_run: int = 0
    parent_round: int = 0


# What the chain says.


@dataclass(frozen=True, slots=True)
class MemberAdmitted:
    member: int
    account: Address
    peer_key: PeerKey
    organization: bytes


@dataclass(frozen=True, slots=True)
class MemberRevoked:
    member: int
    reason: int
    epoch: int


@dataclass(frozen=True, slots=True)
class AccountProposed:
    member: int
    account: Address


@dataclass(frozen=True, slots=True)
class AccountRotated:
    member: int
    account: Address


@dataclass(frozen=True, slots=True)
class PeerKeyRotated:
    member: int
    peer_key: PeerKey


@dataclass(frozen=True, slots=True)
class AuditorAdmitted:
    peer_key: PeerKey
    organization: bytes


@dataclass(frozen=True, slots=True)
class AuditorRevoked:
    peer_key: PeerKey


@dataclass(frozen=True, slots=True)
class RunOpened:
    run: int
    manifest_digest: bytes
    terms: Terms
    manifest: bytes


@dataclass(frozen=True, slots=True)
class Entered:
    run: int
    member: int
    seat: int
    from_round: int


@dataclass(frozen=True, slots=True)
class RoundOpened:
    run: int
    round: int
    base: Digest
    roster: int
    expected: int
    f: int
    quorum: int
    deadline: int


@dataclass(frozen=True, slots=True)
class PhaseAdvanced:
    run: int
    round: int
    phase: Phase
    deadline: int


@dataclass(frozen=True, slots=True)
class Committed:
    run: int
    round: int
    member: int
    commitment: bytes
    privacy: int


@dataclass(frozen=True, slots=True)
class Revealed:
    run: int
    round: int
    member: int
    digest: Digest
    weight: int
    privacy: int
    salt: bytes


@dataclass(frozen=True, slots=True)
class Held:
    run: int
    round: int
    member: int
    bits: int


@dataclass(frozen=True, slots=True)
class InputsFixed:
    run: int
    round: int
    inputs: int
    seed: bytes


@dataclass(frozen=True, slots=True)
class Attested:
    run: int
    round: int
    member: int
    merged: Digest
    receipt: Digest


@dataclass(frozen=True, slots=True)
class RoundFinalized:
    run: int
    round: int
    merged: Digest
    receipt: Digest


@dataclass(frozen=True, slots=True)
class RoundBegan:
    """A round of a gossip run."""

    run: int
    round: int
    roster: int
    expected: int
    f: int
    deadline: int


@dataclass(frozen=True, slots=True)
class NeighboursDrawn:
    """Reveals have closed in a gossip run; see node.gossip.neighbours."""

    run: int
    round: int
    revealed: int
    seed: bytes


@dataclass(frozen=True, slots=True)
class AttestedOwn:
    """In a gossip run: merged is the member's model from now on."""

    run: int
    round: int
    member: int
    inputs: int
    merged: Digest
    receipt: Digest


@dataclass(frozen=True, slots=True)
class RoundEnded:
    """Of a gossip run; skipped rounds end with RoundSkipped instead."""

    run: int
    round: int


@dataclass(frozen=True, slots=True)
class RoundSkipped:
    run: int
    round: int
    reason: Skip


@dataclass(frozen=True, slots=True)
class SeatsBenched:
    run: int
    round: int
    bits: int


@dataclass(frozen=True, slots=True)
class Evicted:
    run: int
    member: int
    seat: int


@dataclass(frozen=True, slots=True)
class RunClosed:
    run: int
    reason: Close


RegistryEvent = (
    MemberAdmitted
    | MemberRevoked
    | AccountProposed
    | AccountRotated
    | PeerKeyRotated
    | AuditorAdmitted
    | AuditorRevoked
)
SharedEvent = (
    RunOpened
    | Entered
    | PhaseAdvanced
    | Committed
    | Revealed
    | RoundSkipped
    | SeatsBenched
    | Evicted
    | RunClosed
)
CanonicalEvent = RoundOpened | Held | InputsFixed | Attested | RoundFinalized
GossipEvent = RoundBegan | NeighboursDrawn | AttestedOwn | RoundEnded
RunEvent = SharedEvent | CanonicalEvent | GossipEvent
Event = RegistryEvent | RunEvent


@dataclass(frozen=True, slots=True)
class Logged:
    """An event where the chain has it: block number, position in the block, transaction hash."""

    block: int
    index: int
    transaction: bytes
    event: Event


# What the chain takes. A node sends the first six; anybody may send Advance and Evict.


@dataclass(frozen=True, slots=True)
class Enter:
    run: int


@dataclass(frozen=True, slots=True)
class Commit:
    run: int
    round: int
    commitment: bytes
    privacy: int


@dataclass(frozen=True, slots=True)
class Reveal:
    run: int
    round: int
    digest: Digest
    weight: int
    privacy: int
    salt: bytes


@dataclass(frozen=True, slots=True)
class Hold:
    run: int
    round: int
    bits: int


@dataclass(frozen=True, slots=True)
class Attest:
    run: int
    round: int
    merged: Digest
    receipt: Digest


@dataclass(frozen=True, slots=True)
class AttestOwn:
    """In gossip runs: what merging `inputs`, one's own update among them, gave."""

    run: int
    round: int
    inputs: int
    merged: Digest
    receipt: Digest


@dataclass(frozen=True, slots=True)
class Advance:
    run: int


@dataclass(frozen=True, slots=True)
class Evict:
    run: int
    member: int


@dataclass(frozen=True, slots=True)
class RotatePeerKey:
    peer_key: PeerKey


@dataclass(frozen=True, slots=True)
class ProposeAccount:
    account: Address


@dataclass(frozen=True, slots=True)
class AcceptAccount:
    member: int


@dataclass(frozen=True, slots=True)
class Admit:
    """The authority's; `funding` in wei is forwarded to the account."""

    account: Address
    peer_key: PeerKey
    organization: bytes
    funding: int = 0


@dataclass(frozen=True, slots=True)
class Revoke:
    """The authority's; takes the member's seat out of `runs` at once."""

    member: int
    runs: tuple[int, ...]
    reason: int


@dataclass(frozen=True, slots=True)
class AdmitAuditor:
    """The authority's: a peer that may fetch, and has neither account nor seat."""

    peer_key: PeerKey
    organization: bytes


@dataclass(frozen=True, slots=True)
class RevokeAuditor:
    """The authority's."""

    peer_key: PeerKey


@dataclass(frozen=True, slots=True)
class OpenRun:
    """The authority's."""

    terms: Terms
    manifest: bytes


@dataclass(frozen=True, slots=True)
class OpenGossip:
    """The authority's: opens a gossip run."""

    terms: Terms
    manifest: bytes


@dataclass(frozen=True, slots=True)
class CloseRun:
    """The authority's."""

    run: int


NodeCall = (
    Enter
    | Commit
    | Reveal
    | Hold
    | Attest
    | AttestOwn
    | Advance
    | Evict
    | RotatePeerKey
    | ProposeAccount
    | AcceptAccount
)
AuthorityCall = Admit | Revoke | AdmitAuditor | RevokeAuditor | OpenRun | OpenGossip | CloseRun
Call = NodeCall | AuthorityCall


@dataclass(frozen=True, slots=True)
class Mined:
    """A call that the chain took: block number, gas used, transaction hash."""

    block: int
    gas: int
    transaction: bytes


class Ledger(Protocol):
    """One account's view of the chain."""

    @property
    def network(self) -> Network:
        """Which chain and contracts this is."""
        ...

    @property
    def account(self) -> Address:
        """The account that sends calls."""
        ...

    async def head(self) -> Block:
        """The newest block. Raises ChainUnreachable."""
        ...

    async def events(self, first: int, last: int) -> Sequence[Logged]:
        """Events of the contracts in blocks first..last, in chain order. Raises ChainUnreachable."""
        ...

    async def send(self, call: Call) -> Mined:
        """Send a call and wait until it is mined.

        Raises LedgerRefusal with the contract's custom error, ChainUnreachable.
        """
        ...
