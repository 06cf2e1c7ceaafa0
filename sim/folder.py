"""A swarm's folder.

run.toml         which chain, contracts, run, and nodes; written once all of it is ready
manifest.json    the run's manifest, as on the chain
chain/           the devnet's state and log
authority/       the authority's key and books
nodes/NAME/      each node's home
report.json      how it ended
up.log           what helper processes print
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from authority.home import AuthorityHome
from node.config import Home
from node.errors import WrongUse


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where a swarm's things lie."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "run.toml"

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.json"

    @property
    def chain(self) -> Path:
        return self.folder / "chain"

    @property
    def authority(self) -> AuthorityHome:
        return AuthorityHome(self.folder / "authority")

    @property
    def report(self) -> Path:
        return self.folder / "report.json"

    @property
    def log(self) -> Path:
        return self.folder / "up.log"

    def home(self, name: str) -> Home:
        """The home of the node called `name`."""
        return Home(self.folder / "nodes" / name)

    def homes(self) -> list[Home]:
        """All nodes' homes, by number."""
        return [self.home(name) for name in self.load()["nodes"]]

    def load(self) -> dict[str, Any]:
        """What run.toml says. Raises WrongUse."""
        try:
            return tomllib.loads(self.file.read_text())
        except FileNotFoundError:
            raise WrongUse(f"{self.folder} holds no run: start one with `waggle up`") from None
        except tomllib.TOMLDecodeError as error:
            raise WrongUse(f"{self.file} can't be read: {error}") from None
