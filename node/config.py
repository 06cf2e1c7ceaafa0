"""A node's home folder and its settings; an auditor's is one without account and task.

keys/      secrets, mode 0600 (node.keys)
blobs/     models and updates by digest (node.blobs)
node.db    what must survive `kill -9` (node.database)
node.toml  the settings below
card.json  what the authority needs to admit this node
status.json, node.log   what the node is doing
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from node.durable import hold, write_whole
from node.errors import WrongUse
from node.exchange import PeerKey
from node.ledger import Network
from node.network import network_from


@dataclass(frozen=True, slots=True)
class SiteConfig:
    """Which part of the data is this site's; see node.task.Site."""

    index: int = 0
    count: int = 1
    seed: int = 0
    folder: str = "data"


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """Everything that node.toml says. Times in seconds.

    peers: addresses (multiaddr) by peer key. entropy_seed: for simulated swarms only; see
    node.entropy. enter_after: seats to wait for before entering, so that a swarm started by one
    command seats its nodes in one order. task: empty in an auditor's home. keep_rounds: of how many
    rounds that are over updates and models are kept; None: of all.
    """

    name: str
    rpc: str
    network: Network
    task: str
    listen: str = "127.0.0.1:0"
    site: SiteConfig = field(default_factory=SiteConfig)
    peers: Mapping[PeerKey, tuple[str, ...]] = field(default_factory=dict)
    poll_seconds: float = 1.0
    device: str = "cpu"
    threads: int = 1
    entropy_seed: int | None = None
    enter_after: int = 0
    keep_rounds: int | None = None

    @property
    def listen_at(self) -> tuple[str, int]:
        """Host and port of `listen`. Raises WrongUse."""
        host, _, port = self.listen.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise WrongUse(f"listen = {self.listen!r} in node.toml must be HOST:PORT")
        return host, int(port)


@dataclass(frozen=True, slots=True)
class Home:
    """Where a node's things lie."""

    folder: Path

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def blobs(self) -> Path:
        return self.folder / "blobs"

    @property
    def database(self) -> Path:
        return self.folder / "node.db"

    @property
    def config(self) -> Path:
        return self.folder / "node.toml"

    @property
    def card(self) -> Path:
        return self.folder / "card.json"

    @property
    def status(self) -> Path:
        return self.folder / "status.json"

    @property
    def log(self) -> Path:
        return self.folder / "node.log"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the home for this process. Raises WrongUse when another process has it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            hold(file, f"another process runs the node in {self.folder}: stop it first")
            yield


def save_config(home: Home, config: NodeConfig) -> None:
    """Write node.toml."""
    plain = asdict(config)
    plain["network"]["network_id"] = config.network.network_id.hex()
    plain["peers"] = {key.hex(): list(addresses) for key, addresses in config.peers.items()}
    plain = {key: value for key, value in plain.items() if value is not None}
    home.folder.mkdir(parents=True, exist_ok=True)
    write_whole(home.config, tomli_w.dumps(plain).encode())


def load_config(home: Home) -> NodeConfig:
    """Read node.toml. Raises WrongUse naming the file and what is wrong with it."""
    try:
        fields = tomllib.loads(home.config.read_text())
        config = NodeConfig(**{**fields, **_typed(fields)})
        _check_kinds(config)
        return config
    except FileNotFoundError:
        raise WrongUse(f"{home.folder} is no node's home: run `waggle node init` first") from None
    except KeyError as error:
        raise WrongUse(f"{home.config} can't be used: it lacks {error}") from None
    except OSError as error:
        raise WrongUse(f"{home.config} can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, TypeError, ValueError, AttributeError) as error:
        raise WrongUse(f"{home.config} can't be used: {error}") from None


_KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("name", "rpc", "task", "listen", "device"), str),
    **dict.fromkeys(("threads", "enter_after"), int),
    "poll_seconds": (int, float),
    **dict.fromkeys(("entropy_seed", "keep_rounds"), (int, type(None))),
}


def _check_kinds(config: NodeConfig) -> None:
    """Raises TypeError, ValueError: a wrong type would otherwise come up in the middle of a round."""
    for name, kind in _KINDS.items():
        if not isinstance(value := getattr(config, name), kind):
            raise TypeError(f"{name} = {value!r:.40} is of the wrong type")
    if config.keep_rounds is not None and config.keep_rounds < 1:
        raise ValueError(f"keep_rounds = {config.keep_rounds} must be 1 or more; without, all is kept")


def _typed(fields: dict[str, Any]) -> dict[str, Any]:
    peers = fields.get("peers", {})
    return {
        "network": network_from(fields["network"]),
        "site": SiteConfig(**fields.get("site", {})),
        "peers": {PeerKey(bytes.fromhex(key)): _addresses(value) for key, value in peers.items()},
    }


def _addresses(value: Any) -> tuple[str, ...]:
    if not all(isinstance(address, str) for address in value):
        raise TypeError(f"addresses of a peer, {value!r:.40}, must be texts")
    return tuple(value)
