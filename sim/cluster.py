"""A swarm of real node processes on this machine: prepared, started, watched, ended.

RUN/run.toml         which chain, contracts, run, and nodes
RUN/manifest.json    the run's manifest, as on the chain
RUN/chain/           the devnet's state and log
RUN/authority/       the authority's key and books
RUN/nodes/NAME/      each node's home
RUN/report.json      how it ended
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w
import trio

from authority.governance import admit, hidden, open_run
from authority.home import AuthorityHome, authority_account, save_network
from authority.plan import RunPlan, manifest_of
from node import chain
from node.card import add_peers, create_home
from node.config import Home, NodeConfig, SiteConfig, load_config
from node.digest import digest
from node.errors import WrongUse
from node.ledger import Ledger, Network
from node.task import load_task
from sim.devnet import free_port, fund

AUTHORITY_MONEY = 1000 * 10**18
POLL_SECONDS = 0.025
"""Between two looks at the devnet: its blocks come within milliseconds of a call."""


@dataclass(frozen=True, slots=True)
class SwarmPlan:
    """What `waggle up` is asked for. task: a shipped task's name or a path."""

    folder: Path
    nodes: int = 5
    task: str = "wdbc"
    run: RunPlan = RunPlan("demo", 5)
    seeded: bool = True


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A swarm's folder; see this module's docstring."""

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


def check_folder(folder: RunFolder) -> None:
    """Raises WrongUse when there is something that a new run would overwrite."""
    if folder.folder.exists() and any(folder.folder.iterdir()):
        raise WrongUse(f"{folder.folder} holds a run already: choose another --dir, or remove it first")


def prepare(plan: SwarmPlan, rpc: str) -> int:
    """Contracts, homes, admissions and the run, ready for the nodes to start; the run's number.

    What a consortium does by hand with `waggle authority` and `waggle node init`, in one go.
    """
    return trio.run(_prepare, plan, rpc)


async def _prepare(plan: SwarmPlan, rpc: str) -> int:
    folder = RunFolder(plan.folder)
    task = load_task(plan.task)
    account = authority_account(folder.authority, light=True)
    fund(rpc, account.address, AUTHORITY_MONEY)
    network = await chain.deploy(rpc, account, 0, digest(b"devnet").raw)
    save_network(folder.authority.network, rpc, network)
    ledger = await chain.connect(rpc, network, account)
    manifest = manifest_of(plan.run, task, network.chain_id)
    names = await _admit_all(plan, folder, ledger, rpc)
    run = await open_run(ledger, manifest)
    folder.manifest.write_bytes(manifest.to_bytes())
    fields = {"rpc": rpc, "run": run, "task": plan.task, "seed": plan.run.seed, "nodes": names}
    folder.file.write_text(tomli_w.dumps(fields))
    return run


async def _admit_all(plan: SwarmPlan, folder: RunFolder, ledger: Ledger, rpc: str) -> list[str]:
    names = [f"clinic-{number + 1}" for number in range(plan.nodes)]
    cards = [
        create_home(folder.home(name), _config(plan, ledger.network, rpc, index), None, light=True)
        for index, name in enumerate(names)
    ]
    for card in cards:
        member = await admit(ledger, card, hidden(card.name, bytes(32)))
        folder.authority.write_down(member, card.name, card.name, bytes(32))
    for name in names:
        add_peers(folder.home(name), load_config(folder.home(name)), cards)
    return names


def _config(plan: SwarmPlan, network: Network, rpc: str, index: int) -> NodeConfig:
    return NodeConfig(
        name=f"clinic-{index + 1}",
        rpc=rpc,
        network=network,
        task=plan.task,
        listen=f"127.0.0.1:{free_port()}",
        site=SiteConfig(index, plan.nodes, plan.run.seed),
        poll_seconds=POLL_SECONDS,
        entropy_seed=plan.run.seed if plan.seeded else None,
        enter_after=index,
    )
