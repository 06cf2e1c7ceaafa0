"""`waggle node`: what a clinic does by hand."""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial
from pathlib import Path

import click

from node.errors import BadAnswer, WrongUse

HOME = click.argument("home", type=click.Path(path_type=Path, file_okay=False))
CARD = click.Path(path_type=Path, dir_okay=False)


@click.group()
def node() -> None:
    """Run one participant: a clinic's node.

    \b
    Example:
      waggle node init clinic-a --network network.toml --task wdbc --listen 10.0.0.1:4001
      waggle node run clinic-a
    """


@node.command()
@HOME
@click.option("--network", type=CARD, required=True, help="network.toml, from the authority.")
@click.option("--name", help="What people call this node. [the folder's name]")
@click.option("--task", required=True, help="wdbc, digits, or this node's copy of a task file.")
@click.option("--listen", default="127.0.0.1:4001", show_default=True, help="HOST:PORT for peers.")
@click.option("--site", default="0/1", show_default=True, help="Which part of a shared data set, I/N.")
@click.option("--data", default="data", show_default=True, help="Data folder, within the home.")
@click.option("--seed", default=0, help="Seed of a shared data set's split.")
@click.option("--device", default="cpu", show_default=True, help="Where to train.")
def init(
    home: Path,
    network: Path,
    name: str | None,
    task: str,
    listen: str,
    site: str,
    data: str,
    seed: int,
    device: str,
) -> None:
    """Make keys and a home folder. Then give HOME/card.json to the authority and the peers.

    The keys' password is WAGGLE_PASSWORD, or drawn and kept in HOME/keys/password.

    \b
    Example:
      waggle node init clinic-a --network network.toml --task wdbc --listen 10.0.0.1:4001
    """
    import os

    from node.card import create_home
    from node.config import Home, NodeConfig, SiteConfig
    from node.keys import PASSWORD_VARIABLE
    from node.network import load_network
    from node.task import load_task

    where = load_network(network)
    load_task(task)
    index, count = _site(site)
    config = NodeConfig(
        name=name or home.name,
        rpc=where.rpc,
        network=where.network,
        task=task if Path(task).suffix != ".py" else str(Path(task).resolve()),
        listen=listen,
        site=SiteConfig(index, count, seed, data),
        device=device,
    )
    card = create_home(Home(home), config, os.environ.get(PASSWORD_VARIABLE))
    click.echo(f"account  {card.account}\npeer key {card.peer_key.hex()}")
    click.echo(f"next: give {Home(home).card} to the authority, which runs `waggle authority admit`")


@node.command()
@HOME
@click.argument("cards", nargs=-1, required=True, type=CARD)
def peers(home: Path, cards: tuple[Path, ...]) -> None:
    """Tell a node where its peers are: their CARDS go into node.toml.

    \b
    Example:
      waggle node peers clinic-a clinic-b/card.json clinic-c/card.json
    """
    from node.card import add_peers, read_card
    from node.config import Home, load_config

    known = add_peers(Home(home), load_config(Home(home)), [read_card(card) for card in cards])
    click.echo(f"{len(known.peers)} peers known")


@node.command()
@HOME
@click.option("--run", type=click.IntRange(1), help="Which run. [the newest open one, or wait]")
@click.option("--stay", is_flag=True, help="Then go on serving its models and updates until Ctrl-C.")
def run(home: Path, run: int | None, stay: bool) -> None:
    """Take part in a run until it is over. Ctrl-C stops; starting again goes on with the round.

    A node that was away at the end gets the final model from peers that stay.

    \b
    Examples:
      waggle node run clinic-a
      waggle node run clinic-a --run 1 --stay
    """
    from node.blobs import DiskBlobs
    from node.config import Home
    from node.ledger import is_gossip
    from node.running import run as run_trio
    from node.runtime import run_node

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    ended = run_trio(partial(run_node, stay=stay), Home(home), run)
    done = sum(r.finalized is not None for r in ended.rounds)
    how = "merged" if is_gossip(ended.number) else "finalized"
    click.echo(f"run {ended.number} is over: {done} of {len(ended.rounds)} rounds {how}")
    if not DiskBlobs(Home(home).blobs).has(ended.model):
        raise BadAnswer(
            f"this node was away when model {ended.model} was made, and no peer serves it: start it "
            "again while another one runs with --stay"
        )
    click.echo(f"model {ended.model} in {Home(home).blobs}")
    if not done:
        raise BadAnswer(f"no round was {how}: the model is still the initial one")


@node.command()
@HOME
@click.argument("digests", nargs=-1, required=True, metavar="DIGEST...")
@click.option("--because", default="", help="Why, for whoever audits; without anybody's name.")
def erase(home: Path, digests: tuple[str, ...], because: str) -> None:
    """Delete blobs for good, by their 64-digit DIGESTs, and leave a note: an audit then reads "erased".

    The digests stay on the chain. Other nodes' copies are theirs to erase.

    \b
    Example:
      waggle node erase clinic-a 7569a2c2...a6d0 --because "consent withdrawn"
    """
    from datetime import UTC

    from node.config import Home, load_config
    from node.digest import Digest
    from node.erasure import LONGEST
    from node.erasure import erase as delete

    if len(because) > LONGEST:
        raise WrongUse(f"--because has at most {LONGEST} characters")
    load_config(Home(home))  # a home, and not some folder
    try:
        wanted = [Digest.from_hex(text) for text in digests]
    except ValueError as error:
        raise WrongUse(str(error)) from None
    for digest in wanted:
        there = delete(Home(home).blobs, digest, because, datetime.now(UTC))
        click.echo(f"{digest.short} {'is erased' if there else 'was not here; noted as erased'}")


@node.command()
@HOME
def status(home: Path) -> None:
    """Say what a node is doing or did last.

    \b
    Example:
      waggle node status clinic-a
    """
    from node.config import Home
    from node.progress import read_progress

    facts = read_progress(Home(home).status)
    if not facts:
        raise WrongUse(f"no node has run in {home} yet: start it with `waggle node run {home}`")
    for name, value in facts.items():
        click.echo(f"{name:12} {_for_people(name, value)}")


def _for_people(name: str, value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{what} {seconds:.1f} s" for what, seconds in value.items())
    if isinstance(value, list):
        return "".join(f"\n  {line}" for line in value) or "-"
    if name == "deadline" and isinstance(value, int | float):
        return datetime.fromtimestamp(value).astimezone().isoformat(" ", "seconds")
    return str(value)


def _site(text: str) -> tuple[int, int]:
    index, _, count = text.partition("/")
    if not (index.isdigit() and count.isdigit() and int(index) < int(count)):
        raise WrongUse(f"--site {text} must be I/N with I from 0 to N-1")
    return int(index), int(count)
