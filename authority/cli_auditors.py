"""`waggle authority admit-auditor` and `revoke-auditor`: who may keep an archive."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click

from authority.connecting import HOME, with_ledger
from node.errors import WrongUse

if TYPE_CHECKING:
    from authority.home import AuthorityHome
    from node.exchange import PeerKey
    from node.ledger import Ledger


@click.command("admit-auditor")
@HOME
@click.argument("card", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--organization", default="", help="Who runs it; the chain gets a salted hash.")
def admit_auditor(home: Path, card: Path, organization: str) -> None:
    """Admit the auditor that CARD describes: every node gives it all updates, models and receipts.

    Updates only once nobody can answer to them any more. It has no seat and no voice.

    \b
    Example:
      waggle authority admit-auditor archive/card.json --organization "University Library"
    """
    from authority import governance
    from node.card import read_card

    found, salt = read_card(card), secrets.token_bytes(32)

    async def work(folder: AuthorityHome, ledger: Ledger) -> None:
        await governance.admit_auditor(ledger, found, governance.hidden(organization, salt))
        folder.write_down_auditor(found.peer_key, found.name, organization, salt)

    with_ledger(home, work)
    click.echo(f"{found.name} is an auditor; its key is {found.peer_key.hex()}")


@click.command("revoke-auditor")
@HOME
@click.argument("key")
def revoke_auditor(home: Path, key: str) -> None:
    """Revoke an auditor for good. KEY: its card, or its peer key in hex.

    What it has it keeps; it gets nothing more from a node that has seen the revocation.

    \b
    Example:
      waggle authority revoke-auditor archive/card.json
    """
    from authority import governance

    peer_key = _peer_key(key)

    async def work(_: AuthorityHome, ledger: Ledger) -> None:
        await governance.revoke_auditor(ledger, peer_key)

    with_ledger(home, work)
    click.echo(f"auditor {peer_key.hex()} is revoked")


def _peer_key(text: str) -> PeerKey:
    from node.card import read_card
    from node.exchange import PeerKey

    if Path(text).exists():
        return read_card(Path(text)).peer_key
    try:
        key = PeerKey(bytes.fromhex(text))
    except ValueError:
        key = PeerKey(b"")
    if len(key) != 32:
        raise WrongUse(f"{text!r:.80} is neither a card nor a key of 64 hex digits")
    return key
