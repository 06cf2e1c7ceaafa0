"""`waggle authority`: deploy, admit, revoke, open runs; what `waggle up` does in one go."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from authority.cli_auditors import admit_auditor, revoke_auditor
from authority.connecting import HOME, with_ledger
from authority.listing import gossip_option, merge_option, neighbours_option, of_kind
from authority.plan import RunPlan
from node.errors import WrongUse

if TYPE_CHECKING:
    from authority.audit.influence import Clean
    from authority.home import AuthorityHome
    from node.ledger import Ledger
    from node.manifest import Manifest

MOST_ROUNDS = (1 << 32) - 1
LONGEST_REASON = 200
SECONDS = click.IntRange(1, (1 << 24) - 1)
"""What the contract has room for."""


@click.group()
def authority() -> None:
    """Pre-authorize nodes and open runs. The authority aggregates nothing and sees no weights.

    \b
    Example:
      waggle authority deploy --rpc http://127.0.0.1:8545
      waggle authority admit clinic-a/card.json
      waggle authority open-run --task wdbc --seats 3
    """


authority.add_command(admit_auditor)
authority.add_command(revoke_auditor)


@authority.command()
@HOME
@click.option("--rpc", required=True, help="JSON-RPC address of the chain.")
@click.option("--admin-delay", default=86_400, show_default=True, help="Seconds of a handover.")
def deploy(home: Path, rpc: str, admin_delay: int) -> None:
    """Deploy the contracts, with an account made on the first call. It needs gas money.

    \b
    Example:
      waggle authority deploy --rpc http://127.0.0.1:8545
    """
    import trio

    from authority.home import AuthorityHome, authority_account
    from node import chain
    from node.network import save_network

    folder = AuthorityHome(home)
    if folder.network.exists():
        raise WrongUse(f"{folder.network} exists: contracts are deployed; choose another --home")
    account = authority_account(folder)
    click.echo(f"account  {account.address}")
    network = trio.run(chain.deploy, rpc, account, admin_delay, secrets.token_bytes(32))
    save_network(folder.network, rpc, network)
    click.echo(f"registry {network.registry}\nledger   {network.ledger}\ngossip   {network.gossip}")
    click.echo(f"next: give {folder.network} to every clinic")


@authority.command()
@HOME
@click.argument("card", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--organization", default="", help="Who runs it; the chain gets a salted hash.")
@click.option(
    "--gas-money",
    type=click.FloatRange(0, 1e9),
    default=1.0,
    show_default=True,
    help="Ether to forward.",
)
def admit(home: Path, card: Path, organization: str, gas_money: float) -> None:
    """Admit the node that CARD describes, and fund its account.

    \b
    Example:
      waggle authority admit clinic-a/card.json --organization "Clinic A"
    """
    from authority import governance
    from node.card import read_card

    found, salt = read_card(card), secrets.token_bytes(32)

    async def work(folder: AuthorityHome, ledger: Ledger) -> int:
        hidden = governance.hidden(organization, salt)
        member = await governance.admit(ledger, found, hidden, int(gas_money * 10**18))
        folder.write_down(member, found.name, organization, salt)
        return member

    click.echo(f"{found.name} is member {with_ledger(home, work)}")


@authority.command()
@HOME
@click.argument("member", type=click.IntRange(1))
@click.option(
    "--reason",
    type=click.Choice(["unspecified", "consent", "misbehaviour", "key-lost", "left"]),
    default="unspecified",
)
def revoke(home: Path, member: int, reason: str) -> None:
    """Revoke MEMBER (its number) for good, and take its seat out of every open run.

    \b
    Example:
      waggle authority revoke 3 --reason consent
    """
    from authority import governance

    async def work(_: AuthorityHome, ledger: Ledger) -> tuple[int, ...]:
        return await governance.revoke(ledger, member, reason)

    runs = with_ledger(home, work)
    click.echo(f"member {member} is revoked" + (f"; out of run {list(runs)}" if runs else ""))


@authority.command("open-run")
@HOME
@click.option("--task", required=True, help="wdbc, digits, or a task file.")
@click.option("--seats", type=int, required=True, help="Round 0 starts when so many have entered.")
@click.option("--name", help="What people call the run. [the task's name]")
@click.option(
    "--rounds", type=click.IntRange(1, MOST_ROUNDS), default=RunPlan("", 1).rounds, show_default=True
)
@merge_option
@gossip_option
@neighbours_option
@click.option("--hostile", type=click.IntRange(0), help="Hostile updates to withstand. [f]")
@click.option("--min-inputs", type=click.IntRange(1), help="Fewest updates to merge.")
@click.option("--seed", type=click.IntRange(0, (1 << 63) - 1), default=0, show_default=True)
@click.option("--enter-seconds", type=SECONDS, default=RunPlan("", 1).enter_seconds)
@click.option("--commit-seconds", type=SECONDS, default=RunPlan("", 1).commit_seconds)
@click.option("--reveal-seconds", type=SECONDS, default=RunPlan("", 1).reveal_seconds)
@click.option("--hold-seconds", type=SECONDS, default=RunPlan("", 1).hold_seconds)
@click.option("--attest-seconds", type=SECONDS, default=RunPlan("", 1).attest_seconds)
@click.option("--confirmations", type=click.IntRange(0), default=0, show_default=True)
def open_run(
    home: Path,
    task: str,
    name: str | None,
    gossip: bool,
    neighbours: int | None,
    merge: str | None,
    **wishes: Any,
) -> None:
    """Open a run; nodes that are running take part at once.

    \b
    Examples:
      waggle authority open-run --task wdbc --seats 3 --rounds 10 --commit-seconds 600
      waggle authority open-run --task wdbc --seats 7 --gossip --neighbours 4 --merge nna:f=1
    """
    from authority import governance
    from authority.manifests import manifest_of
    from authority.reach import within_reach
    from node.entry import least_case
    from node.task import load_task

    loaded = load_task(task)
    plan = of_kind(RunPlan(name=name or loaded.name, **wishes), gossip, neighbours, merge)
    plan = within_reach(plan) if gossip else plan

    async def work(_: AuthorityHome, ledger: Ledger) -> tuple[int, Manifest]:
        manifest = manifest_of(plan, loaded, ledger.network.chain_id)
        return await governance.open_run(ledger, manifest), manifest

    number, manifest = with_ledger(home, work)
    _, hostile = least_case(manifest)
    among = f"{manifest.neighbours} neighbours" if gossip else f"{plan.seats} seats"
    click.echo(f"run {number} is open: {manifest.merge} over {among} withstands {hostile} hostile")


@authority.command()
@HOME
@click.argument("member", type=click.IntRange(1))
@click.option("--run", type=click.IntRange(1), required=True, help="The run to go back in.")
@click.option("--reason", required=True, help="Why; it is in the new run's manifest, for everybody.")
@click.option("--seats", type=int, help="Round 0 starts when so many entered. [all members but MEMBER]")
@click.option("--rounds", type=click.IntRange(1, MOST_ROUNDS), help="[as in the run]")
@click.option("--merge", help="How updates are merged. [as in the run]")
def rollback(home: Path, member: int, run: int, reason: str, **wishes: Any) -> None:
    """Open a new run from the last model that MEMBER's updates (its number) didn't reach.

    It doesn't revoke MEMBER, nor close the run: do both first if consent was withdrawn for all it has.

    \b
    Example:
      waggle authority revoke 3 --reason consent
      waggle authority close-run 1
      waggle authority rollback 3 --run 1 --reason "consent withdrawn"
    """
    from authority import governance
    from authority.rollback import Wishes, rolled_back

    if not 0 < len(reason) <= LONGEST_REASON or not reason.isprintable():
        raise WrongUse(
            f"--reason has 1 to {LONGEST_REASON} characters, in a line: they are on the chain for ever"
        )

    async def work(_: AuthorityHome, ledger: Ledger) -> tuple[int, Clean]:
        chronicle = await governance.chronicle_of(ledger)
        manifest, clean = rolled_back(chronicle, run, member, reason, Wishes(**wishes))
        return await governance.open_run(ledger, manifest), clean

    number, clean = with_ledger(home, work)
    at = f"round {clean.round}" if clean.round is not None else "the beginning"
    click.echo(f"run {number} is open from model {clean.model.short}, of run {clean.run}, {at}")


@authority.command("close-run")
@HOME
@click.argument("run", type=click.IntRange(1))
def close_run(home: Path, run: int) -> None:
    """End a run before its last round.

    \b
    Example:
      waggle authority close-run 2
    """
    from authority import governance

    async def work(_: AuthorityHome, ledger: Ledger) -> None:
        await governance.close_run(ledger, run)

    with_ledger(home, work)
    click.echo(f"run {run} is closed")
