"""A run as a test tells it: who does what, and what the ledger then says."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import pytest

from node.commitment import Claims, commitment
from node.digest import Digest, digest
from node.errors import LedgerRefusal
from node.ledger import (
    Advance,
    Attest,
    Commit,
    Enter,
    Event,
    Hold,
    Ledger,
    OpenRun,
    Reveal,
    RoundFinalized,
    RoundOpened,
    Terms,
)
from tests.chains import World

E = TypeVar("E", bound=Event)

BASE = digest(b"the seeded initial model")
MANIFEST = b'{"task":"any"}'
TERMS = Terms(
    rounds=5,
    seats=4,
    min_inputs=3,
    join_delay=1,
    enter_seconds=100,
    commit_seconds=200,
    reveal_seconds=300,
    hold_seconds=400,
    attest_seconds=500,
    privacy_budget=1000,
    base=BASE,
)
LONGER_THAN_ANY_PHASE = 1000


def update(member: int, round_: int) -> Digest:
    """What a member trained in a round."""
    return digest(f"update of {member} in {round_}".encode())


def salt(member: int) -> bytes:
    """A member's salt."""
    return bytes([member]) * 32


def merged(round_: int) -> Digest:
    """What honest nodes get by merging a round."""
    return digest(f"merged {round_}".encode())


RECEIPT = digest(b"receipt")


def seats(*members: int) -> int:
    """The bitmap of members 1, 2, ... that entered in this order."""
    return sum(1 << member - 1 for member in members)


@dataclass
class Play:
    """Run 1 of a world. Members are numbers; each method lets several act, in their order."""

    world: World
    base: Digest = BASE
    round: int = 0
    run: int = 1
    privacy: dict[int, int] = field(default_factory=dict)

    def ledger(self, member: int) -> Ledger:
        """A member's view."""
        return self.world.nodes[member - 1]

    async def open(self, *members: int, **terms: Any) -> None:
        """Open a run and let members enter."""
        await self.world.authority.send(OpenRun(replace(TERMS, **terms), MANIFEST))
        await self.enter(*members)

    async def enter(self, *members: int) -> None:
        """Let members enter."""
        for member in members:
            await self.ledger(member).send(Enter(self.run))

    async def commit(self, *members: int) -> None:
        """Let members promise their updates."""
        for member in members:
            await self.ledger(member).send(self.commit_call(member))

    async def reveal(self, *members: int) -> None:
        """Let members open their commitments."""
        for member in members:
            await self.ledger(member).send(self.reveal_call(member))

    async def hold(self, bits: int, *members: int) -> None:
        """Let members hold the same updates."""
        for member in members:
            await self.ledger(member).send(Hold(self.run, self.round, bits))

    async def attest(self, *members: int, result: Digest | None = None) -> None:
        """Let members attest, all the same."""
        for member in members:
            result = result or merged(self.round)
            await self.ledger(member).send(Attest(self.run, self.round, result, RECEIPT))

    async def until_hold(self, *members: int) -> None:
        """Let members commit and reveal."""
        await self.commit(*members)
        await self.reveal(*members)

    async def until_attest(self, *members: int) -> None:
        """Let members commit, reveal and hold everything."""
        await self.until_hold(*members)
        await self.hold(seats(*members), *members)

    async def finish(self, *members: int) -> None:
        """Let members play the round until it is finalized, and go on to the next."""
        await self.until_attest(*members)
        await self.attest(*members)
        self.base = merged(self.round)
        self.round += 1

    async def finish_without_the_absent(self, present: Sequence[int]) -> None:
        """Let those present play the round, whose deadlines pass where somebody is waited for."""
        await self.commit(*present)
        await self.time_out()
        await self.reveal(*present)
        await self.hold(seats(*present), *present)
        await self.time_out()
        await self.attest(*present)
        self.base = merged(self.round)
        self.round += 1

    async def time_out(self) -> None:
        """Let the phase's deadline pass and somebody advance."""
        self.world.travel(LONGER_THAN_ANY_PHASE)
        await self.world.strangers[0].send(Advance(self.run))

    async def skip(self) -> None:
        """Let nobody do anything in this round."""
        await self.time_out()
        self.round += 1

    def commit_call(self, member: int) -> Commit:
        """A member's promise."""
        made = self.commitment(member)
        return Commit(self.run, self.round, made, self.privacy.get(member, 0))

    def reveal_call(self, member: int, weight: int = 64) -> Reveal:
        """What opens a member's promise."""
        spent = self.privacy.get(member, 0)
        return Reveal(self.run, self.round, update(member, self.round), weight, spent, salt(member))

    def commitment(self, member: int, weight: int = 64) -> bytes:
        """A member's commitment."""
        claims = Claims(weight, self.privacy.get(member, 0))
        network = self.ledger(member).network
        return commitment(
            network, self.run, self.round, self.base, member,
            update(member, self.round), claims, salt(member),
        )  # fmt: skip

    async def events(self) -> list[Event]:
        """All that the ledger says of runs, without deadlines: chains have clocks of their own."""
        head = await self.world.authority.head()
        logged = await self.world.authority.events(0, head.number)
        return [_without_deadline(entry.event) for entry in logged if hasattr(entry.event, "run")]

    async def said(self, kind: type[E]) -> list[E]:
        """Events of one kind."""
        return [event for event in await self.events() if isinstance(event, kind)]

    async def opened(self) -> RoundOpened:
        """The newest round."""
        return (await self.said(RoundOpened))[-1]

    async def finalized(self) -> list[tuple[int, Digest]]:
        """Which rounds were finalized, with what."""
        return [(event.round, event.merged) for event in await self.said(RoundFinalized)]


def _without_deadline(event: Event) -> Event:
    if "deadline" in {item.name for item in fields(event)}:
        return replace(event, deadline=0)  # type: ignore[call-arg]
    return event


async def refusal(call: Awaitable[Any]) -> tuple[Any, ...]:
    """The name and values with which a call is refused."""
    with pytest.raises(LedgerRefusal) as raised:
        await call
    return (raised.value.name, *raised.value.values)
