"""The bench's results as tables for people."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from sim.live import in_bytes


def rounds_table(nodes: int, rounds: int, results: list[dict[str, Any]]) -> Table:
    """A column for each size, a row for each figure."""
    table = Table(
        title=f"{nodes} nodes, {rounds} rounds; seconds of the slowest node, bytes and gas of one node",
        title_justify="left",
        header_style="bold",
    )
    table.add_column("parameters")
    for result in results:
        table.add_column(f"{result['params']:,}", justify="right")
    columns = [_figures(result) for result in results]
    for name in columns[0]:
        table.add_row(name, *(column[name] for column in columns))
    return table


def blob_table(result: dict[str, Any]) -> Table:
    """A row for each way, with how the fast protocol compares to it."""
    table = Table(title=f"{result['size']:,} bytes", title_justify="left", header_style="bold")
    table.add_column("over")
    for name in ("MB/s", "blob protocol to it"):
        table.add_column(name, justify="right")
    for name, rate in result["mb_per_second"].items():
        ratio = result["ratios"].get(f"fast_to_{name}")
        table.add_row(name, f"{rate:,.0f}", "" if ratio is None else f"{ratio:.2f}")
    return table


def _figures(result: dict[str, Any]) -> dict[str, str]:
    memory = result["memory"]
    kind = memory["kind"]
    return {
        "seconds a round": f"{result['seconds']:.3f}",
        **{f"  {phase}": f"{value:.3f}" for phase, value in result["phases"].items()},
        "processor seconds, all nodes": f"{result['cpu']:.2f}",
        "sent a round": in_bytes(result["sent"]),
        "received a round": in_bytes(result["received"]),
        "gas a round": f"{result['gas']:,}",
        f"peak memory of a node ({kind})": in_bytes(max(memory["by_node"].values(), default=0)),
        f"of all nodes ({kind})": in_bytes(memory["nodes"]),
        f"of nodes and chain ({kind})": in_bytes(memory["nodes_and_chain"]),
        f"of everything ({kind})": in_bytes(memory["all"]),
        "seconds from start to exit": f"{result['start_to_exit']:.1f}",
    }
