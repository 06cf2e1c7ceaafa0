"""The exchange seam: fetch and serve blobs, whoever carries the bytes.

Goals: a fetched blob is whole and is what its digest says; only members and auditors get a stream;
everything from a peer is bounded in size and time. Non-goals: finding peers, deciding what may be
served.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import NewType, Protocol

from node.digest import Digest

PeerKey = NewType("PeerKey", bytes)
"""A node's 32-byte Ed25519 public key, as the registry records it."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes of blob content moved since start, without framing."""

    sent: int
    received: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on everything that comes from a peer. Seconds and bytes."""

    connect_seconds: float = 5.0
    silence_seconds: float = 10.0
    blob_bytes: int = 1 << 31
    streams_per_peer: int = 8


MayServe = Callable[[Digest, PeerKey], bool]
"""Asked before each blob is served: does our own state allow it, to this member, now?"""


class Exchange(Protocol):
    """Moves blobs between members; blobs come from and go to the store it was made with."""

    def serve(self) -> AbstractAsyncContextManager[None]:
        """Listen and answer for as long as the context is open."""
        ...

    def admit(self, members: Set[PeerKey]) -> None:
        """Serve these peers from now on and no others; open streams of others are closed."""
        ...

    async def fetch(self, digest: Digest, peer: PeerKey, max_bytes: int) -> None:
        """Fetch a blob from one peer into the store; does nothing when the store has it.

        What was verified stays, so that the next peer is asked for the missing chunks only.
        Raises PeerUnreachable, PeerRefused, PeerLied, DiskFull.
        """
        ...

    def traffic(self) -> Traffic:
        """What was moved so far."""
        ...
