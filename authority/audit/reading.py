"""Reading the record from endpoints that nobody needs to trust: several may be asked and compared.

Goals: one moment of one chain, even while blocks are added or reorganized; every difference between
two endpoints named. Non-goals: proofs of what one endpoint says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Self

import trio
from eth_account import Account

from authority.audit.record import Record, folded
from node import chain
from node.errors import ChainUnreachable
from node.ledger import Address, Block, Logged, Network

ATTEMPTS = 5
"""How often the record is read anew when the chain was reorganized meanwhile."""


async def read_record(rpcs: Sequence[str], network: Network) -> Record:
    """Read everything now on the chain. Raises ChainUnreachable, WrongUse, BadAnswer."""
    return await (await Reader.connected(rpcs, network)).read()


class Reader:
    """Reads the record from the first endpoint, and compares the others with it."""

    def __init__(self, ledgers: Sequence[chain.Chain]) -> None:
        self._first, *self._others = ledgers
        self._details_of: dict[_Mined, tuple[int, str, int]] = {}

    @classmethod
    async def connected(cls, rpcs: Sequence[str], network: Network) -> Self:
        """Over these endpoints. Raises ChainUnreachable, WrongUse."""
        # A reader sends nothing, so any account will do.
        nobody = Account.create()
        return cls([await chain.connect(rpc, network, nobody) for rpc in rpcs])

    async def read(self) -> Record:
        """All that is on the chain now, up to where each endpoint is.

        Raises ChainUnreachable, BadAnswer.
        """
        ledgers = (self._first, *self._others)
        head = min([(await ledger.head()).number for ledger in ledgers])
        block, logged = await _settled(self._first, head)
        differences: list[str] = []
        for other in self._others:
            there, theirs = await _settled(other, head)
            names = (self._first.name, other.name)
            differences += differences_of(logged, theirs, block, there, names)
        await self._details(logged)
        known = {mined: self._details_of[mined] for mined in map(_mined, logged)}
        return Record(
            network=self._first.network,
            head=head,
            logged=logged,
            gas={transaction: gas for (transaction, _), (gas, _, _) in known.items()},
            chronicle=folded(logged),
            times={number: time for (_, number), (_, _, time) in known.items()},
            differences=tuple(differences),
            senders={hash_: Address(by) for (hash_, _), (_, by, _) in known.items() if by},
        )

    async def _details(self, logged: Iterable[Logged]) -> None:
        """Ask for gas and times, a request each; what was asked before isn't asked again."""

        async def ask(mined: _Mined) -> None:
            transaction, number = mined
            receipt = await self._first.receipt(transaction)
            gas, sender = (receipt.gas, receipt.sender) if receipt else (0, "")
            self._details_of[mined] = (gas, sender, (await self._first.block(number)).time)

        async with trio.open_nursery() as nursery:
            for mined in dict.fromkeys(map(_mined, logged)):
                if mined not in self._details_of:
                    nursery.start_soon(ask, mined)


_Mined = tuple[bytes, int]
"""A transaction and its block; after a reorganization it may be in another."""


def _mined(logged: Logged) -> _Mined:
    return logged.transaction, logged.block


async def _settled(ledger: chain.Chain, head: int) -> tuple[Block, tuple[Logged, ...]]:
    """All logs up to a block that was the same before and after they were read."""
    for _ in range(ATTEMPTS):
        before = await ledger.block(head)
        logged = tuple(await ledger.events(ledger.network.deployed_block, head))
        if (await ledger.block(head)).hash == before.hash:
            return before, logged
    raise ChainUnreachable(
        f"the chain was reorganized {ATTEMPTS} times while it was read: try again when it is calm"
    )


def differences_of(
    ours: Sequence[Logged], theirs: Sequence[Logged], here: Block, there: Block, names: tuple[str, str]
) -> Iterator[str]:
    """How two endpoints' answers differ, in words: the first log that only one has, each way."""
    if here.hash != there.hash:
        pairs = zip((here, there), names, strict=True)
        blocks = (f"{block.hash.hex()[:8]} at {name}" for block, name in pairs)
        yield f"block {here.number} is {' and '.join(blocks)}"
    for (one, other), (has, lacks) in (((ours, theirs), names), ((theirs, ours), names[::-1])):
        missing = sorted(set(one) - set(other), key=lambda logged: (logged.block, logged.index))
        if missing:
            what = missing[0]
            yield (
                f"{lacks} lacks {len(missing)} of the logs that {has} has; the first is "
                f"{type(what.event).__name__} in block {what.block}"
            )
