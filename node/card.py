"""A peer's card: what the authority needs to admit it, and peers to reach it. Nothing secret.

An auditor's card has no account, so that nobody admits it as a member, or a node as an auditor.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from node.config import Home, NodeConfig, save_config
from node.durable import write_whole
from node.errors import WrongUse
from node.exchange import PeerKey
from node.keys import create_keys, create_peer_key
from node.ledger import Address
from node.network import address_from

AUDITS = Address("")
"""Instead of an account, on an auditor's card."""


@dataclass(frozen=True, slots=True)
class Card:
    """Name, account (empty: an auditor's), libp2p key (32 bytes) and addresses (multiaddr)."""

    name: str
    account: Address
    peer_key: PeerKey
    addresses: tuple[str, ...]

    def to_json(self) -> str:
        """The content of card.json."""
        fields = {
            "name": self.name,
            "account": self.account,
            "peer_key": self.peer_key.hex(),
            "addresses": list(self.addresses),
        }
        return json.dumps(fields, indent=2) + "\n"


def read_card(path: Path) -> Card:
    """Read a card. Raises WrongUse."""
    try:
        fields: dict[str, Any] = json.loads(path.read_text())
        key = PeerKey(bytes.fromhex(fields["peer_key"]))
        if len(key) != 32:
            raise ValueError("peer_key has not 32 bytes")
        account = address_from(fields["account"]) if fields["account"] != "" else AUDITS
        return Card(fields["name"], account, key, tuple(fields["addresses"]))
    except FileNotFoundError:
        raise WrongUse(f"{path} is missing: it is made by `waggle node init`") from None
    except KeyError as error:
        raise WrongUse(f"{path} is no node's card: it lacks {error}") from None
    except OSError as error:
        raise WrongUse(f"{path} can't be read: {error.strerror}") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise WrongUse(f"{path} is no node's card: {error}") from None


def create_home(home: Home, config: NodeConfig, password: str | None, *, light: bool = False) -> Card:
    """Make a node's home: keys, settings, card. Raises WrongUse when there is one.

    light: a fast key derivation, for devnets whose keys are worth nothing.
    """
    _check_free(home)
    host, port = config.listen_at
    keys = create_keys(home.keys, password, light=light)
    account = Address(keys.account.address)
    card = Card(config.name, account, keys.peer_key, (f"/ip4/{host}/tcp/{port}",))
    return _written(home, config, card)


def create_auditor_home(home: Home, config: NodeConfig) -> Card:
    """Make an auditor's home: a peer key, settings, card. Raises WrongUse when there is one."""
    _check_free(home)
    host, port = config.listen_at
    card = Card(config.name, AUDITS, create_peer_key(home.keys), (f"/ip4/{host}/tcp/{port}",))
    return _written(home, config, card)


def _check_free(home: Home) -> None:
    if home.config.exists():
        raise WrongUse(f"{home.folder} is a node's or an auditor's home already: choose another --home")


def _written(home: Home, config: NodeConfig, card: Card) -> Card:
    save_config(home, config)
    write_whole(home.card, card.to_json().encode())
    return card


def add_peers(home: Home, config: NodeConfig, cards: Iterable[Card]) -> NodeConfig:
    """Write the addresses of others into node.toml."""
    own = read_card(home.card).peer_key
    known = {card.peer_key: card.addresses for card in cards if card.peer_key != own}
    config = replace(config, peers={**config.peers, **known})
    save_config(home, config)
    return config
