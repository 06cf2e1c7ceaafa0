"""A node's home: settings there and back, one process at a time."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest

from node.config import Home, NodeConfig, SiteConfig, load_config, save_config
from node.contracts.chain import MemoryChain, memory_address
from node.errors import WrongUse

NETWORK = MemoryChain(memory_address("authority"), clock=lambda: 0).network
PLAIN = NodeConfig(name="clinic a", rpc="http://127.0.0.1:8545", network=NETWORK, task="wdbc")
FULL = NodeConfig(
    name='Köln "Süd"',
    rpc="https://chain.example/key",
    network=replace(NETWORK, deployed_block=77),
    task="path/to/task.py",
    listen="0.0.0.0:4001",
    site=SiteConfig(2, 5, 9, "patients"),
    peers={bytes([7]) * 32: ("/ip4/10.0.0.1/tcp/4001", "/dns4/a.example/tcp/4001"), b"k" * 32: ()},
    poll_seconds=0.25,
    device="cuda:0",
    threads=4,
    entropy_seed=3,
    enter_after=2,
    keep_rounds=3,
)


@pytest.fixture
def home(tmp_path):
    """An empty home."""
    return Home(tmp_path / "home")


@pytest.mark.parametrize("config", [PLAIN, FULL], ids=["defaults", "everything"])
def test_settings_go_there_and_back(home, config):
    """What was saved is what is loaded."""
    save_config(home, config)
    assert load_config(home) == config


def test_settings_are_replaced_as_a_whole(home):
    """Saving again leaves one file, and nothing of the old one."""
    save_config(home, FULL)
    save_config(home, PLAIN)
    assert load_config(home) == PLAIN
    assert [path.name for path in home.folder.iterdir()] == ["node.toml"]


def refused(home, match):
    """Loading is refused with one line."""
    with pytest.raises(WrongUse, match=match) as caught:
        load_config(home)
    assert "\n" not in str(caught.value)


def test_no_home(home):
    """The remedy is named."""
    refused(home, "is no node's home: run `waggle node init`")


BROKEN = {
    "no TOML": (r"^name = .*$", "name = "),
    "not text": (r"^name = .*$", "name = \udcff"),
    "no network": (r"(?s)\[network\].*?(?=\[|\Z)", ""),
    "no name": (r"^name = .*$", ""),
    "rounds to keep: none": (r"^name = .*$", 'name = "a"\nkeep_rounds = 0'),
    "an unknown setting": (r"^name = .*$", 'name = "a"\ncolour = "red"'),
    "a network id that is no hex": (r"^network_id = .*$", 'network_id = "zz"'),
    "a chain id that is no number": (r"^chain_id = .*$", 'chain_id = "main"'),
    "peers that are no table": (r"(?s)\[peers\]", ""),
    "a site with an unknown field": (r"^index = .*$", "place = 0"),
}


@pytest.mark.parametrize(("pattern", "instead"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_named(home, pattern, instead):
    """Whatever is wrong with node.toml, the message names the file."""
    save_config(home, PLAIN)
    text = home.config.read_text()
    if pattern == r"(?s)\[peers\]":
        broken = 'peers = "none"\n' + text.replace("[peers]", "")
    else:
        broken = re.sub(pattern, instead.replace("\\", "\\\\"), text, flags=re.M)
    assert broken != text
    home.config.write_bytes(broken.encode(errors="surrogateescape"))
    refused(home, r"node\.toml can't be used: .+")


@pytest.mark.parametrize(
    ("listen", "expected"), [("127.0.0.1:0", ("127.0.0.1", 0)), ("::1:4001", ("::1", 4001))]
)
def test_where_to_listen(listen, expected):
    """Host and port."""
    assert replace(PLAIN, listen=listen).listen_at == expected


@pytest.mark.parametrize(
    "listen", ["", "4001", ":4001", "host", "host:", "host:x", "host:70000", "host:-1"]
)
def test_where_nobody_can_listen(listen):
    """Anything else is refused with the form that is meant."""
    with pytest.raises(WrongUse, match="must be HOST:PORT"):
        _ = replace(PLAIN, listen=listen).listen_at


HOLD = """
import sys
from pathlib import Path
from node.config import Home
with Home(Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_process_at_a_time(home):
    """A home that another process holds is refused; it is free again once that process is gone."""
    command = [sys.executable, "-c", HOLD, str(home.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with (
            pytest.raises(WrongUse, match=r"another process runs the node in .*: stop it first"),
            home.lock(),
        ):
            pass
        other.kill()
    with home.lock():
        pass
