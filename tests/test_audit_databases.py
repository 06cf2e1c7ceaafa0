"""A node's database beside what the node said on the chain."""

import json
import sqlite3
from contextlib import closing

import pytest

from authority.audit.databases import altered
from authority.audit.finding import Kind
from node.config import Home
from tests.swarm import played, quick_disk

__all__ = ["quick_disk"]
pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("quick_disk")]


@pytest.fixture
def audited(tmp_path):
    """Looks into node 2's home, after something was done to its database."""
    swarm = played(tmp_path)
    record, home = swarm.record, Home(tmp_path / "home")
    home.folder.mkdir()
    home.database.write_bytes((swarm[2].home / "node.db").read_bytes())
    card = {
        "name": "clinic-2",
        "account": record.chronicle.members[2].account,
        "peer_key": "00" * 32,
        "addresses": [],
    }
    home.card.write_text(json.dumps(card))

    def look(*statements):
        with closing(sqlite3.connect(home.database)) as db:
            for statement in statements:
                db.execute(statement)
            db.commit()
        return [(f.kind, f.round, f.member) for f in altered(record, [home.folder])]

    look.home = home
    look.record = record
    return look


def test_an_honest_database_agrees(audited):
    """Nothing is found."""
    assert audited() == []


def test_an_altered_promise_is_found(audited):
    """With its round."""
    change = "UPDATE updates SET weight = 2 * weight WHERE round = 1"
    assert audited(change) == [(Kind.DATABASE, 1, 2)]


def test_an_altered_transaction_is_found(audited):
    """Its bytes don't have its hash."""
    add = "INSERT INTO transactions (nonce, hash, raw, settled) VALUES (9, x'00', x'01', 1)"
    assert audited(add) == [(Kind.DATABASE, None, 2)]


NO_TRANSACTIONS = (
    "INSERT INTO transactions VALUES (9, x'00', NULL, 1)",
    "INSERT INTO transactions VALUES (9, x'00', 'text', 1)",
    "INSERT INTO transactions VALUES (9, x'00', 7, 1)",
)


@pytest.mark.parametrize("add", NO_TRANSACTIONS)
def test_a_transaction_that_is_none_is_found(audited, add):
    """Whatever somebody wrote in its place, into a table that takes anything."""
    drop = "DROP TABLE transactions"
    create = "CREATE TABLE transactions (nonce, hash, raw, settled)"
    assert audited(drop, create, add) == [(Kind.DATABASE, None, 2)]


def test_any_name_of_a_folder_will_do(audited, tmp_path):
    """An address of SQLite's would take these signs for its own."""
    home = audited.home.folder.rename(tmp_path / "50%20 a#b?c")
    assert altered(audited.record, [home]) == ()


def test_nothing_is_put_beside_the_database(audited):
    """It is evidence, and may lie where nothing can be written."""
    before = sorted(path.name for path in audited.home.folder.iterdir())
    assert altered(audited.record, [audited.home.folder]) == ()
    assert sorted(path.name for path in audited.home.folder.iterdir()) == before


def test_a_damaged_database_is_found(audited):
    """One that can't be read at all."""
    data = bytearray(audited.home.database.read_bytes())
    data[16] ^= 0xFF
    audited.home.database.write_bytes(bytes(data))
    ((kind, _, member),) = [
        (f.kind, f.round, f.member) for f in altered(audited.record, [audited.home.folder])
    ]
    assert (kind, member) == (Kind.DATABASE, 2)


def test_a_home_without_a_card_or_a_database_is_passed_by(audited, tmp_path):
    """It is nobody's."""
    assert altered(audited.record, [tmp_path]) == ()
