"""Taking part in a run, whatever the seams are: serve, play the rounds, take leave.

Real processes, simulated worlds and tests all go through here, so that none has a life of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from node.driver import Driver
from node.exchange import Exchange
from node.ledger import is_gossip
from node.state import Run
from node.watch import Watch

FAREWELL_SECONDS = 10.0
"""How long a node goes on serving after its run while others may still want the last updates."""


@asynccontextmanager
async def serving(exchange: Exchange, watch: Watch) -> AsyncIterator[None]:
    """Serve members and auditors, and follow the chain, for as long as the context is open."""
    async with exchange.serve(), trio.open_nursery() as nursery:
        nursery.start_soon(watch.run)
        nursery.start_soon(_keep_gate, exchange, watch)
        yield
        nursery.cancel_scope.cancel()


async def take_part(driver: Driver, watch: Watch, farewell: float = FAREWELL_SECONDS) -> Run:
    """Play the run to its end; then, for `farewell` seconds, stay for who needs what is here."""
    await driver.play()
    with trio.move_on_after(farewell):
        await driver.fetch_final_model()
        # Auditors come for what a round gave only once it is over, and don't say when they have it.
        await watch.until(lambda: _all_attested(driver.run) and not watch.chronicle.auditors)
    return driver.run


async def _keep_gate(exchange: Exchange, watch: Watch) -> None:
    """Let members and auditors in as the chain admits them, and throw revoked ones out."""
    admitted: object = None
    while True:
        known = (watch.chronicle.members, watch.chronicle.auditors)
        if known != admitted:
            admitted = known
            members = {m.peer_key for m in watch.chronicle.active()}
            exchange.admit(members.union(watch.chronicle.auditors))
        await watch.changed()


def _all_attested(run: Run) -> bool:
    """Whether every seat has merged the last round, so that nobody needs its updates any more."""
    last = run.rounds[-1] if run.rounds else None
    if last is None or (is_gossip(run.number) and last.ended):
        return True  # a gossip run's last round takes no attestation any more
    return set(run.members_in(last.roster)) <= last.attested.keys()
