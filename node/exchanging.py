"""Fetching what a round needs, from its author or whoever has it, and verifying it.

A peer that serves a wrong byte is not asked again in this round. Everything else that goes wrong with a
peer is tried again, with growing pauses, until the caller gives up; peers that failed are asked last.
"""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import trio

from node.digest import Digest
from node.errors import BadUpdate, LostBlob, PeerFault, PeerLied, PeerRefused
from node.exchange import PeerKey
from node.header import UpdateMark, header
from node.seams import Rules, Seams
from node.state import Round, Run
from node.verify import Claimed, VerifiedUpdate, verify
from node.watch import Watch
from node.working import whole

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.02
LONGEST_PAUSE = 2.0
"""Seconds between two attempts to get the same blob from anybody."""

ATTEMPTS = 0.5
"""Share of the shorter of the hold and attest phases in which every source of a blob gets one attempt,
so that peers that drip can't keep a node from those that serve. What a peer sent by then stays."""

SLACK = 1 << 20
"""Bytes above the right size that are still fetched: a small misfit is refused for good by looking at
it, a large one is not worth its disk."""

LEAST_ATTEMPT = 2.0
"""Seconds that an attempt may take at least."""

ROUNDS_KEPT = 3
"""Of how many rounds it is remembered what was fetched: the last one may still be merged."""

Sources = Callable[[], Iterator[PeerKey]]
"""Whom to ask, best first; asked anew at each attempt, since more peers have it by then."""


@dataclass(slots=True)
class _Found:
    """What one round's fetching found out. verified: by author; a digest may be claimed by two."""

    verified: dict[int, VerifiedUpdate] = field(default_factory=dict)
    wanted: set[Digest] = field(default_factory=set)
    liars: set[PeerKey] = field(default_factory=set)


