"""The node's memory: what was promised stays promised, and a broken file is named."""

import contextlib
import sqlite3

import pytest

from node.commitment import Claims
from node.database import DiskDatabase, OwnUpdate
from node.digest import digest
from node.errors import Damaged, DiskFull

BASE, OTHER = digest(b"base"), digest(b"other")
ME = "0x" + "11" * 20
FIRST = OwnUpdate(digest(b"first"), Claims(64, 7))
SECOND = OwnUpdate(digest(b"second"), Claims(8, 9))


@pytest.fixture
def path(tmp_path):
    """Where the database lies."""
    return tmp_path / "node.db"


@pytest.fixture
def database(path):
    """A new database."""
    made = DiskDatabase(path)
    yield made
    made.close()


def test_nothing_promised(database):
    """A new database knows no update."""
    assert database.own_update(1, 0, BASE) is None


def test_the_first_promise_stays(database):
    """Whatever is promised later for the same run, round and base, the first one is answered."""
    assert database.promise(1, 0, BASE, FIRST) == FIRST
    assert database.promise(1, 0, BASE, SECOND) == FIRST
    assert database.own_update(1, 0, BASE) == FIRST


@pytest.mark.parametrize("place", [(2, 0, BASE), (1, 1, BASE), (1, 0, OTHER)])
def test_promises_are_told_apart(database, place):
    """Another run, round or base is another promise."""
    database.promise(1, 0, BASE, FIRST)
    assert database.promise(*place, SECOND) == SECOND
    assert database.own_update(1, 0, BASE) == FIRST


def test_the_first_look_decides_from_when_on_to_promise(database, path):
    """What was answered at the first look at a run stays, in later lives too; runs are told apart."""
    assert database.promises_from(1, 3) == 3
    assert database.promises_from(1, 7) == 3
    assert database.promises_from(2, 0) == 0
    again = DiskDatabase(path)
    assert (again.promises_from(1, 8), again.promises_from(2, 8)) == (3, 0)
    again.close()


def test_promises_survive(database, path):
    """Another process, or this one after kill -9 (no close), reads what was promised."""
    database.promise(1, 0, BASE, FIRST)
    database.save(ME, 3, b"hash", b"raw")
    again = DiskDatabase(path)
    assert again.promise(1, 0, BASE, SECOND) == FIRST
    assert again.unsettled(ME) == [(3, b"raw")]
    again.close()


def test_everything_is_synced(database):
    """Write-ahead log, flushed to the disk with every write."""
    names = ("journal_mode", "synchronous")
    settings = [database._db.execute(f"PRAGMA {name}").fetchone()[0] for name in names]
    assert settings == ["wal", 2]


def test_transactions_oldest_first(database):
    """By nonce, then in the order in which they were signed; each once."""
    for nonce, hash_ in ((5, b"c"), (4, b"b"), (4, b"a"), (4, b"b")):
        database.save(ME, nonce, hash_, b"raw " + hash_)
    expected = [(4, b"raw b"), (4, b"raw a"), (5, b"raw c")]
    assert database.unsettled(ME) == expected


def test_a_settled_nonce(database):
    """None of its transactions is in doubt any more."""
    database.save(ME, 4, b"a", b"raw")
    database.save(ME, 5, b"b", b"raw")
    database.settle(ME, 4)
    assert database.unsettled(ME) == [(5, b"raw")]


def test_settled_transactions_are_known(database):
    """A chain that reorganizes may take them back."""
    for nonce in (3, 4, 5):
        database.save(ME, nonce, b"%d" % nonce, b"raw %d" % nonce)
        database.settle(ME, nonce)
    assert database.known(ME, 4, 9) == [(4, b"raw 4"), (5, b"raw 5")]


def test_another_account_s_transactions_are_not_ours(database):
    """After a rotation of the account nonces begin anew."""
    database.save("0x" + "22" * 20, 4, b"a", b"raw")
    assert (database.unsettled(ME), database.known(ME, 0, 9)) == ([], [])


def test_a_database_of_the_first_release(path):
    """Its table has no account: what was in flight is still known."""
    old = sqlite3.connect(path)
    old.execute(
        "CREATE TABLE transactions (nonce INTEGER NOT NULL, hash BLOB PRIMARY KEY, "
        "raw BLOB NOT NULL, settled INTEGER NOT NULL) STRICT"
    )
    old.execute("INSERT INTO transactions VALUES (4, x'61', x'726177', 0)")
    old.commit()
    old.close()
    with contextlib.closing(DiskDatabase(path)) as database:
        assert database.unsettled(ME) == [(4, b"raw")]


def test_a_transaction_sent_again_is_in_doubt_again(database):
    """After an endpoint's refusal the same call has the same nonce and hash; a crash must find it."""
    database.save(ME, 4, b"a", b"raw")
    database.settle(ME, 4)
    database.save(ME, 4, b"a", b"raw")
    assert database.unsettled(ME) == [(4, b"raw")]


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"!" * 5000])
def test_a_damaged_file_is_named(path, content):
    """The message says which file, and that it is damaged."""
    path.write_bytes(content)
    with pytest.raises(Damaged, match=r"node\.db is damaged"):
        DiskDatabase(path)


def test_damage_inside_is_found_on_opening(path):
    """A page overwritten in the middle is found before anything is read from it."""
    database = DiskDatabase(path)
    for round_ in range(500):
        database.promise(1, round_, BASE, FIRST)
    database.close()
    content = bytearray(path.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    path.write_bytes(content)
    with pytest.raises(Damaged, match=r"node\.db is damaged"):
        DiskDatabase(path)


def test_a_file_that_cant_be_opened_is_named(tmp_path):
    """A folder in its place, for example."""
    with pytest.raises(Damaged, match="can't be used"):
        DiskDatabase(tmp_path)


def test_a_full_disk(database):
    """The message says for which file there is no room; what was promised stays readable."""
    database.promise(1, 0, BASE, FIRST)
    pages = database._db.execute("PRAGMA page_count").fetchone()[0]
    database._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskFull, match=r"no room left for .*node\.db"):
        database.save(ME, 1, b"hash", b"raw" * 100_000)
    assert database.own_update(1, 0, BASE) == FIRST
