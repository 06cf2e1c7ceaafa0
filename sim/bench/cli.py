"""`waggle bench`: how fast rounds, blobs, merges and simulations are here, for people or as JSON."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from node.errors import BadAnswer
from sim.cli import MOST_NODES

_SIZE = re.compile(r"(\d+)([KMG]?)", re.IGNORECASE)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}

MOST_PARAMS = 10**9
MOST_BYTES = 8 << 30


class _Read(click.ParamType[Any]):
    """One value of an option, by a function that raises ValueError."""

    def __init__(self, name: str, read: Any) -> None:
        self.name, self._read = name, read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Called by click; its default comes as text too."""
        try:
            return self._read(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


def params_of(text: str) -> list[int]:
    """Numbers of parameters, `4e3,4.3e6`. Raises ValueError."""
    return [_count(one.strip()) for one in text.split(",")]


def _count(text: str) -> int:
    try:
        count = float(text)
    except ValueError:
        count = 0
    if not (1 <= count <= MOST_PARAMS and count == int(count)):
        raise ValueError(f"{text!r}: give whole numbers from 1 to 1e9, as in 4e3,4.3e6,25e6")
    return int(count)


def size_of(text: str) -> int:
    """Bytes, `256M` being 256 times 2^20. Raises ValueError."""
    found = _SIZE.fullmatch(text.strip())
    size = int(found[1]) * _UNITS[found[2].upper()] if found else 0
    if not 1 <= size <= MOST_BYTES:
        raise ValueError(f"{text!r}: give a size from 1 byte to 8G, as in 64K, 256M, 1G")
    return size


@click.group()
def bench() -> None:
    """Measure rounds, transfers, merges, simulations; docs/benchmarks.md has figures to compare with.

    \b
    Examples:
      waggle bench round --nodes 4 --params 4e3,4.3e6
      waggle bench blob --size 256M
      waggle bench merge
      waggle bench replay
      waggle bench arena
      waggle bench soak --minutes 30
    """


@bench.command("round")
@click.option("--nodes", type=click.IntRange(1, MOST_NODES), default=4, show_default=True)
@click.option(
    "--params",
    type=_Read("params", params_of),
    default="4e3,4.3e6,25e6",
    show_default=True,
    help="Sizes of the model, each measured with a swarm of its own.",
)
@click.option("--rounds", type=click.IntRange(1, 1000), default=10, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON result on standard output.")
def round_(nodes: int, params: list[int], rounds: int, as_json: bool) -> None:
    """Run a real swarm for each size: seconds a round, bytes, memory, gas. Training is trivial.

    \b
    Example:
      waggle bench round --nodes 4 --params 4e3,4.3e6 --rounds 10 --json
    """
    from sim.bench.round import measure
    from sim.bench.tables import rounds_table

    say = partial(click.echo, err=True)
    results = [measure(nodes, count, rounds, say) for count in params]
    if as_json:
        click.echo(json.dumps({"nodes": nodes, "rounds": rounds, "results": results}))
    else:
        Console().print(rounds_table(nodes, rounds, results))


@bench.command()
@click.option("--size", type=_Read("size", size_of), default="256M", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON result on standard output.")
def blob(size: int, as_json: bool) -> None:
    """Move a blob between two processes, beside bare TCP and TLS 1.3 sockets.

    \b
    Example:
      waggle bench blob --size 256M --json
    """
    from sim.bench.blob import run
    from sim.bench.tables import blob_table

    click.echo(f"moving {size:,} bytes four ways", err=True)
    result = run(size)
    if as_json:
        click.echo(json.dumps(result))
    else:
        Console().print(blob_table(result))


@bench.command()
@click.option("--inputs", type=click.IntRange(4, 250), default=10, show_default=True)
@click.option("--params", type=_Read("params", _count), default="4.25e6", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON result on standard output.")
def replay(inputs: int, params: int, as_json: bool) -> None:
    """Redo a round as the audit does, beside hashing its bytes once: what no audit can save.

    \b
    Example:
      waggle bench replay --inputs 10 --params 4.25e6
    """
    from sim.bench.replay import run

    result = run(inputs, params, partial(click.echo, err=True))
    if as_json:
        click.echo(json.dumps(result))
    else:
        click.echo(
            f"{inputs} updates of {4 * params / 1e6:.0f} MB redone in {result['seconds']:.2f} s with "
            f"{result['threads']} threads: {result['ratio']:.1f} times hashing them once "
            f"({result['hashing']:.2f} s)"
        )


@bench.command()
@click.option("--inputs", type=click.IntRange(5, 256), default=20, show_default=True)
@click.option("--hostile", type=click.IntRange(1, 126), default=4, show_default=True)
@click.option("--params", type=_Read("params", _count), default="1e6", show_default=True)
@click.option("--threads", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option("--repeat", type=click.IntRange(1, 1000), default=5, show_default=True, help="Best of.")
@click.option(
    "--byzfl",
    "python",
    type=click.Path(path_type=Path),
    default=".oracles/bin/python",
    show_default=True,
    help="The Python that has byzfl; `make oracles` makes one.",
)
@click.option("--alone", is_flag=True, help="Without byzfl: times, no ratios to it.")
@click.option("--memory", is_flag=True, help="Merge blobs on disk instead, and watch the memory.")
@click.option("--json", "as_json", is_flag=True, help="One JSON result on standard output.")
def merge(
    inputs: int,
    hostile: int,
    params: int,
    threads: int,
    repeat: int,
    python: Path,
    alone: bool,
    memory: bool,
    as_json: bool,
) -> None:
    """Merge the same vectors with Waggle's rules and byzfl's, in turns: seconds, and times faster.

    \b
    Examples:
      waggle bench merge
      waggle bench merge --alone --params 25e6 --json
      waggle bench merge --memory --inputs 50 --params 1e8
    """
    from sim.bench.merge import Size, run
    from sim.bench.resident import watch
    from sim.bench.tables import merge_table, resident_table

    say = partial(click.echo, err=True)
    size = Size(inputs, hostile, params, threads, repeat)
    result = watch(size, say) if memory else run(size, None if alone else python, say)
    if as_json:
        click.echo(json.dumps(result))
    else:
        Console().print((resident_table if memory else merge_table)(result))


@bench.command()
@click.option("--minutes", type=click.FloatRange(0.5, 10_000), default=30.0, show_default=True)
@click.option("--nodes", type=click.IntRange(4, MOST_NODES), default=7, show_default=True)
@click.option("--seed", type=click.IntRange(0, (1 << 63) - 1), default=0, show_default=True)
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path), help="Keep run and logs there; a new folder."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON result on standard output.")
def soak(minutes: float, nodes: int, seed: int, folder: Path | None, as_json: bool) -> None:
    """Keep a swarm under chaos going, then redo its merges; say whether its processes grow.

    \b
    Example:
      waggle bench soak --minutes 30
    """
    from sim.bench.soak import soak as run
    from sim.bench.soak import table

    result = run(minutes, nodes, seed, partial(click.echo, err=True), folder)
    if as_json:
        click.echo(json.dumps(result))
    else:
        Console().print(table(result))
    if not result["good"]:
        raise BadAnswer("merges that don't replay, or processes that grow: see above")


@bench.command()
@click.option("--threads", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON result on standard output.")
def arena(threads: int, as_json: bool) -> None:
    """Simulate swarms of 100 to 1,000 nodes: node-rounds a second, memory, beside training one by one.

    \b
    Example:
      waggle bench arena --json
    """
    from sim.bench.arena import run, table

    result = run(partial(click.echo, err=True), threads)
    if as_json:
        click.echo(json.dumps(result))
    else:
        Console().print(table(result))
