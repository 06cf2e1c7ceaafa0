"""`waggle audit init` and `waggle audit archive`: an auditor's home, and the service that fills it."""

from __future__ import annotations

from pathlib import Path

import click

HOME = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("archive"),
    show_default=True,
    help="The auditor's folder.",
)


@click.command()
@HOME
@click.option(
    "--network",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="network.toml, from the authority.",
)
@click.option("--name", help="What people call this auditor. [the folder's name]")
@click.option("--listen", default="127.0.0.1:4001", show_default=True, help="HOST:PORT for peers.")
def init(home: Path, network: Path, name: str | None, listen: str) -> None:
    """Make an auditor's home. Then give its card.json to the authority and to every node.

    An auditor has a key that peers know it by, and no account: it sends nothing to the chain.

    \b
    Example:
      waggle audit init --home archive --network network.toml --listen 10.0.0.9:4001
      waggle node peers archive clinic-a/card.json clinic-b/card.json
    """
    from node.card import create_auditor_home
    from node.config import Home, NodeConfig
    from node.network import load_network

    where = load_network(network)
    config = NodeConfig(name or home.name, where.rpc, where.network, task="", listen=listen)
    card = create_auditor_home(Home(home), config)
    click.echo(f"peer key {card.peer_key.hex()}")
    click.echo(
        f"next: give {Home(home).card} to the authority, which runs `waggle authority admit-auditor`"
    )


@click.command()
@HOME
def archive(home: Path) -> None:
    """Keep every update, model and receipt of every run, until Ctrl-C; started again it goes on.

    Nodes may then prune theirs (keep_rounds in node.toml), and `waggle audit replay` reads this folder.

    \b
    Example:
      waggle audit archive --home archive
    """
    from authority.audit.archive.service import run_archive
    from node.config import Home
    from node.running import run

    run(run_archive, Home(home), click.echo)
