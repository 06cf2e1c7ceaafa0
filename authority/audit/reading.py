"""Reading the record from endpoints that nobody needs to trust: several may be asked and compared.

Goals: one moment of one chain, even while blocks are added or reorganized; every difference between
two endpoints named. Non-goals: proofs, see `authority.audit.passport`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import trio
from eth_account import Account

from authority.audit.record import Record, folded
from node import chain
from node.errors import ChainUnreachable
from node.ledger import Block, Logged, Network

ATTEMPTS = 5
"""How often the record is read anew when the chain was reorganized meanwhile."""


async def read_record(rpcs: Sequence[str], network: Network, *, details: bool = True) -> Record:
    """Read everything now on the chain, from the first endpoint, and compare the others with it.

    details: the gas of every transaction and the time of every block, too, a request each.
    Raises ChainUnreachable, WrongUse, BadAnswer.
    """
    # A reader sends nothing, so any account will do.
    nobody = Account.create()
    ledgers = [await chain.connect(rpc, network, nobody) for rpc in rpcs]
    head = min([await ledger.head() for ledger in ledgers], key=lambda block: block.number).number
    first, logged = await _settled(ledgers[0], head)
    differences: list[str] = []
    for ledger in ledgers[1:]:
        there, theirs = await _settled(ledger, head)
        names = (ledgers[0].name, ledger.name)
        differences += differences_of(logged, theirs, first, there, names)
    gas, times = await _details(ledgers[0], logged) if details else ({}, {})
    return Record(network, head, logged, gas, folded(logged), times, tuple(differences))


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


async def _details(
    ledger: chain.Chain, logged: Iterable[Logged]
) -> tuple[dict[bytes, int], dict[int, int]]:
    gas: dict[bytes, int] = {}
    times: dict[int, int] = {}

    async def ask_gas(transaction: bytes) -> None:
        gas[transaction] = await ledger.gas_of(transaction)

    async def ask_time(number: int) -> None:
        times[number] = (await ledger.block(number)).time

    async with trio.open_nursery() as nursery:
        for transaction in {one.transaction for one in logged}:
            nursery.start_soon(ask_gas, transaction)
        for number in {one.block for one in logged}:
            nursery.start_soon(ask_time, number)
    return gas, times


def differences_of(
    ours: Sequence[Logged], theirs: Sequence[Logged], here: Block, there: Block, names: tuple[str, str]
) -> Iterator[str]:
    """How two endpoints' answers differ, in words: the first log that only one has, each way."""
    if here.hash != there.hash:
        blocks = (
            f"{block.hash.hex()[:8]} at {name}"
            for block, name in zip((here, there), names, strict=True)
        )
        yield f"block {here.number} is {' and '.join(blocks)}"
    for (one, other), (has, lacks) in (((ours, theirs), names), ((theirs, ours), names[::-1])):
        missing = sorted(set(one) - set(other), key=lambda logged: (logged.block, logged.index))
        if missing:
            what = missing[0]
            yield (
                f"{lacks} lacks {len(missing)} of the logs that {has} has; the first is "
                f"{type(what.event).__name__} in block {what.block}"
            )
