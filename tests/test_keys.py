"""Secrets: private files, never overwritten, never shown; what is wrong is said in one line."""

import json
import stat

import pytest

from node.address import public_key_of
from node.errors import WrongUse
from node.keys import (
    PASSWORD_VARIABLE,
    create_account,
    create_keys,
    load_account,
    load_keys,
    read_private,
    write_private,
)


@pytest.fixture(autouse=True)
def no_password_around(monkeypatch):
    """The environment of whoever runs the tests doesn't matter."""
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)


@pytest.fixture
def folder(tmp_path):
    """Where keys will lie."""
    return tmp_path / "keys"


def refused(call, match):
    """The call is refused with one line."""
    with pytest.raises(WrongUse, match=match) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_keys_come_back(folder):
    """What was created is what is loaded, with the password given."""
    made = create_keys(folder, "secret", light=True)
    again = load_keys(folder, "secret")
    assert again.account.address == made.account.address
    assert (again.peer_seed, again.secret) == (made.peer_seed, made.secret)
    assert made.peer_key == public_key_of(made.peer_seed)


def test_keys_differ(tmp_path):
    """Two nodes share nothing, nor do the secrets of one."""
    a, b = (create_keys(tmp_path / name, "secret", light=True) for name in "ab")
    secrets = {a.peer_seed, a.secret, a.account.key, b.peer_seed, b.secret, b.account.key}
    assert len(secrets) == 6


def test_only_the_owner_reads(folder):
    """All files have mode 0600, their folder 0700, the drawn password included."""
    create_keys(folder, None, light=True)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == dict.fromkeys(("account.json", "peer.key", "secret", "password"), 0o600)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
@pytest.mark.parametrize("name", ["account.json", "peer.key", "secret", "password"])
def test_open_permissions_are_refused(folder, name, mode):
    """A file that others can read or write isn't used; the remedy is in the message."""
    create_keys(folder, None, light=True)
    (folder / name).chmod(mode)
    refused(lambda: load_keys(folder), rf"{name} can be read by others .*chmod 600")


def test_a_wrong_password(folder):
    """The message says which file and where the password is looked for."""
    create_keys(folder, "secret", light=True)
    refused(
        lambda: load_keys(folder, "guess"), f"wrong password for .*account.json.*{PASSWORD_VARIABLE}"
    )


def test_no_password(folder):
    """Neither given, nor in the environment, nor beside the key."""
    create_keys(folder, "secret", light=True)
    refused(lambda: load_keys(folder), f"needs its password: set {PASSWORD_VARIABLE}")


def test_the_password_in_the_environment(folder, monkeypatch):
    """It opens the key."""
    made = create_keys(folder, "secret", light=True)
    monkeypatch.setenv(PASSWORD_VARIABLE, "secret")
    assert load_keys(folder).account.address == made.account.address


def test_the_password_beside_the_key(folder):
    """A drawn password lies beside the key, so that the node starts without a question."""
    made = create_keys(folder, None, light=True)
    assert load_keys(folder).account.address == made.account.address


@pytest.mark.parametrize("name", ["account.json", "peer.key", "secret"])
def test_a_missing_file_is_named(folder, name):
    """The message says which, and what to do."""
    create_keys(folder, "secret", light=True)
    (folder / name).unlink()
    refused(lambda: load_keys(folder, "secret"), f"{name} is missing")


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b"null", b"7", b"\xff", b'{"crypto": {}, "version": 3}']
)
def test_a_key_file_that_is_none(folder, text):
    """Whatever else lies there is no keystore."""
    create_keys(folder, "secret", light=True)
    (folder / "account.json").write_bytes(text)
    refused(lambda: load_keys(folder, "secret"), "account.json is not a keystore V3 file")


@pytest.mark.parametrize("name", ["peer.key", "secret"])
def test_a_secret_cut_off(folder, name):
    """Half a secret would be another secret: the salts of a promise couldn't be computed again."""
    create_keys(folder, "secret", light=True)
    (folder / name).write_bytes(b"half")
    refused(lambda: load_keys(folder, "secret"), f"{name} has 4 bytes, not 32")


def test_keys_are_never_overwritten(folder):
    """A second creation in the same folder is refused and changes nothing."""
    made = create_keys(folder, "secret", light=True)
    refused(lambda: create_keys(folder, "other", light=True), "holds keys already")
    assert load_keys(folder, "secret").secret == made.secret


def test_a_private_file_is_never_overwritten(tmp_path):
    """Nor is any single file."""
    write_private(tmp_path / "file", b"first")
    refused(lambda: write_private(tmp_path / "file", b"second"), "exists already")
    assert read_private(tmp_path / "file") == b"first"


def test_nothing_secret_is_shown(folder):
    """Neither repr nor str of the keys has a secret in it."""
    made = create_keys(folder, "secret", light=True)
    assert (repr(made), str(made)) == ("Keys()", "Keys()")


def test_the_keystore_is_standard(tmp_path):
    """Version 3 with scrypt, as other Ethereum software reads it."""
    create_account(tmp_path / "account.json", "secret", light=True)
    keystore = json.loads((tmp_path / "account.json").read_text())
    assert (keystore["version"], keystore["crypto"]["kdf"]) == (3, "scrypt")
    account = load_account(tmp_path / "account.json", "secret")
    assert int(account.address, 16) == int(keystore["address"], 16)
