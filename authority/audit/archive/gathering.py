"""Gets what is wanted from whoever has it, and never gives up.

Every peer is asked by a task of its own, one blob after the other, so that one who drips, lies or is
away holds up nobody else. Goals: all is bounded, each blob is checked against its digest by whoever
carries it, one bad peer costs itself. Non-goals: what is wanted, telling people.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from authority.audit.archive.wanted import RECEIPT_BYTES, Wanted, Wish, may_have, most_bytes
from node.blobs import Blobs
from node.digest import Digest
from node.errors import PeerFault, PeerLied, PeerRefused
from node.exchange import Exchange, Limits, PeerKey
from node.exchanging import SLACK
from node.watch import Watch

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 30.0
"""Seconds before a peer that was away, or hadn't a blob, is asked again; doubled each time."""

FIRST_TURN = 2.0
LONGEST_TURN = 60.0
"""Seconds that a peer has for a blob, before others are asked for it; what it sent by then stays, and
its next turn is twice as long. So a large blob on a slow line comes, and who drips blocks nothing.
"""


@dataclass(slots=True)
class _Pauses:
    """When something may be tried again, ever later."""

    until: float = -math.inf
    seconds: float = FIRST_PAUSE

    def put_off(self) -> None:
        self.until = trio.current_time() + self.seconds
        self.seconds = min(2 * self.seconds, LONGEST_PAUSE)


@dataclass(slots=True)
class _Peer:
    """What was learned of one peer. refused, turn: of each blob that it didn't give, or not in time."""

    away: _Pauses = field(default_factory=_Pauses)
    refused: dict[Digest, _Pauses] = field(default_factory=dict)
    turn: dict[Digest, float] = field(default_factory=dict)

    def when(self, digest: Digest) -> float:
        """From when on it may be asked for a blob."""
        refused = self.refused.get(digest)
        return max(self.away.until, refused.until if refused else -math.inf)


class Gatherer:
    """Fills an archive's blobs. own: its peer key. erased: whether a blob was deleted on purpose.

    missing, kept: what is wanted, not here and here. why: what was last heard of a missing blob, by
    whom. changes: how often any of that changed, or was tried to.
    """

    def __init__(
        self,
        *,
        watch: Watch,
        exchange: Exchange,
        blobs: Blobs,
        own: PeerKey,
        erased: Callable[[Digest], bool] = lambda digest: False,
    ) -> None:
        self._watch, self._exchange, self._blobs = watch, exchange, blobs
        self._own, self._erased = own, erased
        self._wish = Wish()
        self._peers: dict[PeerKey, _Peer] = {}
        self._busy: set[Digest] = set()
        self._news = trio.Event()
        self.changes = 0
        self.missing: dict[Digest, Wanted] = {}
        self.kept: dict[Digest, Wanted] = {}
        self.why: dict[Digest, dict[str, str]] = {}

    async def run(self) -> None:
        """For ever. Raises DiskFull, InfrastructureFault."""
        async with trio.open_nursery() as nursery:
            while True:
                self.look()
                for peer in self._known() - self._peers.keys():
                    self._peers[peer] = _Peer()
                    nursery.start_soon(self._ask_all, peer)
                await self._watch.changed()

    def look(self) -> None:
        """Compare what the chain names with what is here."""
        wanted = self._wish.of(self._watch.chronicle)
        for digest, one in wanted.items():
            if digest in self.kept or digest in self.missing:
                continue
            if self._blobs.has(digest):
                self.kept[digest] = one
            elif not self._erased(digest):
                self.missing[digest] = one
        for gone in self.missing.keys() - wanted.keys():  # the chain was reorganized
            del self.missing[gone]
        self._tell()

    def lost(self, digest: Digest) -> None:
        """A blob was damaged and is gone: get it again."""
        if (one := self.kept.pop(digest, None)) is not None:
            self.missing[digest] = one
            self._tell()

    async def changed(self) -> None:
        """Wait until something is kept, or missing, that wasn't."""
        await self._news.wait()

    def _known(self) -> set[PeerKey]:
        chronicle = self._watch.chronicle
        return {m.peer_key for m in chronicle.active()}.union(chronicle.auditors) - {self._own}

    async def _ask_all(self, peer: PeerKey) -> None:
        """Ask a peer for whatever it may have, for as long as it is one."""
        while peer in self._known():
            one, when = self._next(peer)
            if one is None:
                with trio.move_on_at(when):
                    await self._news.wait()
            else:
                await self._ask(peer, one)
        del self._peers[peer]

    def _next(self, peer: PeerKey) -> tuple[Wanted | None, float]:
        """What to ask a peer for now; or nothing, and from when on there may be something."""
        asked, now = self._peers[peer], trio.current_time()
        again, soonest = None, math.inf
        for digest, one in self.missing.items():
            if digest in self._busy or not may_have(self._watch.chronicle, peer, one):
                continue
            if (when := asked.when(digest)) > now:
                soonest = min(soonest, when)
            elif digest not in asked.refused:
                return one, now
            else:
                again = again or one  # what is new goes first: nodes may prune it soon
        return again, soonest

    async def _ask(self, peer: PeerKey, one: Wanted) -> None:
        self._busy.add(one.digest)
        try:
            why = await self._fetched(peer, one)
        finally:
            self._busy.discard(one.digest)
        if why is not None:
            self.why.setdefault(one.digest, {})[self._watch.chronicle.who(peer)] = why
        elif self.missing.pop(one.digest, None):
            self.kept[one.digest] = one
            self.why.pop(one.digest, None)
            for asked in self._peers.values():
                asked.refused.pop(one.digest, None)
                asked.turn.pop(one.digest, None)
        self._tell()

    async def _fetched(self, peer: PeerKey, one: Wanted) -> str | None:
        """Get a blob from a peer; or say why not, and note when to try again."""
        known, why = self._peers[peer], None
        turn = known.turn.get(one.digest, FIRST_TURN)
        try:
            with trio.fail_after(turn):
                await self._exchange.fetch(one.digest, peer, self._most(one))
        except PeerLied as error:
            log.warning("%s isn't asked for %s again: %s", self._watch.chronicle.who(peer), one, error)
            why, known.refused[one.digest] = str(error), _Pauses(math.inf)
        except PeerRefused as error:
            known.refused.setdefault(one.digest, _Pauses()).put_off()
            why = str(error)
        except trio.TooSlowError:
            known.turn[one.digest] = min(2 * turn, LONGEST_TURN)
            known.refused.setdefault(one.digest, _Pauses()).put_off()
            known.away.put_off()
            return f"not complete after {turn:.0f} s"
        except PeerFault as error:
            known.away.put_off()
            return str(error)
        known.away = _Pauses()
        return why

    def _most(self, one: Wanted) -> int:
        """Bytes that a blob may have: all models of a run have one size, and all updates."""
        run = self._watch.chronicle.runs[one.run]
        if one.what == "receipt":
            return RECEIPT_BYTES
        if one.what == "base" or not self._blobs.has(run.terms.base):
            return most_bytes(run) or Limits().blob_bytes
        model = len(self._blobs.view(run.terms.base))
        return model + SLACK if one.what == "update" else model

    def _tell(self) -> None:
        self.changes += 1
        self._news.set()
        self._news = trio.Event()
