"""A chain in memory, no EVM: members, runs, blocks and time. Tests and the world run on it, and the
audit tells records by it.

`MemoryChain` is the chain; `MemoryLedger(chain, account)` is one account's `Ledger`. It follows
NodeRegistry.sol (in `node.contracts.registry`), RoundLedger.sol (in `node.contracts.rounds`) and
GossipLedger.sol (in `node.contracts.gossip`), and passes the same suites. Each call that is taken mines
one block at the injected clock's time.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import trio
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from node.contracts.gossip import MemoryGossip, checked_gossip
from node.contracts.registry import MemoryRegistry
from node.contracts.rounds import MemoryRun, checked
from node.digest import ZERO, Digest
from node.errors import LedgerRefusal
from node.ledger import (
    FIRST_GOSSIP,
    AcceptAccount,
    Address,
    Admit,
    AdmitAuditor,
    Advance,
    Attest,
    AttestOwn,
    Block,
    Call,
    Close,
    CloseRun,
    Commit,
    Enter,
    Event,
    Evict,
    Hold,
    Logged,
    Mined,
    Network,
    OpenGossip,
    OpenRun,
    Phase,
    ProposeAccount,
    Reveal,
    Revoke,
    RevokeAuditor,
    RotatePeerKey,
    RunOpened,
    is_gossip,
)

_Said = tuple[bytes, list[Event]]

_PHASES = {
    Commit: Phase.COMMIT,
    Reveal: Phase.REVEAL,
    Hold: Phase.HOLD,
    Attest: Phase.ATTEST,
    AttestOwn: Phase.ATTEST,
}


def memory_address(name: str) -> Address:
    """A checksummed address made from a name, for accounts without keys."""
    return Address(to_checksum_address(keccak(text=name)[12:]))


def _memory_network() -> Network:
    return Network(
        chain_id=31337,
        registry=memory_address("registry"),
        ledger=memory_address("ledger"),
        network_id=keccak(text="memory network"),
        deployed_block=0,
        gossip=memory_address("gossip"),
    )


@dataclass(frozen=True, slots=True)
class Sent:
    """A call in a block: its transaction's hash and its sender."""

    transaction: bytes
    account: Address
    call: Call


