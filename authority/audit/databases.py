"""Does a node's database say what the node said on the chain? For whoever audits a node's home.

Nobody else needs it: the audit goes by the chain. But a node whose database was tampered with could be
made to promise twice, so its operator wants to know.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from eth_utils.crypto import keccak

from authority.audit.finding import Finding, Kind
from authority.audit.record import Record
from node.card import read_card
from node.config import Home
from node.errors import WrongUse
from node.ledger import AccountRotated, Address, MemberAdmitted, Revealed


def altered(record: Record, homes: Sequence[Path]) -> tuple[Finding, ...]:
    """What databases in homes say otherwise than the chain; homes without one are passed by."""
    return tuple(one for home in homes for one in _altered(record, Home(home)))


def _altered(record: Record, home: Home) -> Iterator[Finding]:
    try:
        account = read_card(home.card).account
    except WrongUse:
        return
    member = _member_behind(record, account)
    if member is None or not home.database.is_file():
        return
    try:
        with closing(_opened(home.database)) as db:
            yield from _damage(db, home.database, member)
            yield from _updates(db, record, member)
            yield from _transactions(db, member)
    except sqlite3.DatabaseError as error:
        yield _finding(member, f"{home.database} can't be read: {error}")


def _opened(path: Path) -> sqlite3.Connection:
    """To look at only: without its -wal nobody writes to it, so that nothing need be put beside it."""
    still = "" if path.with_name(path.name + "-wal").exists() else "&immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{still}", uri=True)


def _member_behind(record: Record, account: Address) -> int | None:
    """Whom an account stands for, or stood for."""
    acted = (
        one.event for one in record.logged if isinstance(one.event, MemberAdmitted | AccountRotated)
    )
    return next((event.member for event in acted if event.account == account), None)


def _damage(db: sqlite3.Connection, path: Path, member: int) -> Iterator[Finding]:
    (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        yield _finding(member, f"{path} is damaged: {found}")


def _updates(db: sqlite3.Connection, record: Record, member: int) -> Iterator[Finding]:
    """What it keeps of its promises, beside what it revealed from the same base."""
    told = dict(_revealed(record, member))
    for run, round_, base, *promised in db.execute(
        "SELECT run, round, base, digest, weight, privacy FROM updates ORDER BY run, round, rowid"
    ):
        said = told.get((run, round_, base))
        if said and [said.digest.raw, said.weight, said.privacy] != promised:
            what = f"its database keeps another promise of run {run} round {round_} than it revealed"
            yield _finding(member, what, run, round_)


def _transactions(db: sqlite3.Connection, member: int) -> Iterator[Finding]:
    for nonce, hash_, raw in db.execute("SELECT nonce, hash, raw FROM transactions ORDER BY rowid"):
        if not isinstance(raw, bytes) or keccak(raw) != hash_:
            yield _finding(
                member, f"its database keeps a transaction of nonce {nonce} that was altered"
            )


def _revealed(record: Record, member: int) -> Iterator[tuple[tuple[int, int, bytes], Revealed]]:
    for run in record.chronicle.runs.values():
        for round_ in run.lived_by(member).rounds:
            if member in round_.revealed:
                yield (run.number, round_.number, round_.base.raw), round_.revealed[member]


def _finding(member: int, what: str, run: int | None = None, round_: int | None = None) -> Finding:
    return Finding(Kind.DATABASE, what, run, round_, member)
