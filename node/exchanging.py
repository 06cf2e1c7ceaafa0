"""Fetching what a round needs, from its author or whoever has it, and verifying it.

A peer that serves a wrong byte is not asked again in this round. Everything else that goes wrong with a
peer is tried again, with growing pauses, until the caller gives up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import trio

from node.digest import Digest
from node.errors import BadUpdate, Damaged, PeerFault, PeerLied
from node.exchange import PeerKey
from node.seams import Rules, Seams
from node.state import Round, Run
from node.verify import Claimed, VerifiedUpdate, verify
from node.watch import Watch
from node.working import whole

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.02
LONGEST_PAUSE = 2.0
"""Seconds between two attempts to get the same blob from anybody."""

Sources = Callable[[], Iterator[int]]
"""Member numbers to ask, best first; asked anew at each attempt, since more peers have it by then."""


class Fetcher:
    """Gets blobs for one node in one run. verified: updates by digest, as far as they passed."""

    def __init__(self, seams: Seams, watch: Watch, rules: Rules, member: int) -> None:
        self._seams, self._watch, self._rules, self._member = seams, watch, rules, member
        self._liars: set[tuple[int, int]] = set()
        self.verified: dict[Digest, VerifiedUpdate] = {}

    async def model(self, round_: Round) -> None:
        """Get the model that a round starts from."""
        await self._get(round_, round_.base, lambda: self._keepers(round_))

    async def update(self, round_: Round, member: int) -> bool:
        """Get a revealed update and verify it; False when it fails for good."""
        digest = round_.revealed[member].digest
        while True:
            await self._get(round_, digest, lambda: self._holders(round_.number, member))
            try:
                await self._seams.offload(self._verify, round_, member, digest)
            except Damaged as damage:
                log.error("%s", damage)
            except BadUpdate as error:
                log.warning("round %d: %s", round_.number, error)
                return False
            else:
                return True

    def _verify(self, round_: Round, member: int, digest: Digest) -> None:
        if digest not in self.verified:
            claimed = Claimed(self._rules.run, round_.number, member, digest)
            view = whole(self._seams.blobs, digest)
            self._forget_older(round_)
            self.verified[digest] = verify(self._rules.manifest, self._rules.layout, claimed, view)

    def _forget_older(self, round_: Round) -> None:
        recent = {r.digest for past in self._run.rounds[-2:] for r in past.revealed.values()}
        for digest in self.verified.keys() - recent:
            self.verified.pop(digest, None)

    async def _get(self, round_: Round, digest: Digest, sources: Sources) -> None:
        pause = FIRST_PAUSE
        while not self._seams.blobs.has(digest):
            for member in sources():
                if await self._ask(round_, digest, member):
                    return
            await trio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _ask(self, round_: Round, digest: Digest, member: int) -> bool:
        if (round_.number, member) in self._liars:
            return False
        try:
            await self._seams.exchange.fetch(
                digest, self._peer_key(member), self._rules.manifest.max_blob_bytes
            )
        except PeerLied as error:
            log.warning("member %d is not asked again this round: %s", member, error)
            self._liars.add((round_.number, member))
        except PeerFault as error:
            log.info("member %d: %s", member, error)
        else:
            return True
        return False

    def _holders(self, number: int, author: int) -> Iterator[int]:
        """The author first, then those who say on the chain that they hold the update."""
        yield author
        run = self._run
        for round_ in (r for r in run.rounds[-2:] if r.number == number):
            for member, bits in round_.held.items():
                if bits & run.bit(author) and member not in (author, self._member):
                    yield member

    def _keepers(self, round_: Round) -> Iterator[int]:
        """Those who attested the model first, then everybody in the roster."""
        attesters = [
            member
            for past in self._run.past
            for member, attestation in past.attested.items()
            if attestation.merged == round_.base
        ]
        others = self._run.members_in(round_.roster)
        yield from (m for m in dict.fromkeys((*attesters, *others)) if m != self._member)

    def _peer_key(self, member: int) -> PeerKey:
        return self._watch.chronicle.members[member].peer_key

    @property
    def _run(self) -> Run:
        return self._watch.chronicle.runs[self._rules.run]
