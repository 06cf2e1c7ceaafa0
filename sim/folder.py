"""A swarm's folder.

run.toml         which chain, contracts, run, and nodes; written once all of it is ready
manifest.json    the run's manifest, as on the chain
hostile.json     which clinics attack, and how, if any do
chain/           the devnet's state and log
authority/       the authority's key and books
nodes/NAME/      each node's home
report.json      how it ended
chaos.log        what `--chaos` did, with seconds since it began
up.log           what helper processes print
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomli_w

from authority.home import AuthorityHome
from node.config import Home
from node.durable import write_whole
from node.errors import WrongUse


@dataclass(frozen=True, slots=True)
class RunFile:
    """What run.toml says. rpc: where the chain was. task: a shipped one's name or a path."""

    rpc: str
    run: int
    task: str
    seed: int
    nodes: tuple[str, ...]


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
    def hostile(self) -> Path:
        return self.folder / "hostile.json"

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
    def chaos(self) -> Path:
        return self.folder / "chaos.log"

    @property
    def log(self) -> Path:
        return self.folder / "up.log"

    def home(self, name: str) -> Home:
        """The home of the node called `name`."""
        return Home(self.folder / "nodes" / name)

    def homes(self) -> list[Home]:
        """All nodes' homes, by number. Raises WrongUse."""
        return [self.home(name) for name in self.load().nodes]

    def load(self) -> RunFile:
        """What run.toml says. Raises WrongUse naming the file and what is wrong with it."""
        try:
            return _run_file(tomllib.loads(self.file.read_text()))
        except FileNotFoundError:
            raise WrongUse(f"{self.folder} holds no run: start one with `waggle up`") from None
        except OSError as error:
            raise WrongUse(f"{self.file} can't be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise WrongUse(
                f"{self.file} is not as `waggle up` wrote it ({error}): restore it from a backup"
            ) from None


def save_run(folder: RunFolder, run: RunFile) -> None:
    """Write run.toml."""
    plain = {key: list(value) if key == "nodes" else value for key, value in asdict(run).items()}
    write_whole(folder.file, tomli_w.dumps(plain).encode())


def _run_file(fields: dict[str, Any]) -> RunFile:
    """Raises KeyError, TypeError."""
    for key, kind in {"rpc": str, "run": int, "task": str, "seed": int, "nodes": list}.items():
        if not isinstance(fields[key], kind):
            raise TypeError(f"{key} is {fields[key]!r:.40}")
    names = fields["nodes"]
    if not names or not all(isinstance(name, str) for name in names):
        raise TypeError(f"nodes is {names!r:.40}")
    return RunFile(fields["rpc"], fields["run"], fields["task"], fields["seed"], tuple(names))