class Fetcher:
    """Gets blobs for one node in one run."""

    def __init__(self, seams: Seams, watch: Watch, rules: Rules, member: int) -> None:
        self._seams, self._watch, self._rules, self._member = seams, watch, rules, member
        self._found: dict[int, _Found] = {}
        self._failures: Counter[PeerKey] = Counter()
        # All updates of a run have one size, and all models: nobody makes us fetch much more.
        layout, mark = rules.layout, UpdateMark(0, 0, 0, bytes(32))
        self._update_bytes = len(header(layout, mark)) + layout.size + SLACK
        self._model_bytes = len(header(layout)) + layout.size

    async def model(self, round_: Round) -> None:
        """Get the model that a round starts from."""
        await self._get(
            round_, round_.base, self._model_bytes, lambda: self._keepers(round_.base, round_)
        )

    async def final_model(self) -> None:
        """Get the model finalized last, if this node was away when the others made it."""
        last = next((r for r in reversed(self._run.rounds) if r.finalized is not None), None)
        if last is not None and last.finalized is not None:
            model = last.finalized.merged
            await self._get(last, model, self._model_bytes, lambda: self._keepers(model, last))

    async def update(self, round_: Round, member: int) -> bool:
        """Get a revealed update and verify it; False when it fails for good."""
        digest = round_.revealed[member].digest
        while True:
            known = self._seams.blobs.has(digest)
            await self._get(
                round_, digest, self._update_bytes, lambda: self._holders(round_.number, member)
            )
            try:
                await self._check(round_, member)
            except LostBlob as loss:
                log.error("%s", loss)
            except BadUpdate as error:
                log.warning("round %d: %s", round_.number, error)
                if not known:  # it fills no disk; what was here before may be somebody's good blob
                    self._seams.blobs.drop(digest)
                return False
            else:
                return True

    async def on_disk(self, round_: Round) -> frozenset[int]:
        """Members whose updates are here already and pass, after a restart in mid-round."""
        passed = set()
        for member, revealed in round_.revealed.items():
            if self._seams.blobs.has(revealed.digest):
                with contextlib.suppress(LostBlob, BadUpdate):
                    await self._check(round_, member)
                    passed.add(member)
        return frozenset(passed)

    async def _check(self, round_: Round, member: int) -> None:
        digest = round_.revealed[member].digest
        verified = await self._seams.offload(self._verify, round_, member, digest)
        self._of(round_).verified[member] = verified

    def verified(self, round_: Round, members: Iterable[int]) -> list[VerifiedUpdate]:
        """The updates of members for whom `update` was True."""
        return [self._of(round_).verified[member] for member in members]

    def _verify(self, round_: Round, member: int, digest: Digest) -> VerifiedUpdate:
        view = whole(self._seams.blobs, digest)
        claimed = Claimed(self._rules.run, round_.number, member, digest)
        return verify(self._rules.manifest, self._rules.layout, claimed, view)

    def _of(self, round_: Round) -> _Found:
        if round_.number not in self._found:
            for number in [n for n in self._found if n <= round_.number - ROUNDS_KEPT]:
                self._forget(number)
            self._found[round_.number] = _Found()
        return self._found[round_.number]

    def _forget(self, number: int) -> None:
        """Give back what was begun in a round and never completed: a file each, and its room."""
        for digest in self._found.pop(number).wanted:
            if not self._seams.blobs.has(digest):
                self._seams.blobs.drop(digest)

    async def _get(self, round_: Round, digest: Digest, most: int, sources: Sources) -> None:
        found, pause = self._of(round_), FIRST_PAUSE
        found.wanted.add(digest)
        while not self._seams.blobs.has(digest):
            ranked = sorted(sources(), key=self._failures.__getitem__)
            for peer in ranked:
                seconds = self._attempt_seconds(len(ranked))
                if peer not in found.liars and await self._ask(found, digest, most, peer, seconds):
                    return
            await trio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _attempt_seconds(self, sources: int) -> float:
        terms = self._rules.manifest.terms
        return max(ATTEMPTS * min(terms.hold_seconds, terms.attest_seconds) / sources, LEAST_ATTEMPT)

    async def _ask(
        self, found: _Found, digest: Digest, most: int, peer: PeerKey, seconds: float
    ) -> bool:
        slow = True  # unless it answers in time; being cut off by the phase's end counts, too
        try:
            with trio.move_on_after(seconds):
                await self._seams.exchange.fetch(digest, peer, most)
                slow = False
        except PeerLied as error:
            log.warning("%s is not asked again this round: %s", self._watch.chronicle.who(peer), error)
            found.liars.add(peer)
        except PeerRefused as error:
            slow = False
            log.debug("%s: %s", self._watch.chronicle.who(peer), error)
        except PeerFault as error:
            log.info("%s: %s", self._watch.chronicle.who(peer), error)
        finally:
            self._failures[peer] += slow
        return self._seams.blobs.has(digest)

    def _holders(self, number: int, author: int) -> Iterator[PeerKey]:
        """The author first, then those who say on the chain that they hold the update, or merged it."""
        run = self._run
        rounds = [r for r in run.rounds if r.number == number]
        held = [r.held for r in rounds]
        merged = [{m: one.inputs for m, one in r.attested.items()} for r in rounds]
        holders = (m for by in (*held, *merged) for m, bits in by.items() if bits & run.bit(author))
        return self._peers((author, *holders))

    def _keepers(self, model: Digest, round_: Round) -> Iterator[PeerKey]:
        """Those who attested the model first, then everybody in the roster."""
        attesters = [
            member
            for past in self._run.past
            for member, attestation in past.attested.items()
            if attestation.merged == model
        ]
        return self._peers((*attesters, *self._run.members_in(round_.roster)))

    def _peers(self, members: Iterable[int]) -> Iterator[PeerKey]:
        """Auditors last: they have what is old, and who has pruned or lost a blob gets it there."""
        chronicle = self._watch.chronicle
        others = (m for m in dict.fromkeys(members) if m != self._member)
        yield from (chronicle.members[m].peer_key for m in others)
        yield from chronicle.auditors

    @property
    def _run(self) -> Run:
        return self._watch.chronicle.runs[self._rules.run]
