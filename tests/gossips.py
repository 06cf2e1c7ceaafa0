"""A gossip run as a test tells it: as tests.rounds, with a model for each member."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from node.commitment import Claims, commitment
from node.digest import Digest, digest
from node.ledger import FIRST_GOSSIP, AttestOwn, OpenGossip
from tests.rounds import BASE, MANIFEST, RECEIPT, TERMS, Play, salt, seats, update


def own(member: int, round_: int) -> Digest:
    """What a member gets by merging in a round."""
    return digest(f"own model of {member} after {round_}".encode())


@dataclass
class GossipPlay(Play):
    """The first gossip run of a world."""

    run: int = FIRST_GOSSIP
    models: dict[int, Digest] = field(default_factory=dict)

    async def open(self, *members: int, **terms: Any) -> None:
        """Open a gossip run and let members enter."""
        await self.world.authority.send(OpenGossip(replace(TERMS, **terms), MANIFEST))
        await self.enter(*members)

    async def attest_own(self, *members: int, inputs: int | None = None) -> None:
        """Let members attest their merges of `inputs`, by default of all these members' updates."""
        for member in members:
            await self.ledger(member).send(self.attest_call(member, inputs or seats(*members)))
            self.models[member] = own(member, self.round)

    async def until_attest(self, *members: int) -> None:
        """Let members commit and reveal."""
        await self.until_hold(*members)

    async def finish(self, *members: int) -> None:
        """Let members play the round to its end."""
        await self.until_attest(*members)
        await self.attest_own(*members)
        self.round += 1

    def attest_call(self, member: int, inputs: int) -> AttestOwn:
        """What a member says of its merge."""
        return AttestOwn(self.run, self.round, inputs, own(member, self.round), RECEIPT)

    def commitment(self, member: int, weight: int = 64) -> bytes:
        """A member's commitment, from its own model on."""
        claims = Claims(weight, self.privacy.get(member, 0))
        network, base = self.ledger(member).network, self.models.get(member, BASE)
        return commitment(
            network, self.run, self.round, base, member,
            update(member, self.round), claims, salt(member),
        )  # fmt: skip
