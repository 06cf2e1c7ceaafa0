"""How faults strike. What a fault is, and when, says `sim.world.story`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from node.contracts.chain import memory_address
from node.exchange import PeerKey
from node.ledger import AcceptAccount, Admit, ProposeAccount, Revoke, RotatePeerKey
from sim.world.story import Fault
from sim.world.toggles import TOGGLES

if TYPE_CHECKING:
    from sim.world.world import World

Over = Callable[[], Awaitable[None]]
"""Waits until the fault's time is over, or all is quiet."""

Event = Callable[["World", Fault, Over], Awaitable[None]]


async def _crash(world: World, fault: Fault, over: Over) -> None:
    """Processes end after `amount` more steps, and are started again later."""
    nodes = [world.nodes[member] for member in fault.members]
    for node in nodes:
        node.wanted.turn(off=1)
        if node.life is not None:
            node.life.die_in(fault.amount)
    await over()
    for node in nodes:
        if node.life is not None:
            node.life.die()
        node.wanted.turn(off=-1)


async def _chain_forgets(world: World, fault: Fault, over: Over) -> None:
    world.note("chain", f"forgets {world.chain.forget()} pending transactions")


async def _reorganization(world: World, fault: Fault, over: Over) -> None:
    """Never deeper than the run's confirmations, nor into the world's preparations."""
    if world.chain.height > fault.amount + world.settled:
        count = world.chain.reorganize(fault.amount)
        world.note("chain", f"takes {fault.amount} blocks back, with {count} transactions")


async def _lost_blobs(world: World, fault: Fault, over: Over) -> None:
    """Some files are gone from under the running process."""
    for member in fault.members:
        disk = world.nodes[member].disk
        for digest in list(disk.blobs):
            if world.lots.random() < 0.3:
                disk.lose(digest)


async def _lost_disk(world: World, fault: Fault, over: Over) -> None:
    """Everything but the keys and the settings is gone, and the node starts anew."""
    for member in fault.members:
        world.nodes[member].stop()
    await over()
    for member in fault.members:
        world.nodes[member].disk.wipe()
        world.nodes[member].wanted.turn(off=-1)


async def _another_key(world: World, fault: Fault, over: Over) -> None:
    """Its operator stops it, rotates the peer key, and starts it with the new one."""
    for member in fault.members:
        node = world.nodes[member]
        node.stop()
        key = PeerKey(world.lots.randbytes(32))
        await world.operator(node.account, RotatePeerKey(key))
        if world.key_of(member) == key:  # unless its account was moved meanwhile
            node.key = key
        node.wanted.turn(off=-1)


async def _another_account(world: World, fault: Fault, over: Over) -> None:
    """Its operator stops it, moves the member to a new account, and starts it with that one."""
    for member in fault.members:
        node = world.nodes[member]
        node.stop()
        account = memory_address(f"account {member} {fault.round} {fault.after}")
        await world.operator(node.account, ProposeAccount(account))
        await world.operator(account, AcceptAccount(member))
        if world.account_of(member) == account:
            node.account = account
            node.accounts.add(account)
        node.wanted.turn(off=-1)


async def _joining(world: World, fault: Fault, over: Over) -> None:
    for member in fault.members:
        node = world.nodes[member]
        await world.operator(world.authority, Admit(node.account, node.key, bytes(32)))
        node.wanted.turn(off=-1)


async def _revocation(world: World, fault: Fault, over: Over) -> None:
    """By the authority; with `amount` 0 it forgets to name the run."""
    for member in fault.members:
        await world.operator(world.authority, Revoke(member, (world.story.run,) * fault.amount, 2))


EVENTS: dict[str, Event] = {
    "crash": _crash,
    "crash of several": _crash,
    "chain forgets": _chain_forgets,
    "reorganization": _reorganization,
    "lost blobs": _lost_blobs,
    "lost disk": _lost_disk,
    "another peer key": _another_key,
    "another account": _another_account,
    "joining": _joining,
    "revocation": _revocation,
}
"""Every kind that isn't a toggle, by name."""


async def strike(world: World, fault: Fault) -> None:
    """Wait for a fault's time, let it begin, and end it in time; nothing begins once all is quiet."""
    await world.until(lambda run: len(run.rounds) > fault.round or run.closed is not None)
    if await world.is_quiet_within(fault.after):
        return

    async def over() -> None:
        await world.is_quiet_within(fault.seconds)

    world.note("world", f"{fault} begins")
    if fault.kind in TOGGLES:
        TOGGLES[fault.kind](world, fault, 1)
        await over()
        TOGGLES[fault.kind](world, fault, -1)
    else:
        await EVENTS[fault.kind](world, fault, over)
    world.note("world", f"{fault} is over")
