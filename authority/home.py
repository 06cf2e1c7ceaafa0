"""The authority's home folder: its key and which contracts it governs.

account.json   keystore V3, mode 0600 (password beside it, or in WAGGLE_PASSWORD)
network.toml   RPC address, chain id, contract addresses: nothing secret, given to every clinic
members.jsonl  the books: who is behind a member number, and the salt that opens its hash
"""

from __future__ import annotations

import json
import os
import secrets
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomli_w
from eth_account.signers.local import LocalAccount

from node.config import network_from
from node.errors import WrongUse
from node.keys import create_account, load_account, write_private
from node.ledger import Network


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """What network.toml says."""

    rpc: str
    network: Network


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

    def write_down(self, member: int, name: str, organization: str, salt: bytes) -> None:
        """Add a member to the books, mode 0600."""
        entry = {
            "member": member,
            "name": name,
            "organization": organization,
            "salt": salt.hex(),
        }
        fd = os.open(self.members, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(fd, "a") as file:
            file.write(json.dumps(entry) + "\n")

    def names(self) -> dict[int, str]:
        """Names by member number, from the books."""
        if not self.members.exists():
            return {}
        entries = [json.loads(line) for line in self.members.read_text().splitlines()]
        return {entry["member"]: entry["name"] for entry in entries}


def authority_account(home: AuthorityHome, *, light: bool = False) -> LocalAccount:
    """The authority's account, made on first use. Raises WrongUse."""
    if not home.account.exists():
        home.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        password = secrets.token_hex(16)
        write_private(home.folder / "password", password.encode())
        create_account(home.account, password, light=light)
    return load_account(home.account)


def save_network(path: Path, rpc: str, network: Network) -> None:
    """Write network.toml. Raises WrongUse when there is one."""
    if path.exists():
        raise WrongUse(f"{path} exists: contracts were deployed already; choose another --home")
    fields = {**asdict(network), "network_id": network.network_id.hex()}
    path.write_text(tomli_w.dumps({"rpc": rpc, "network": fields}))


def load_network(path: Path) -> NetworkFile:
    """Read network.toml. Raises WrongUse naming the file and what is wrong with it."""
    try:
        fields: dict[str, Any] = tomllib.loads(path.read_text())
        return NetworkFile(fields["rpc"], network_from(fields["network"]))
    except FileNotFoundError:
        raise WrongUse(f"{path} is missing: run `waggle authority deploy`, or ask for it") from None
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise WrongUse(f"{path} can't be used: {error}") from None
