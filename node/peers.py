"""Where a node's peers are, as node.toml says now: it is read again when it has changed.

So whoever joins a run under way, or moves, costs the others a command (`waggle node peers`) and no
restart. Non-goals: finding peers; anything else in node.toml, which counts from the next start on.
"""

from __future__ import annotations

import logging

from node.config import Home, load_config
from node.errors import WrongUse
from node.exchange import PeerKey

log = logging.getLogger(__name__)


class PeerBook:
    """The addresses in a home's node.toml."""

    def __init__(self, home: Home) -> None:
        """Raises WrongUse."""
        self._home, self._stamp = home, _stamp(home)
        self._peers = load_config(home).peers

    def __call__(self, key: PeerKey) -> tuple[str, ...]:
        """Where a peer may be reached: multiaddresses, best first; empty when unknown."""
        if (stamp := _stamp(self._home)) != self._stamp:
            self._stamp = stamp
            self._read()
        return self._peers.get(key, ())

    def _read(self) -> None:
        """A file that makes no sense, perhaps while somebody edits it, changes nothing."""
        try:
            self._peers = load_config(self._home).peers
        except WrongUse as error:
            log.warning("%s; the peers' addresses stay as they were", error)


def _stamp(home: Home) -> tuple[int, int]:
    """What changes whenever the file does; zeros when it is gone."""
    try:
        found = home.config.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino
