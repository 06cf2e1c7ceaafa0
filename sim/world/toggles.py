"""Faults that begin, last, and end as they began: `times` is 1 to begin and -1 to end.

Several may last at once, also of one kind: everything here is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sim.world.story import Fault
from sim.world.wires import CHAIN

if TYPE_CHECKING:
    from sim.world.world import World

Toggle = Callable[["World", Fault, int], None]


def _stop(world: World, fault: Fault, times: int) -> None:
    """As SIGSTOP and SIGCONT: it does nothing, hears nothing, and then goes on."""
    for member in fault.members:
        world.nodes[member].awake.turn(off=times)
        world.wires.deafen(member, times)


def _partition(world: World, fault: Fault, times: int) -> None:
    """Two groups; the chain is with one of them."""
    group = set(fault.members)
    others = (world.parties | {CHAIN}) - group
    world.wires.cut(group, others, times)
    world.wires.cut(others, group, times)


def _one_way(world: World, fault: Fault, times: int) -> None:
    """What a group of nodes sends to the other nodes gets lost."""
    group = set(fault.members)
    world.wires.cut(group, world.parties - group, times)


def _slow(world: World, fault: Fault, times: int) -> None:
    for member in fault.members:
        world.wires.slow(member, times)


def _lossy(world: World, fault: Fault, times: int) -> None:
    for member in fault.members:
        world.wires.lossy(member, times)


def _no_chain(world: World, fault: Fault, times: int) -> None:
    _mute(world, fault, times)
    _deaf(world, fault, times)


def _mute(world: World, fault: Fault, times: int) -> None:
    """What these nodes tell the chain gets lost."""
    world.wires.cut(set(fault.members), {CHAIN}, times)


def _deaf(world: World, fault: Fault, times: int) -> None:
    """What the chain answers to these nodes gets lost."""
    world.wires.cut({CHAIN}, set(fault.members), times)


def _chain_stops(world: World, fault: Fault, times: int) -> None:
    world.chain.running.turn(off=times)


def _full_disk(world: World, fault: Fault, times: int) -> None:
    for member in fault.members:
        world.nodes[member].disk.room.turn(off=times)


TOGGLES: dict[str, Toggle] = {
    "stop": _stop,
    "partition": _partition,
    "one-way partition": _one_way,
    "slow wires": _slow,
    "lossy wires": _lossy,
    "no chain": _no_chain,
    "mute to the chain": _mute,
    "deaf to the chain": _deaf,
    "chain stops": _chain_stops,
    "full disk": _full_disk,
}
"""Every such kind by name."""
