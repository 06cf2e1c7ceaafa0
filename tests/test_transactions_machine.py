"""Sending through crashes and a rough chain: random lives of one account, and what holds in each.

The outbox is on disk in that a killed process leaves it behind; everything else of a life is gone.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
import trio
import trio.testing
from eth_account import Account
from hypothesis import HealthCheck, currently_in_test_context, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from node.database import DiskDatabase
from node.errors import ChainUnreachable
from node.evm import Encoded
from node.transactions import Fees, Patience, RpcRefusal, Sender
from tests.rough_chain import Block, Fault, Killed, RoughChain, Script, call_of, fields

ACCOUNT = Account.from_key(bytes(31) + b"\x01")
STEADY = [Block.MINE, Block.REST, Block.FORGET, Block.ECHO]
asks = st.sampled_from([Fees(0, 0), Fees(100, 1000)])
faults = st.lists(st.sampled_from(list(Fault)), max_size=12)
killed_at = st.none() | st.integers(0, 30)


def skies(kinds: list[Block]) -> st.SearchStrategy[list[Block]]:
    """Blocks, some of them many times in a row."""
    spells = st.tuples(st.sampled_from(kinds), st.sampled_from([1, 5, 25]))
    return st.lists(spells, max_size=6).map(
        lambda found: [block for block, times in found for _ in range(times)]
    )


BLOCKS = st.runner().flatmap(lambda machine: machine.blocks)


class RecordingDatabase(DiskDatabase):
    """What was saved when, besides."""

    def __init__(self) -> None:
        super().__init__(Path(":memory:"))
        self.saved: list[bytes] = []

    def save(self, account: str, nonce: int, hash_: bytes, raw: bytes, /) -> None:
        """See Outbox."""
        super().save(account, nonce, hash_, raw)
        self.saved.append(raw)


class SteadyMachine(RuleBasedStateMachine):
    """On a chain that keeps what it has mined."""

    blocks: ClassVar[st.SearchStrategy[list[Block]]] = skies(STEADY)

    def __init__(self) -> None:
        super().__init__()
        self.outbox = RecordingDatabase()
        self.calls = 0
        self.sender: Sender | None = None

    @initialize(asks=asks)
    def begin(self, asks: Fees) -> None:
        """Gas is free, or not."""
        self.chain = RoughChain(asks)

    @rule(faults=faults, blocks=BLOCKS, killed_at=killed_at)
    def send(self, faults: list[Fault], blocks: list[Block], killed_at: int | None) -> None:
        """One more call, in whatever weather."""
        self.calls += 1
        data = self.calls.to_bytes(4, "big")
        self.chain.play(Script(faults, blocks, killed_at))
        outcome = trio.run(self._sent, data, clock=trio.testing.MockClock(autojump_threshold=0))
        if currently_in_test_context():
            event(outcome)

    @rule()
    def restart(self) -> None:
        """The process ends in order and is started again."""
        self.sender = None

    @rule(blocks=BLOCKS)
    def pass_time(self, blocks: list[Block]) -> None:
        """Blocks while nobody sends."""
        for block in blocks:
            self.chain.do(block)

    async def _sent(self, data: bytes) -> str:
        sender = self.sender = self.sender or self._started()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.chain.mining)
            try:
                receipt = await sender.send(Encoded(ACCOUNT.address, data, 0, 100_000))
            except Killed:
                self.sender, outcome = None, "killed"
            except RpcRefusal:
                outcome = "refused"
            except ChainUnreachable:
                outcome = "unreachable"
            else:
                assert receipt.succeeded
                assert data in self.mined_calls()
                outcome = "mined"
            nursery.cancel_scope.cancel()
        return outcome

    def _started(self) -> Sender:
        return Sender(self.chain, ACCOUNT, 5, self.outbox, Patience(), self.chain.write)

    def mined_calls(self) -> list[bytes]:
        """What the chain has, in order."""
        return list(map(call_of, self.chain.mined))

    # What holds.

    @invariant()
    def nothing_is_sent_unsaved(self) -> None:
        """A transaction is on disk before anybody sees it."""
        assert set(self.chain.submitted if self.calls else ()) <= set(self.outbox.saved)

    @invariant()
    def no_call_is_mined_twice(self) -> None:
        """Neither the same transaction nor another one of the same call."""
        calls = self.mined_calls() if self.calls else []
        assert len(set(calls)) == len(calls)

    @invariant()
    def no_call_has_two_nonces(self) -> None:
        """Whatever is signed for a call, only one of it can ever be mined."""
        nonces: dict[bytes, set[int]] = {}
        for raw in self.outbox.saved:
            said = fields(raw)
            nonces.setdefault(call_of(raw), set()).add(said["nonce"])
        assert all(len(found) == 1 for found in nonces.values())

    def teardown(self) -> None:
        """When all is well again, what was saved is mined, unless the chain's node refused it."""
        if not self.calls:
            return
        self.sender = None
        self.send([], [], None)
        self.nothing_is_lost()
        assert self.outbox.unsettled(ACCOUNT.address) == []
        self.outbox.close()

    def nothing_is_lost(self) -> None:
        """What was saved is mined, unless the chain's node refused it at once."""
        saved = set(map(call_of, self.outbox.saved))
        assert saved - self.chain.refused <= set(self.mined_calls())


class RoughMachine(SteadyMachine):
    """On a chain that takes back what it has mined, and forgets some of it.

    A call may get another nonce then, and one that was mined may be lost when the process starts anew:
    nodes decide by what the chain says, and say again what it has forgotten.
    """

    blocks = skies([*STEADY, Block.BACK, Block.GONE])

    def no_call_has_two_nonces(self) -> None:
        """Not held here."""

    def nothing_is_lost(self) -> None:
        """Not held here."""


_ANYHOW = settings(
    deadline=None,
    derandomize=True,
    database=None,
    stateful_step_count=8,
    suppress_health_check=list(HealthCheck),
)


class TestSteady(SteadyMachine.TestCase):
    """A few lives."""

    settings = settings(_ANYHOW, max_examples=60)


class TestRough(RoughMachine.TestCase):
    """A few lives."""

    settings = settings(_ANYHOW, max_examples=40)


@pytest.mark.slow
@pytest.mark.timeout(600)
class TestSteadyAtLength(SteadyMachine.TestCase):
    """Many lives, others each time."""

    settings = settings(_ANYHOW, max_examples=2500, derandomize=False, print_blob=True)


@pytest.mark.slow
@pytest.mark.timeout(600)
class TestRoughAtLength(RoughMachine.TestCase):
    """Many lives, always the same."""

    settings = settings(_ANYHOW, max_examples=1500)