class MemoryChain:
    """Members, runs, blocks and time, shared by the ledgers of all accounts.

    clock: gives Unix seconds; a block's time is never before its parent's.
    """

    def __init__(
        self,
        authority: Address,
        *,
        clock: Callable[[], float] = time.time,
        network: Network | None = None,
    ) -> None:
        self.network = network or _memory_network()
        self.registry = MemoryRegistry(authority, self._emit)
        self.runs: list[MemoryRun] = []
        self.gossips: list[MemoryGossip] = []
        self._clock = clock
        self._blocks = [Block(0, int(clock()))]
        self._log: list[Logged] = []
        self._emitted: list[Event] = []

    def ledger(self, account: Address) -> MemoryLedger:
        """One account's view."""
        return MemoryLedger(self, account)

    @property
    def authority(self) -> Address:
        """The account that admits, revokes and opens runs."""
        return self.registry.authority

    @property
    def head(self) -> Block:
        """The newest block."""
        return self._blocks[-1]

    def block(self, number: int) -> Block:
        """A block by its number."""
        return self._blocks[number]

    def events(self, first: int, last: int) -> Sequence[Logged]:
        """Events in blocks first..last, in order."""
        start = bisect_left(self._log, first, key=_block_of)
        return self._log[start : max(start, bisect_right(self._log, last, key=_block_of))]

    def call(self, caller: Address, call: Call) -> Mined:
        """Judge a call; when it is taken, mine a block with its events. Raises LedgerRefusal."""
        block = self._next()
        transaction = keccak(block.number.to_bytes(32, "big"))
        emitted = self._judged(caller, call, block)
        self._append(block, [(transaction, emitted)])
        return Mined(block.number, 0, transaction)

    def mine(self, calls: Sequence[Sent] = ()) -> list[LedgerRefusal | None]:
        """Mine a block of calls, refused ones included; why each was refused, or None."""
        block, answers, said = self._next(), list[LedgerRefusal | None](), list[_Said]()
        for sent in calls:
            try:
                said.append((sent.transaction, self._judged(sent.account, sent.call, block)))
                answers.append(None)
            except LedgerRefusal as refusal:
                answers.append(refusal)
        self._append(block, said)
        return answers

    def _next(self) -> Block:
        return Block(self.head.number + 1, max(int(self._clock()), self.head.time))

    def _judged(self, caller: Address, call: Call, block: Block) -> list[Event]:
        """What a call says. Raises LedgerRefusal, and then it has changed nothing."""
        self._emitted = []
        self._judge(caller, call, block.time)
        return self._emitted

    def _append(self, block: Block, said: Sequence[_Said]) -> None:
        self._blocks.append(block)
        events = ((transaction, event) for transaction, emitted in said for event in emitted)
        self._log.extend(
            Logged(block.number, index, transaction, event)
            for index, (transaction, event) in enumerate(events)
        )

    def finalized_of(self, run: int, round_: int) -> Digest:
        """The model that a round finalized, or zero."""
        if not 0 < run <= len(self.runs):
            return ZERO
        return self.runs[run - 1].finalized.get(round_, ZERO)

    def _judge(self, caller: Address, call: Call, now: int) -> None:
        match call:
            case Enter(run):
                found = self._run(run)
                found.check_open()
                found.enter(self.registry.caller(caller), now)
            case Commit() | Reveal() | Hold() | Attest() | AttestOwn():
                self._speak(caller, call, now)
            case Advance(run):
                self._run(run).advance(now)
            case Evict(run, member):
                self._evict(run, member, now)
            case OpenRun():
                self._open_run(caller, call, now)
            case OpenGossip():
                self._open_gossip(caller, call, now)
            case CloseRun(run):
                self.registry.only_authority(caller)
                self._run(run).close(Close.BY_AUTHORITY)
            case _:
                self._judge_registry(caller, call, now)

    def _judge_registry(self, caller: Address, call: Call, now: int) -> None:
        match call:
            case RotatePeerKey(peer_key):
                self.registry.rotate_peer_key(self.registry.caller(caller), peer_key)
            case ProposeAccount(account):
                self.registry.propose(self.registry.caller(caller), account)
            case AcceptAccount(member):
                self.registry.accept(caller, member)
            case Admit():
                self.registry.only_authority(caller)
                self.registry.admit(call)
            case Revoke():
                self._revoke(caller, call, now)
            case AdmitAuditor():
                self.registry.only_authority(caller)
                self.registry.admit_auditor(call)
            case RevokeAuditor(peer_key):
                self.registry.only_authority(caller)
                self.registry.revoke_auditor(peer_key)
            case _:
                raise AssertionError(f"no rule for {call}")

    # Runs.

    def _run(self, number: int) -> MemoryRun:
        first = FIRST_GOSSIP if is_gossip(number) else 1
        runs: Sequence[MemoryRun] = self.gossips if is_gossip(number) else self.runs
        if not 0 <= number - first < len(runs):
            raise LedgerRefusal("NoRun", number)
        return runs[number - first]

    def _speak(
        self, caller: Address, call: Commit | Reveal | Hold | Attest | AttestOwn, now: int
    ) -> None:
        """Round and phase are checked before the caller, as in the contract."""
        run = self._run(call.run)
        if isinstance(call, AttestOwn) and not isinstance(run, MemoryGossip):
            raise LedgerRefusal("NoRun", call.run)  # its ledger has gossip runs only
        if not (isinstance(call, Attest) and run.is_late(call.round)):
            run.check_now(call.round, _PHASES[type(call)])
        member = self.registry.caller(caller)
        match call:
            case Commit():
                run.commit(member, call, now)
            case Reveal():
                run.reveal(member, call, now)
            case Hold():
                run.hold(member, call, now)
            case Attest():
                run.attest(member, call, now)
            case AttestOwn():
                assert isinstance(run, MemoryGossip)
                run.attest_own(member, call, now)

    def _open_run(self, caller: Address, call: OpenRun, now: int) -> None:
        self.registry.only_authority(caller)
        terms = checked(call.terms, self.finalized_of)
        number = len(self.runs) + 1
        self._emit(RunOpened(number, keccak(call.manifest), terms, call.manifest))
        self.runs.append(MemoryRun(number, terms, self.network, now, self._emit))

    def _open_gossip(self, caller: Address, call: OpenGossip, now: int) -> None:
        self.registry.only_authority(caller)
        terms = checked_gossip(call.terms)
        number = FIRST_GOSSIP + len(self.gossips)
        self._emit(RunOpened(number, keccak(call.manifest), terms, call.manifest))
        self.gossips.append(MemoryGossip(number, terms, self.network, now, self._emit))

    def _evict(self, run: int, member: int, now: int) -> None:
        found = self._run(run)
        if self.registry.is_active(member):
            raise LedgerRefusal("StillActive", member)
        found.evict(member, now)

    def _revoke(self, caller: Address, call: Revoke, now: int) -> None:
        self.registry.only_authority(caller)
        self.registry.check_active(call.member)
        runs = [self._run(run) for run in call.runs]
        self.registry.revoke(call)
        for run in runs:
            run.evict(call.member, now)

    def _emit(self, event: Event) -> None:
        self._emitted.append(event)


def _block_of(logged: Logged) -> int:
    return logged.block


class MemoryLedger:
    """One account's Ledger on a MemoryChain."""

    def __init__(self, chain: MemoryChain, account: Address) -> None:
        self._chain = chain
        self._account = account

    @property
    def network(self) -> Network:
        """Which chain this is."""
        return self._chain.network

    @property
    def account(self) -> Address:
        """The account that sends calls."""
        return self._account

    async def head(self) -> Block:
        """The newest block."""
        await trio.lowlevel.checkpoint()
        return self._chain.head

    async def events(self, first: int, last: int) -> Sequence[Logged]:
        """Events in blocks first..last, in chain order."""
        await trio.lowlevel.checkpoint()
        return self._chain.events(first, last)

    async def send(self, call: Call) -> Mined:
        """Send a call. Raises LedgerRefusal."""
        await trio.lowlevel.checkpoint()
        return self._chain.call(self._account, call)
