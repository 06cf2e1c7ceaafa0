"""What a node must not forget: the update it committed to, and the transactions it signed.

A node whose disk was lost has forgotten, and must not promise a second time all the same: so a database
also keeps from which round on it may promise. SQLite, WAL, synchronous=FULL: what a method wrote is on
disk when it returns. Workers share the connection, one statement at a time: SQLite's serialized mode
sees to that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from node.commitment import Claims
from node.digest import Digest
from node.errors import Damaged, DiskFull, WrongUse

_SERIALIZED = 3
"""The level of `sqlite3.threadsafety` at which threads may share a connection."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS updates (
    run INTEGER NOT NULL, round INTEGER NOT NULL, base BLOB NOT NULL,
    digest BLOB NOT NULL, weight INTEGER NOT NULL, privacy INTEGER NOT NULL,
    PRIMARY KEY (run, round, base)
) STRICT;
CREATE TABLE IF NOT EXISTS transactions (
    nonce INTEGER NOT NULL, hash BLOB PRIMARY KEY, raw BLOB NOT NULL, settled INTEGER NOT NULL,
    account TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE IF NOT EXISTS runs (run INTEGER PRIMARY KEY, promises_from INTEGER NOT NULL) STRICT;
"""


@dataclass(frozen=True, slots=True)
class OwnUpdate:
    """The one update that this node promises for a (run, round, base)."""

    digest: Digest
    claims: Claims


class Database(Protocol):
    """What a node must not forget; on disk when a method returns. Raises Damaged and DiskFull."""

    def own_update(self, run: int, round_: int, base: Digest) -> OwnUpdate | None:
        """The update promised for this round and base, if one was."""
        ...

    def promise(self, run: int, round_: int, base: Digest, update: OwnUpdate) -> OwnUpdate:
        """Record the update to be committed; the first one recorded stays, whatever comes after."""
        ...

    def promises_from(self, run: int, round_: int) -> int:
        """The first round of a run in which to promise; the first answer is recorded and stays.

        round_: the first that wasn't open yet at this look. In one that was, a database that has been
        lost since may have promised already.
        """
        ...


class DiskDatabase:
    """A SQLite file, which is the node's outbox as well. Raises Damaged and DiskFull."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if sqlite3.threadsafety < _SERIALIZED:
            raise WrongUse("this Python's SQLite isn't built for threads: use another build of Python")
        with self._faults():
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._check()
            self._db.executescript(_SCHEMA)
            self._migrate()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def own_update(self, run: int, round_: int, base: Digest) -> OwnUpdate | None:
        """See Database."""
        with self._faults():
            row = self._db.execute(
                "SELECT digest, weight, privacy FROM updates WHERE run=? AND round=? AND base=?",
                (run, round_, base.raw),
            ).fetchone()
        return OwnUpdate(Digest(row[0]), Claims(row[1], row[2])) if row else None

    def promise(self, run: int, round_: int, base: Digest, update: OwnUpdate) -> OwnUpdate:
        """See Database."""
        claims = update.claims
        with self._faults():
            self._db.execute(
                "INSERT OR IGNORE INTO updates VALUES (?,?,?,?,?,?)",
                (run, round_, base.raw, update.digest.raw, claims.weight, claims.privacy),
            )
        promised = self.own_update(run, round_, base)
        assert promised is not None
        return promised

    def promises_from(self, run: int, round_: int) -> int:
        """See Database."""
        with self._faults():
            self._db.execute("INSERT OR IGNORE INTO runs VALUES (?,?)", (run, round_))
            found = self._db.execute("SELECT promises_from FROM runs WHERE run=?", (run,))
            return int(found.fetchone()[0])

    def save(self, account: str, nonce: int, hash_: bytes, raw: bytes, /) -> None:
        """Record a signed transaction before it is sent, the same one perhaps for the second time."""
        with self._faults():
            self._db.execute(
                "INSERT INTO transactions (account, nonce, hash, raw, settled) VALUES (?,?,?,?,0) "
                "ON CONFLICT (hash) DO UPDATE SET settled=0",
                (account, nonce, hash_, raw),
            )

    def unsettled(self, account: str, /) -> Sequence[tuple[int, bytes]]:
        """Signed transactions whose fate is unknown: (nonce, raw), oldest first."""
        with self._faults():
            return self._db.execute(
                "SELECT nonce, raw FROM transactions WHERE account IN (?, '') AND settled=0 "
                "ORDER BY nonce, rowid",
                (account,),
            ).fetchall()

    def known(self, account: str, first: int, last: int, /) -> Sequence[tuple[int, bytes]]:
        """All signed transactions with nonces first..last: (nonce, raw), oldest first."""
        with self._faults():
            return self._db.execute(
                "SELECT nonce, raw FROM transactions WHERE account IN (?, '') "
                "AND nonce BETWEEN ? AND ? ORDER BY nonce, rowid",
                (account, first, last),
            ).fetchall()

    def settle(self, account: str, nonce: int, /) -> None:
        """All transactions with this nonce are decided: one was mined, the others never can be."""
        with self._faults():
            self._db.execute(
                "UPDATE transactions SET settled=1 WHERE account IN (?, '') AND nonce=?",
                (account, nonce),
            )

    def _migrate(self) -> None:
        """0.1.0 knew one account only: what it wrote is anybody's."""
        columns = [row[1] for row in self._db.execute("PRAGMA table_info(transactions)")]
        if "account" not in columns:
            self._db.execute("ALTER TABLE transactions ADD COLUMN account TEXT NOT NULL DEFAULT ''")

    def _check(self) -> None:
        found = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if found != ("ok",):
            raise sqlite3.DatabaseError(found[0])

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "full" in str(error):
                raise DiskFull(
                    f"no room left for {self._path}: free some and start the node again"
                ) from None
            raise Damaged(f"{self._path} can't be used: {error}") from None
        except sqlite3.DatabaseError as error:
            raise Damaged(
                f"{self._path} is damaged ({error}): move it away; the chain and the peers have the "
                "rest, and the node promises nothing in the round under way"
            ) from None
