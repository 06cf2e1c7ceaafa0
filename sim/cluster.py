"""Preparing a swarm on this machine: contracts, homes, admissions, and the run to take part in."""

from __future__ import annotations

from collections.abc import Mapping

import trio

from authority.governance import admit, hidden, open_run
from authority.home import authority_account
from authority.manifests import manifest_of
from authority.reach import within_reach
from node import chain
from node.card import add_peers, create_home
from node.config import NodeConfig, SiteConfig, load_config
from node.digest import digest
from node.durable import write_whole
from node.ledger import Ledger, Network
from node.network import save_network
from node.task import Site, Task, load_task
from node.train import TorchTrainer, model_of
from sim.devnet import free_ports, fund
from sim.folder import RunFile, RunFolder, save_run
from sim.hostile import Role, cast, save_roles
from sim.plan import SwarmPlan

AUTHORITY_MONEY = 1000 * 10**18
POLL_SECONDS = 0.025
"""Between two looks at the devnet: its blocks come within milliseconds of a call."""


def prepare(plan: SwarmPlan, rpc: str) -> int:
    """Contracts, homes, admissions and the run, ready for the nodes to start; the run's number.

    What a consortium does by hand with `waggle authority` and `waggle node init`, in one go.
    """
    return trio.run(_prepare, plan, rpc)


async def _prepare(plan: SwarmPlan, rpc: str) -> int:
    folder = RunFolder(plan.folder)
    task = load_task(plan.task)
    _rehearse(plan, folder, task)
    account = authority_account(folder.authority, light=True)
    fund(rpc, account.address, AUTHORITY_MONEY)
    network = await chain.deploy(rpc, account, 0, digest(b"devnet").raw)
    save_network(folder.authority.network, rpc, network)
    ledger = await chain.connect(rpc, network, account)
    manifest = manifest_of(within_reach(plan.run), task, network.chain_id)
    roles = cast(plan.nodes, plan.crews, plan.run.seed)
    names = await _admit_all(plan, folder, ledger, rpc, roles)
    run = await open_run(ledger, manifest)
    write_whole(folder.manifest, manifest.to_bytes())
    if roles:
        save_roles(folder.hostile, {_name(index): role for index, role in roles.items()})
    save_run(folder, RunFile(rpc, run, plan.task, plan.run.seed, tuple(names)))
    return run


def _rehearse(plan: SwarmPlan, folder: RunFolder, task: Task) -> None:
    """Try once before the run what else would only fail at its end. Raises WrongUse."""
    seed = plan.run.seed
    site = Site(0, plan.nodes, seed, folder.home(_name(0)).folder / SiteConfig().folder)
    trainer = TorchTrainer(task, site)
    held_out, initial, own = task.held_out(seed), trainer.initial(seed), trainer.data
    trainer.evaluate(initial, own if held_out is None else held_out)
    with task.blamed("the optimizer can't be made"):
        task.optimizer(model_of(task, initial).parameters())


async def _admit_all(
    plan: SwarmPlan, folder: RunFolder, ledger: Ledger, rpc: str, roles: Mapping[int, Role]
) -> list[str]:
    names = [_name(index) for index in range(plan.nodes)]
    ports = free_ports(plan.nodes)
    configs = [
        _config(plan, ledger.network, rpc, port, index, roles) for index, port in enumerate(ports)
    ]
    cards = [create_home(folder.home(c.name), c, None, light=True) for c in configs]
    for card in cards:
        member = await admit(ledger, card, hidden(card.name, bytes(32)))
        folder.authority.write_down(member, card.name, card.name, bytes(32))
    for name in names:
        add_peers(folder.home(name), load_config(folder.home(name)), cards)
    return names


def _config(
    plan: SwarmPlan, network: Network, rpc: str, port: int, index: int, roles: Mapping[int, Role]
) -> NodeConfig:
    return NodeConfig(
        name=_name(index),
        rpc=rpc,
        network=network,
        task=plan.task,
        listen=f"127.0.0.1:{port}",
        site=SiteConfig(_site(index, roles.get(index)), plan.nodes, plan.run.seed),
        poll_seconds=POLL_SECONDS,
        entropy_seed=plan.run.seed if plan.seeded else None,
        enter_after=index,
    )


def _site(index: int, role: Role | None) -> int:
    """Whose patients a clinic has: all names of a sybil are one operator's, who has one site's."""
    sybil = role is not None and role.attack.partition(":")[0] == "sybil"
    return role.conspirators[0] - 1 if role is not None and sybil else index


def _name(index: int) -> str:
    return f"clinic-{index + 1}"
