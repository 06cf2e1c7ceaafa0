"""What an audit goes by: everything that the chain said of a network, wherever it was read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from node.errors import BadAnswer, WrongUse
from node.ledger import Address, Logged, Network
from node.state import Chronicle, Run, apply

if TYPE_CHECKING:
    from node.contracts.chain import MemoryChain


@dataclass(frozen=True, slots=True)
class Record:
    """All that the chain says of a network, up to block `head`.

    gas, senders: by transaction hash; who sent a transaction is only as true as the endpoint. times:
    Unix seconds by block number. differences: where endpoints gave different answers, in words.
    """

    network: Network
    head: int
    logged: tuple[Logged, ...]
    gas: Mapping[bytes, int]
    chronicle: Chronicle
    times: Mapping[int, int] = field(default_factory=dict)
    differences: tuple[str, ...] = ()
    senders: Mapping[bytes, Address] = field(default_factory=dict)

    def run(self, number: int | None) -> Run:
        """One run, by default the newest. Raises WrongUse."""
        runs = self.chronicle.runs
        if not runs:
            raise WrongUse("the ledger has no run yet: nothing to audit")
        wanted = list(runs)[-1] if number is None else number
        if wanted not in runs:
            raise WrongUse(f"there is no run {wanted}: there are {sorted(runs)}")
        return runs[wanted]


def told_by(chain: MemoryChain) -> Record:
    """What an auditor of a chain in memory reads, where gas is free."""
    head = chain.head.number
    logged = tuple(chain.events(0, head))
    times = {one.block: chain.block(one.block).time for one in logged}
    return Record(chain.network, head, logged, {}, folded(logged), times)


def folded(logged: Iterable[Logged]) -> Chronicle:
    """What the logs add up to. Raises BadAnswer for one that can't follow from those before."""
    chronicle = Chronicle()
    for one in logged:
        try:
            chronicle = apply(chronicle, one.event)
        except (LookupError, AssertionError):
            what = f"log {one.index} of block {one.block} ({type(one.event).__name__})"
            raise BadAnswer(
                f"{what} tells of what no log before it told: the endpoint hides logs or has dropped "
                "old ones; ask another"
            ) from None
    return chronicle
