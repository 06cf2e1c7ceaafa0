"""A node's first look: who it is, in which run it takes part, from blocks that are deep enough."""

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio

from node.arrival import find_run, look_deep_enough, member_of
from node.contracts.chain import MemoryChain, MemoryLedger, memory_address
from node.digest import digest
from node.errors import WrongUse
from node.ledger import Admit, Close, CloseRun, OpenRun, Revoke
from node.manifest import Manifest
from node.state import Chronicle, apply_all
from node.watch import Watch
from tests.swarm import on_virtual_time
from tests.test_round import TERMS

AUTHORITY, ME, OTHER = map(memory_address, ("authority", "me", "other"))
DEEP = 3
MANIFEST = Manifest(
    name="deep",
    chain_id=31337,
    task="fake",
    task_digest=digest(b"fake"),
    terms=TERMS,
    merge="trimmed-mean",
    hostile=None,
    max_abs=1000,
    max_weight=64,
    max_blob_bytes=1 << 20,
    confirmations=DEEP,
    self_test=digest(b"self-test"),
    seed=7,
)


def new_chain():
    """A chain that says nothing yet."""
    return MemoryChain(AUTHORITY, clock=lambda: 0)


def admit(chain, account=ME, key=1):
    """A new member, by default this one."""
    chain.call(AUTHORITY, Admit(account, bytes([key]) * 32, bytes(32)))


def open_run(chain, confirmations=DEEP):
    """A new run whose blocks count with so many on top."""
    manifest = replace(MANIFEST, confirmations=confirmations)
    chain.call(AUTHORITY, OpenRun(manifest.terms, manifest.to_bytes()))


def mine(chain, count):
    """Empty blocks."""
    for _ in range(count):
        chain.mine()


def known(chain, last):
    """What the chain said up to a block."""
    return apply_all(Chronicle(), (one.event for one in chain.events(0, last)))


@asynccontextmanager
async def watching(ledger):
    """A watch that had its first look, and goes on looking."""
    watch = Watch(ledger)
    await watch.catch_up()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch.run)
        yield watch
        nursery.cancel_scope.cancel()


async def arrive(watch):
    """What a node does first."""
    run = await find_run(watch, None)
    return run, (await look_deep_enough(watch, run, ME)).number


@on_virtual_time
async def test_only_deep_blocks_count():
    """What the first look saw above them is forgotten, and comes back when it is deep."""
    chain = new_chain()
    admit(chain)
    open_run(chain)
    deep = chain.head.number
    admit(chain, OTHER, 2)
    mine(chain, DEEP - 1)
    async with watching(chain.ledger(ME)) as watch:
        assert watch.chronicle == known(chain, chain.head.number)
        assert await arrive(watch) == (1, 1)
        assert (watch.confirmations, watch.seen) == (DEEP, deep)
        assert watch.chronicle == known(chain, deep) != known(chain, deep + 1)
        mine(chain, 1)
        await watch.changed()
        assert watch.chronicle == known(chain, deep + 1)


@pytest.mark.parametrize("steps", [(admit, open_run), (open_run, admit)], ids=["run", "member"])
def test_run_and_member_must_be_deep(steps):
    """A node whose run or admission lies in newer blocks waits until it is deep enough."""

    @on_virtual_time
    async def test():
        chain, arrived = new_chain(), []
        for step in steps:
            step(chain)
        last = chain.head.number

        async def one(watch):
            arrived.append((await arrive(watch), watch.seen))

        async with watching(chain.ledger(ME)) as watch, trio.open_nursery() as nursery:
            nursery.start_soon(one, watch)
            for _ in range(DEEP):
                await trio.sleep(10)
                assert arrived == []
                mine(chain, 1)
            await trio.sleep(10)
        assert arrived == [((1, 1), last)]

    test()


@on_virtual_time
async def test_the_newest_block_is_enough_where_the_manifest_says_so():
    """Then nothing is read twice."""
    chain = new_chain()
    admit(chain)
    open_run(chain, confirmations=0)
    async with watching(chain.ledger(ME)) as watch:
        before = watch.chronicle
        assert await arrive(watch) == (1, 1)
        assert watch.chronicle is before


class Reorganized(MemoryLedger):
    """One account's view of a chain that another one takes the place of."""

    def become(self, chain):
        """From now on, that one is the chain."""
        self._chain = chain


@on_virtual_time
async def test_a_run_that_another_one_took_the_place_of():
    """Its own manifest says how deep: what the first look saw of the lost one binds nobody."""
    before, after = new_chain(), new_chain()
    for chain, confirmations in ((before, 1), (after, DEEP)):
        admit(chain)
        open_run(chain, confirmations)
    mine(after, DEEP)
    admit(after, OTHER, 2)
    ledger = Reorganized(before, ME)
    async with watching(ledger) as watch:
        ledger.become(after)
        assert await arrive(watch) == (1, 1)
        assert (watch.confirmations, watch.seen) == (DEEP, after.head.number - DEEP)
        assert watch.chronicle == known(after, watch.seen)


class Slow(MemoryLedger):
    """A chain that takes its time to say what happened."""

    async def events(self, first, last):
        """See Ledger."""
        await trio.sleep(1)
        return await super().events(first, last)


@on_virtual_time
async def test_a_look_under_way_is_not_mixed_in():
    """Starting over while the chain is being asked: no event is folded twice, or too early."""
    chain = new_chain()
    for number in range(1, 6):
        admit(chain, memory_address(str(number)), number)
    watch = Watch(Slow(chain, ME))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch.catch_up)
        await trio.testing.wait_all_tasks_blocked()
        await watch.start_over(2)
        assert (watch.chronicle, watch.seen) == (Chronicle(), -1)
    await watch.catch_up()
    assert (watch.chronicle, watch.seen) == (known(chain, 3), 3)


@on_virtual_time
async def test_the_newest_open_run():
    """A closed one is passed over; one that is wanted needn't be open."""
    chain = new_chain()
    for _ in range(3):
        open_run(chain)
    chain.call(AUTHORITY, CloseRun(3))
    async with watching(chain.ledger(ME)) as watch:
        assert watch.chronicle.runs[3].closed is Close.BY_AUTHORITY
        assert (await find_run(watch, None), await find_run(watch, 3)) == (2, 3)
        with pytest.raises(WrongUse, match=r"there is no run 4: there are \[1, 2, 3\]"):
            await find_run(watch, 4)


def test_a_stranger_and_a_revoked_member():
    """Each is told what to do."""
    chain = new_chain()
    admit(chain)
    chain.call(AUTHORITY, Revoke(1, (), 0))
    chronicle = known(chain, chain.head.number)
    with pytest.raises(WrongUse, match="member 1 was revoked: ask the authority"):
        member_of(chronicle, ME)
    with pytest.raises(WrongUse, match=r"is no member: give card\.json in its home"):
        member_of(chronicle, OTHER)
