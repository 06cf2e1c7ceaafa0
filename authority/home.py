"""The authority's home folder: its key and which contracts it governs.

account.json   keystore V3, mode 0600 (password beside it, or in WAGGLE_PASSWORD)
network.toml   RPC address, chain id, contract addresses: nothing secret, given to every clinic
members.jsonl  the books: who is behind a member number, and the salt that opens its hash
auditors.jsonl  the same of auditors, by peer key
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.durable import disk_faults
from node.errors import WrongUse

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount


@dataclass(frozen=True, slots=True)
class AuthorityHome:
    """Where the authority's things lie."""

    folder: Path

    @property
    def account(self) -> Path:
        return self.folder / "account.json"

    @property
    def network(self) -> Path:
        return self.folder / "network.toml"

    @property
    def members(self) -> Path:
        return self.folder / "members.jsonl"

    @property
    def auditors(self) -> Path:
        return self.folder / "auditors.jsonl"

    def write_down(self, member: int, name: str, organization: str, salt: bytes) -> None:
        """Add a member to the books, mode 0600."""
        entry = {
            "member": member,
            "name": name,
            "organization": organization,
            "salt": salt.hex(),
        }
        _append(self.members, entry)

    def write_down_auditor(self, peer_key: bytes, name: str, organization: str, salt: bytes) -> None:
        """Add an auditor to the books, mode 0600."""
        entry = {
            "peer_key": peer_key.hex(),
            "name": name,
            "organization": organization,
            "salt": salt.hex(),
        }
        _append(self.auditors, entry)

    def names(self) -> dict[int, str]:
        """Names by member number, from the books."""
        if not self.members.exists():
            return {}
        try:
            entries = [json.loads(line) for line in self.members.read_text().splitlines()]
            return {entry["member"]: entry["name"] for entry in entries}
        except (ValueError, KeyError, TypeError) as error:
            raise WrongUse(f"{self.members} is damaged ({error}): restore a backup") from None


def _append(path: Path, entry: dict[str, Any]) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(fd, "a") as file:
        file.write(json.dumps(entry) + "\n")


def authority_account(home: AuthorityHome, *, light: bool = False) -> LocalAccount:
    """The authority's account, made on first use. Raises WrongUse."""
    # Here: whoever only looks at the folder need not import all of eth_account.
    from node.keys import create_account, load_account, write_private

    if not home.account.exists():
        with disk_faults(home.folder):
            home.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        password = secrets.token_hex(16)
        write_private(home.folder / "password", password.encode())
        create_account(home.account, password, light=light)
    return load_account(home.account)
