"""Who is connected to this node, and who may be.

Goals: only members have links; a member has a bounded number of them; a removed member's links close
at once, whatever they are doing; idle links are used again. Non-goals: making links, talking on them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Set
from dataclasses import dataclass

from node.channel import SealedChannel
from node.errors import PeerRefused
from node.exchange import PeerKey
from node.wire import Ended


@dataclass(eq=False, slots=True)
class Link:
    """An authenticated connection to a peer.

    `initiator` when this node made it; `fast` when blobs travel on it without a muxer.
    """

    peer: PeerKey
    channel: SealedChannel
    initiator: bool
    fast: bool = False

    def close(self) -> None:
        """Close it now; whoever uses it gets Ended."""
        self.channel.close()


_Table = dict[PeerKey, set[Link]]


class Links:
    """All links of a node, in both directions."""

    def __init__(self, per_peer: int) -> None:
        self._per_peer = per_peer
        self._members: Set[PeerKey] = frozenset()
        self._serving: _Table = {}
        self._asking: _Table = {}
        self._idle: _Table = {}

    def admit(self, members: Set[PeerKey]) -> None:
        """Let these peers in from now on; close the links of those no longer among them."""
        removed = self._members - members
        self._members = frozenset(members)
        for link in self._all():
            if link.peer in removed:
                link.close()

    @contextlib.contextmanager
    def serving(self, link: Link) -> Iterator[None]:
        """Keep account of a link that a peer made. Raises Ended when it is not to have it."""
        if link.peer not in self._members:
            raise Ended("not a member")
        if len(self._serving.get(link.peer, ())) >= self._per_peer:
            raise Ended("too many connections at once")
        with _listed(self._serving, link):
            yield

    @contextlib.contextmanager
    def asking(self, link: Link) -> Iterator[None]:
        """Keep account of a link while this node asks on it; keep or close it after."""
        keep = False
        try:
            with _listed(self._asking, link):
                yield
            keep = link.fast
        except PeerRefused:
            keep = link.fast
            raise
        finally:
            if keep:
                self._idle.setdefault(link.peer, set()).add(link)
            else:
                link.close()

    def take_idle(self, peer: PeerKey) -> Link | None:
        """An idle link to the peer that still works."""
        idle = self._idle.get(peer, set())
        while idle:
            link = idle.pop()
            if not link.channel.stale:
                return link
            link.close()
        return None

    def close(self) -> None:
        """Close every link."""
        for link in self._all():
            link.close()
        self._idle.clear()

    def _all(self) -> list[Link]:
        tables = (self._serving, self._asking, self._idle)
        return [link for table in tables for links in table.values() for link in links]


@contextlib.contextmanager
def _listed(table: _Table, link: Link) -> Iterator[None]:
    links = table.setdefault(link.peer, set())
    links.add(link)
    try:
        yield
    finally:
        links.discard(link)
