"""A node's home and card: made once, read by the authority, nothing secret in it."""

import json
from dataclasses import replace

import pytest

from authority.audit.archive.service import run_archive
from node.address import public_key_of
from node.card import AUDITS, Card, add_peers, create_auditor_home, create_home, read_card
from node.config import Home, NodeConfig, load_config
from node.contracts.chain import MemoryChain, memory_address
from node.errors import WrongUse
from node.keys import load_keys, load_peer_seed
from node.ledger import Address
from node.runtime import run_node

NETWORK = MemoryChain(memory_address("authority"), clock=lambda: 0).network
CONFIG = NodeConfig("clinic a", "http://127.0.0.1:8545", NETWORK, "wdbc", listen="127.0.0.1:4001")
CARD = Card("clinic b", Address("0x" + "22" * 20), bytes([2]) * 32, ("/ip4/10.0.0.2/tcp/4001",))


@pytest.fixture
def home(tmp_path):
    """Where a home will be."""
    return Home(tmp_path / "home")


def test_a_card_goes_there_and_back(tmp_path):
    """What was written is what is read."""
    (tmp_path / "card.json").write_text(CARD.to_json())
    assert read_card(tmp_path / "card.json") == CARD


BROKEN = {
    "no JSON": "{",
    "a list": "[]",
    "no key": json.dumps({"name": "a", "account": "0x", "addresses": []}),
    "a short key": CARD.to_json().replace("02" * 32, "02"),
    "a key that is no hex": CARD.to_json().replace("02" * 32, "zz" * 32),
    "a key that is a number": CARD.to_json().replace('"' + "02" * 32 + '"', "7"),
    "addresses that are none": CARD.to_json().replace('[\n    "/ip4/10.0.0.2/tcp/4001"\n  ]', "7"),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_card(tmp_path, text):
    """The message names the file."""
    assert text != CARD.to_json()
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(WrongUse, match=r"card\.json is no node's card: .+"):
        read_card(tmp_path / "card.json")


def test_a_missing_card(tmp_path):
    """The message says what makes one."""
    with pytest.raises(WrongUse, match="is missing: it is made by `waggle node init`"):
        read_card(tmp_path / "card.json")


def test_a_new_home(home):
    """It has keys, settings and a card that fit each other."""
    card = create_home(home, CONFIG, None, light=True)
    keys = load_keys(home.keys)
    assert card == Card("clinic a", keys.account.address, keys.peer_key, ("/ip4/127.0.0.1/tcp/4001",))
    assert read_card(home.card) == card
    assert load_config(home) == CONFIG


def test_a_home_is_made_once(home):
    """Nothing of the first one is touched."""
    card = create_home(home, CONFIG, None, light=True)
    with pytest.raises(WrongUse, match="home already: choose another --home"):
        create_home(home, replace(CONFIG, name="other"), None, light=True)
    assert (read_card(home.card), load_config(home)) == (card, CONFIG)


def test_a_bad_listen_address_leaves_nothing(home):
    """It is refused before keys are made."""
    with pytest.raises(WrongUse, match="must be HOST:PORT"):
        create_home(home, replace(CONFIG, listen="nowhere"), None, light=True)
    assert not home.folder.exists()


def test_the_card_shows_no_secret(home):
    """Neither the keys nor the password are in it."""
    create_home(home, CONFIG, None, light=True)
    keys, text = load_keys(home.keys), home.card.read_text().lower()
    hidden = (keys.secret, keys.peer_seed, bytes(keys.account.key))
    assert [secret.hex() in text for secret in hidden] == [False] * 3


def test_peers_are_added(home):
    """Others by their keys, never the node itself; those known before stay."""
    own = create_home(home, CONFIG, None, light=True)
    first = add_peers(home, CONFIG, [own, CARD])
    moved = replace(CARD, addresses=("/ip4/10.0.0.9/tcp/1",))
    other = replace(CARD, peer_key=bytes([3]) * 32)
    add_peers(home, first, [moved, other])
    assert first.peers == {CARD.peer_key: CARD.addresses}
    assert load_config(home).peers == {
        CARD.peer_key: moved.addresses,
        other.peer_key: CARD.addresses,
    }


def test_an_auditor_s_home(home):
    """A key that only its owner can read, a card without account, nothing that signs transactions."""
    card = create_auditor_home(home, replace(CONFIG, task=""))
    assert card == Card("clinic a", AUDITS, card.peer_key, ("/ip4/127.0.0.1/tcp/4001",))
    assert read_card(home.card) == card
    assert public_key_of(load_peer_seed(home.keys)) == card.peer_key
    [key] = home.keys.iterdir()
    assert (key.name, key.stat().st_mode & 0o777) == ("peer.key", 0o600)
    with pytest.raises(WrongUse, match="home already"):
        create_auditor_home(home, CONFIG)


async def test_each_home_has_its_own_command(home, tmp_path):
    """A node isn't run in an auditor's home, nor an archive in a node's."""
    create_auditor_home(home, replace(CONFIG, task=""))
    with pytest.raises(WrongUse, match="is an auditor's home: run `waggle audit archive`"):
        await run_node(home)
    other = Home(tmp_path / "other")
    create_home(other, CONFIG, None, light=True)
    with pytest.raises(WrongUse, match="is a node's home: an auditor's is made by `waggle audit init`"):
        await run_archive(other, print)
    with pytest.raises(WrongUse, match="is no auditor's home: run `waggle audit init` first"):
        await run_archive(Home(tmp_path / "nothing"), print)
    assert not (tmp_path / "nothing").exists()
