"""A chain as nodes live with it: a pool, blocks at a beat; it stops, forgets and reorganizes.

The contracts are `node.contracts.chain`'s. A reorganization takes the last blocks back and mines others
in their place, with the same calls in another order, later, or not at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import trio

from node.contracts.chain import MemoryChain, Sent
from node.errors import LedgerRefusal
from node.ledger import Address, Logged, Network
from node.transactions import Fees, Pooling, Receipt
from sim.world.seeded import sleep
from sim.world.signatures import Signed
from sim.world.switch import Switch

BEAT = 1.0
"""Seconds between two blocks."""

KEPT = 0.85
"""Chance that a transaction of a block that is taken back is known to anybody afterwards."""


@dataclass(frozen=True, slots=True)
class _Mined:
    """A block: its time, and the transactions in it."""

    time: float
    signed: tuple[Signed, ...]


class WorldChain:
    """Blocks, a pool and receipts around the contracts' twin. Times in Unix seconds."""

    def __init__(self, authority: Address, clock: Callable[[], float], lots: Random) -> None:
        self.running = Switch()
        self.tell: Callable[[], None] = lambda: None
        """Called when there are new blocks."""
        self._authority, self._clock, self._lots = authority, clock, lots
        self._genesis = clock()
        self._blocks: list[_Mined] = []
        self._pool: dict[bytes, Signed] = {}
        self._wanted = trio.Event()
        self._start_over()

    # What a node's requests see.

    @property
    def network(self) -> Network:
        """Which chain and contracts this is."""
        return self.contracts.network

    def nonce(self, account: str) -> int:
        """Transactions mined from an account."""
        return self._nonces[account]

    def fees(self) -> Fees:
        """Gas is free."""
        return Fees(0, None)

    def submit(self, signed: Signed) -> Pooling:
        """Take a transaction into the pool."""
        if signed.nonce < self.nonce(signed.account):
            return Pooling.TAKEN if signed.hash in self._receipts else Pooling.SPENT
        self._pool[signed.hash] = signed
        self._wanted.set()
        return Pooling.TAKEN

    def receipt(self, hash_: bytes) -> Receipt | None:
        """What became of a transaction."""
        return self._receipts.get(hash_)

    def refusal(self, hash_: bytes) -> LedgerRefusal | None:
        """Why the contract refused a mined transaction."""
        return self._refusals.get(hash_)

    # What happens to it.

    async def run(self, depth: int) -> None:
        """Mine a block at each beat while there is something to mine, and `depth` more on top."""
        on_top = depth
        while True:
            if not self._pool and on_top >= depth:
                self._wanted = trio.Event()
                await self._wanted.wait()
            await sleep(BEAT)
            await self.running.wait()
            on_top = 0 if self._mine(self._next_from_pool()) else on_top + 1

    def forget(self) -> int:
        """Drop each transaction of the pool with an even chance; how many."""
        lost = [hash_ for hash_ in self._pool if self._lots.random() < 0.5]
        for hash_ in lost:
            del self._pool[hash_]
        return len(lost)

    def reorganize(self, depth: int) -> int:
        """Replace the last `depth` blocks by others; how many transactions were in them."""
        kept, gone = self._blocks[:-depth], self._blocks[-depth:]
        taken_back = [signed for block in gone for signed in block.signed]
        self._start_over()
        self._blocks = []
        for block in kept:
            self._append(block)
        for signed in taken_back:
            if self._lots.random() < KEPT:
                self._pool[signed.hash] = signed
        for _ in gone:
            some = [signed for signed in self._next_from_pool() if self._lots.random() < 0.7]
            self._mine(some)
        self._wanted.set()
        return len(taken_back)

    @property
    def height(self) -> int:
        """How many blocks there are."""
        return len(self._blocks)

    def times(self) -> dict[int, float]:
        """When each block was mined, Unix seconds."""
        return {number: block.time for number, block in enumerate(self._blocks, 1)}

    @property
    def logged(self) -> tuple[Logged, ...]:
        """All that the contracts said on the chain as it is now."""
        return tuple(self.contracts.events(0, self.contracts.head.number))

    def newest(self) -> Sequence[Logged]:
        """What the contracts said in the newest block."""
        return self.contracts.events(self.height, self.height)

    def _start_over(self) -> None:
        self._now = self._genesis
        self.contracts = MemoryChain(self._authority, clock=lambda: self._now)
        self._nonces: Counter[str] = Counter()
        self._receipts: dict[bytes, Receipt] = {}
        self._refusals: dict[bytes, LedgerRefusal] = {}

    def _next_from_pool(self) -> list[Signed]:
        """What can be mined now, accounts in any order, each in the order of its nonces."""
        waiting = sorted(self._pool.values(), key=lambda signed: signed.nonce)
        self._pool = {s.hash: s for s in waiting if s.nonce >= self.nonce(s.account)}
        accounts = list(dict.fromkeys(signed.account for signed in waiting))
        self._lots.shuffle(accounts)
        rank = {account: place for place, account in enumerate(accounts)}
        return sorted(self._pool.values(), key=lambda signed: (rank[signed.account], signed.nonce))

    def _mine(self, candidates: list[Signed]) -> bool:
        """Mine a block of what of these can be; whether anything was."""
        nonces, chosen = self._nonces.copy(), list[Signed]()
        for signed in candidates:
            if signed.nonce == nonces[signed.account]:
                nonces[signed.account] += 1
                chosen.append(signed)
        self._append(_Mined(self._clock(), tuple(chosen)))
        self.tell()
        return bool(chosen)

    def _append(self, block: _Mined) -> None:
        self._now = block.time
        sent = [Sent(signed.hash, signed.account, signed.call) for signed in block.signed]
        answers = self.contracts.mine(sent)
        self._blocks.append(block)
        for signed, refusal in zip(block.signed, answers, strict=True):
            self._pool.pop(signed.hash, None)
            self._nonces[signed.account] += 1
            good = refusal is None
            self._receipts[signed.hash] = Receipt(signed.hash, self.height, 0, good, None)
            if refusal is not None:
                self._refusals[signed.hash] = refusal
