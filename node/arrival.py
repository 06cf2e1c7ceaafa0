"""A node's first look at the chain: which member it is, and in which run it takes part.

How deep a block must lie before it counts is said by the run's manifest, which is on the chain itself.
So the first look goes up to the newest block, to learn just that; then the chain is read again, and no
further than that deep. Nothing is signed or served before.

Non-goals: whether this node may take part in the run (`node.entry`), taking part.
"""

from __future__ import annotations

import logging

from node.errors import WrongUse
from node.ledger import Address
from node.manifest import Manifest
from node.state import Chronicle, Member
from node.watch import Watch

log = logging.getLogger(__name__)


def member_of(chronicle: Chronicle, account: Address) -> Member:
    """The active member that an account acts for. Raises WrongUse that says why there is none."""
    if (member := chronicle.member_of(account)) is not None:
        return member
    for past in chronicle.members.values():
        if past.account == account:
            raise WrongUse(
                f"member {past.number} was revoked: ask the authority why; to come back it needs a "
                "new home, with new keys, and a new admission"
            )
    raise WrongUse(f"account {account} is no member: give card.json in its home to the authority")


async def find_run(watch: Watch, wanted: int | None) -> int:
    """The run that is wanted, or the newest open one, once there is one. Raises WrongUse."""
    if wanted is not None:
        if wanted not in watch.chronicle.runs:
            known = sorted(watch.chronicle.runs)
            raise WrongUse(f"there is no run {wanted}: there are {known}")
        return wanted
    if _newest(watch.chronicle) is None:
        log.info("no run is open: waiting until the authority opens one")
    await watch.until(lambda: _newest(watch.chronicle) is not None)
    newest = _newest(watch.chronicle)
    assert newest is not None
    return newest


async def look_deep_enough(watch: Watch, run: int, account: Address) -> Member:
    """See only blocks as deep as the run's manifest asks, and wait until run and member are.

    `watch.run` does the looking meanwhile. Raises Unfit when the manifest can't be read, WrongUse.
    """
    while (deep := _confirmations(watch.chronicle, run)) != watch.confirmations:
        await watch.start_over(deep)
        log.info("run %d counts blocks with %d on top: waiting until this node sees it", run, deep)
        await watch.until(lambda: _knows(watch.chronicle, run, account))
    return member_of(watch.chronicle, account)


def _newest(chronicle: Chronicle) -> int | None:
    """The newest run that is not closed."""
    return next((n for n in reversed(list(chronicle.runs)) if chronicle.runs[n].closed is None), None)


def _confirmations(chronicle: Chronicle, run: int) -> int:
    return Manifest.from_bytes(chronicle.runs[run].manifest).confirmations


def _knows(chronicle: Chronicle, run: int, account: Address) -> bool:
    accounts = (member.account for member in chronicle.members.values())
    return run in chronicle.runs and account in accounts
