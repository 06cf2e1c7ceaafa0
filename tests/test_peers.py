"""Addresses of peers are read again while a node runs."""

from dataclasses import replace

import pytest

from node.card import Card, add_peers
from node.config import Home, NodeConfig, load_config, save_config
from node.contracts.chain import MemoryChain, memory_address
from node.errors import WrongUse
from node.ledger import Address
from node.peers import PeerBook

NETWORK = MemoryChain(memory_address("authority"), clock=lambda: 0).network
EARLY, LATE = bytes([1]) * 32, bytes([2]) * 32
AT = "/ip4/10.0.0.2/tcp/4001"
CONFIG = NodeConfig("a", "http://127.0.0.1:8545", NETWORK, "wdbc", peers={EARLY: (AT,)})


@pytest.fixture
def home(tmp_path):
    """A home whose node.toml knows one peer."""
    home = Home(tmp_path)
    save_config(home, CONFIG)
    (tmp_path / "card.json").write_text(Card("a", Address("0x" + "11" * 20), bytes(32), ()).to_json())
    return home


def test_a_peer_of_the_start(home):
    """What node.toml says; nothing of peers that it doesn't name."""
    book = PeerBook(home)
    assert (book(EARLY), book(LATE)) == ((AT,), ())


def test_a_late_joiner_is_known_without_a_restart(home):
    """`waggle node peers`, run beside the node, is enough."""
    book = PeerBook(home)
    add_peers(home, load_config(home), [Card("b", Address("0x" + "22" * 20), LATE, (AT,))])
    assert (book(EARLY), book(LATE)) == ((AT,), (AT,))


def test_a_peer_that_moved(home):
    """The new address counts, the old one no more."""
    book = PeerBook(home)
    moved = (AT.replace("4001", "4002"),)
    save_config(home, replace(CONFIG, peers={EARLY: moved}))
    assert book(EARLY) == moved


def test_a_file_that_makes_no_sense_changes_nothing(home, caplog):
    """It is told once, and the next good one counts."""
    book = PeerBook(home)
    home.config.write_text("name = ")
    assert [book(EARLY), book(EARLY)] == [(AT,), (AT,)]
    assert [record.getMessage().count("stay as they were") for record in caplog.records] == [1]
    save_config(home, replace(CONFIG, peers={LATE: (AT,)}))
    assert (book(EARLY), book(LATE)) == ((), (AT,))


def test_a_file_that_is_gone_changes_nothing(home):
    """Nor does the node end."""
    book = PeerBook(home)
    home.config.unlink()
    assert book(EARLY) == (AT,)


def test_addresses_that_are_no_text(home):
    """They would come up as a bug in the middle of a round."""
    save_config(home, replace(CONFIG, peers={EARLY: (7,)}))
    with pytest.raises(WrongUse, match="addresses"):
        load_config(home)
