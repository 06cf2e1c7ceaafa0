"""Lies on the wire: who gets bytes, when, and which."""

from __future__ import annotations

from dataclasses import replace

from node.blobs import Blobs
from node.conduct import Conduct
from node.digest import CHUNK, Digest, Outline, digest, outline
from node.errors import PeerFault
from node.exchange import Exchange, MayServe, PeerKey
from node.seams import Seams
from sim.adversary.over import OverBlobs, OverExchange
from sim.adversary.stage import Sight, Stage

HALF = 0.5
ONE = 1 << 63
"""Above all lots, which are whole numbers."""

LATE = 0.75
"""Share of the hold phase that a late server lets pass: honest nodes hold after 0.8 of it."""

REQUESTS = 20


def withhold(stage: Stage) -> Conduct:
    """Serves nobody."""
    return Conduct(may_serve=lambda honest: lambda name, peer: False)


def withhold_some(stage: Stage, *, share: float = HALF) -> Conduct:
    """Serves nothing to this share of its peers, the same ones always."""

    def may_serve(honest: MayServe) -> MayServe:
        return lambda name, peer: not _drawn(stage, peer, share) and honest(name, peer)

    return Conduct(may_serve=may_serve)


def late(stage: Stage, *, seconds: float | None = None, share: float = LATE) -> Conduct:
    """Serves a blob some seconds after it was first asked for, or a share of the hold phase after."""
    sight, asked = Sight(), dict[Digest, float]()

    def may_serve(honest: MayServe) -> MayServe:
        def may(name: Digest, peer: PeerKey) -> bool:
            if not sight.started or not honest(name, peer):
                return False
            wait = share * sight.run.terms.hold_seconds if seconds is None else seconds
            return stage.clock() >= asked.setdefault(name, stage.clock()) + wait

        return may

    return sight.conduct(may_serve=may_serve)


def wrong_bytes(stage: Stage) -> Conduct:
    """Offers the right blob and then sends other bytes."""
    return Conduct(serves=_Wrong)


def equivocate(stage: Stage, *, share: float = HALF) -> Conduct:
    """Serves this share of its peers another blob under the same name, with hashes that fit it."""
    face = _Face()

    def may_serve(honest: MayServe) -> MayServe:
        def may(name: Digest, peer: PeerKey) -> bool:
            face.lying = _drawn(stage, peer, share)
            return honest(name, peer)

        return may

    return Conduct(serves=lambda blobs: _Double(blobs, face), may_serve=may_serve)


def flood(stage: Stage, *, requests: int = REQUESTS) -> Conduct:
    """Asks for so many blobs that don't exist before each one that it wants."""
    junk = [digest(stage.lots("junk", n).to_bytes(8, "big")) for n in range(requests)]

    def seams(honest: Seams) -> Seams:
        return replace(honest, exchange=_Flooding(honest.exchange, junk))

    return Conduct(seams=seams)


class _Wrong(OverBlobs):
    def view(self, digest: Digest) -> memoryview:
        return _spoiled(self.under.view(digest))


class _Face:
    """Which of two faces the peer gets that asked last."""

    lying = False


class _Double(OverBlobs):
    def __init__(self, under: Blobs, face: _Face) -> None:
        super().__init__(under)
        self._face = face

    def outline(self, digest: Digest) -> Outline:
        honest = self.under.outline(digest)
        return outline(self.view(digest)) if self._face.lying else honest

    def view(self, digest: Digest) -> memoryview:
        view = self.under.view(digest)
        return _spoiled(view) if self._face.lying else view


class _Flooding(OverExchange):
    def __init__(self, under: Exchange, junk: list[Digest]) -> None:
        super().__init__(under)
        self._junk = junk

    async def fetch(self, digest: Digest, peer: PeerKey, max_bytes: int) -> None:
        for one in self._junk:
            try:
                await self.under.fetch(one, peer, max_bytes)
            except PeerFault:
                continue
        await self.under.fetch(digest, peer, max_bytes)


def _drawn(stage: Stage, peer: PeerKey, share: float) -> bool:
    return stage.lots("peer", peer.hex()) < share * ONE


def _spoiled(view: memoryview) -> memoryview:
    """The first byte of each chunk is another one."""
    data = bytearray(view)
    data[::CHUNK] = bytes(byte ^ 0xFF for byte in data[::CHUNK])
    return memoryview(bytes(data))
