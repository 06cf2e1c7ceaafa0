"""A node's secrets: its Ethereum key (keystore V3), its libp2p key, and the secret behind its salts.

All lie in one folder, mode 0600, and a file that others can read is refused. Nothing here is logged.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from node.address import public_key_of
from node.durable import disk_faults, sync_folder
from node.errors import WrongUse
from node.exchange import PeerKey

PASSWORD_VARIABLE = "WAGGLE_PASSWORD"  # noqa: S105 (the name of a variable, not a password)
_LIGHT_ROUNDS = 1 << 10


@dataclass(frozen=True, slots=True)
class Keys:
    """What a node signs and hides with. Its repr shows nothing secret."""

    account: LocalAccount = field(repr=False)
    peer_seed: bytes = field(repr=False)
    secret: bytes = field(repr=False)

    @property
    def peer_key(self) -> PeerKey:
        """The public half of the libp2p identity."""
        return public_key_of(self.peer_seed)


def create_keys(folder: Path, password: str | None, *, light: bool = False) -> Keys:
    """Make new keys in an empty folder. Without a password one is drawn and kept beside them.

    light: a fast key derivation, for devnets whose keys are worth nothing.
    Raises WrongUse when the folder holds keys already.
    """
    if (folder / "account.json").exists():
        raise WrongUse(f"{folder} holds keys already: choose another home, or use these")
    with disk_faults(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if password is None:
        password = secrets.token_hex(16)
        write_private(folder / "password", password.encode())
    create_account(folder / "account.json", password, light=light)
    write_private(folder / "peer.key", secrets.token_bytes(32))
    write_private(folder / "secret", secrets.token_bytes(32))
    return load_keys(folder, password)


def create_peer_key(folder: Path) -> PeerKey:
    """Make a libp2p identity alone, for a peer that sends no transactions. Raises WrongUse."""
    with disk_faults(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(folder / "peer.key", secrets.token_bytes(32))
    return public_key_of(load_peer_seed(folder))


def load_peer_seed(folder: Path) -> bytes:
    """The secret half of the libp2p identity. Raises WrongUse."""
    return _secret_bytes(folder / "peer.key")


def load_keys(folder: Path, password: str | None = None) -> Keys:
    """Read the keys. Raises WrongUse for a wrong password, open permissions or missing files."""
    return Keys(
        account=load_account(folder / "account.json", password),
        peer_seed=load_peer_seed(folder),
        secret=_secret_bytes(folder / "secret"),
    )


def create_account(path: Path, password: str, *, light: bool = False) -> None:
    """Make an Ethereum key as a keystore V3 file."""
    rounds = {"kdf": "scrypt", "iterations": _LIGHT_ROUNDS} if light else {}
    keystore = Account.create().encrypt(password, **rounds)
    write_private(path, json.dumps(keystore).encode())


def load_account(path: Path, password: str | None = None) -> LocalAccount:
    """Open a keystore V3 file with the password given, else the environment's, else the file's."""
    text = read_private(path)
    known = password or os.environ.get(PASSWORD_VARIABLE) or _password_beside(path)
    if known is None:
        raise WrongUse(f"{path} needs its password: set {PASSWORD_VARIABLE}")
    try:
        account: LocalAccount = Account.from_key(Account.decrypt(json.loads(text), known))
        return account
    except (ValueError, TypeError, KeyError) as error:
        if "MAC" in str(error):
            raise WrongUse(
                f"wrong password for {path}: set {PASSWORD_VARIABLE} to the right one"
            ) from None
        raise WrongUse(f"{path} is not a keystore V3 file: restore it from a backup") from None


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that only its owner can read, durably. Raises WrongUse if it exists."""
    with disk_faults(path.parent):
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise WrongUse(f"{path} exists already: it is never overwritten") from None
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)


def read_private(path: Path) -> bytes:
    """Read a file that only its owner may be able to read. Raises WrongUse."""
    try:
        mode = path.stat().st_mode
        if mode & 0o077:
            raise WrongUse(
                f"{path} can be read by others (mode {mode & 0o777:o}): run chmod 600 {path}"
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise WrongUse(f"{path} is missing: run `waggle node init`, or restore a backup") from None
    except PermissionError:
        raise WrongUse(f"{path} can't be read by this user: check its owner") from None


def _secret_bytes(path: Path) -> bytes:
    data = read_private(path)
    if len(data) != 32:
        raise WrongUse(f"{path} has {len(data)} bytes, not 32: restore it from a backup")
    return data


def _password_beside(path: Path) -> str | None:
    beside = path.with_name("password")
    if not beside.exists():
        return None
    try:
        return read_private(beside).decode()
    except UnicodeDecodeError:
        raise WrongUse(f"{beside} is no password: restore it, or set {PASSWORD_VARIABLE}") from None
