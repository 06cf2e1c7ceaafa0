#!/usr/bin/env python3
"""Turn the gas snapshots into the tables of docs/gas.md and the limits of node/abi/gas.json.

Contract calls carry fixed gas limits (docs/gas.md says why). They follow from the committed
snapshots, so a contract change that costs gas shows up as a difference here; `--check` reports it.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SNAPSHOTS = ROOT / "contracts" / "snapshots"
PAGE = ROOT / "docs" / "gas.md"
LIMITS = ROOT / "node" / "abi" / "gas.json"
SEATS = (5, 64, 256)
MARGIN = 1.25
STEP = 5_000
PER_MANIFEST_BYTE = 45
"""Above the 40 gas for a byte of calldata that EIP-7623 makes the least."""
BEGIN, END = "<!-- gas tables: begin -->\n", "<!-- gas tables: end -->\n"

WORST = {
    "enter": ("enter opens round 0", "enter worst"),
    "commit": ("commit worst",),
    "reveal": ("reveal worst",),
    "hold": ("hold closes first", "hold skips"),
    "attest": ("attest finalizes", "attest worst"),
    "advance": (
        "advance fixes inputs",
        "advance skips for want of a quorum",
        "advance skips for want of inputs",
    ),
    "evict": ("evict worst",),
}
GOSSIP = {
    "enter": ("enter opens round 0", "enter worst"),
    "commit": ("commit worst",),
    "reveal": ("reveal worst",),
    "attestOwn": ("attestOwn first model", "attestOwn ends first", "attestOwn worst"),
    "advance": ("advance ends the round",),
    "evict": ("revoke worst",),
}
"""Of the GossipLedger; an evict alone is cheaper than within a revocation."""
AUTHORITY = {
    "admit": "admit worst",
    "join": "join worst",
    "proposeAccount": "proposeAccount worst",
    "acceptAccount": "acceptAccount worst",
    "rotatePeerKey": "rotatePeerKey worst",
    "admitAuditor": "admitAuditor worst",
    "revokeAuditor": "revokeAuditor worst",
    "closeRun": "closeRun worst",
    "openRunBase": "openRun empty manifest",
}

Snapshot = Mapping[str, int]


def main() -> int:
    parser = argparse.ArgumentParser(description="Make gas tables and limits from the snapshots.")
    parser.add_argument("--check", action="store_true", help="compare only; exit code 1 if different")
    check = parser.parse_args().check
    page = PAGE.read_text(encoding="utf-8")
    wanted = {
        PAGE: with_tables(page, tables(measured())),
        LIMITS: json.dumps(limits(measured()), indent=1) + "\n",
    }
    different = [p for p, text in wanted.items() if not p.exists() or p.read_text("utf-8") != text]
    if check:
        for path in different:
            print(f"{path.relative_to(ROOT)}: not what the snapshots say; run scripts/gas_tables.py")
        return 1 if different else 0
    for path in different:
        path.write_text(wanted[path], encoding="utf-8")
    return 0


def read(group: str) -> Snapshot:
    """One snapshot file: gas by name."""
    content = json.loads((SNAPSHOTS / f"{group}.json").read_text("utf-8"))
    return {name: int(gas) for name, gas in content.items()}


class Measured(NamedTuple):
    """All snapshots: calls of both ledgers by seats, and the authority's."""

    rounds: Mapping[int, Snapshot]
    gossip: Mapping[int, Snapshot]
    authority: Snapshot


def measured() -> Measured:
    """The committed snapshots."""
    rounds = {seats: read(f"seats{seats:03}") for seats in SEATS}
    gossip = {seats: read(f"gossip{seats:03}") for seats in SEATS}
    return Measured(rounds, gossip, read("authority"))


def worst(names: Sequence[str], snapshot: Snapshot) -> int:
    """The dearest of a call's measured ways."""
    return max(snapshot[name] for name in names if name in snapshot)


def limits(found: Measured) -> dict[str, int]:
    """The fixed gas limit of each call, on either ledger; revokePerRun: of each run after the first."""
    gas: dict[str, int] = {}
    for calls, by_seats in ((WORST, found.rounds), (GOSSIP, found.gossip)):
        for call, names in calls.items():
            gas[call] = max(gas.get(call, 0), *(worst(names, s) for s in by_seats.values()))
    gas |= {call: found.authority[name] for call, name in AUTHORITY.items()}
    both = (*found.rounds.values(), *found.gossip.values())
    gas["revoke"] = max(s["revoke worst"] for s in both)
    gas["revokePerRun"] = gas["revoke"] - found.authority["revoke no runs"]
    with_margin = {call: math.ceil(value * MARGIN / STEP) * STEP for call, value in gas.items()}
    return dict(sorted({**with_margin, "openRunPerByte": PER_MANIFEST_BYTE}.items()))


def tables(found: Measured) -> str:
    """Markdown: calls by seats, a round's total, the authority's calls, the limits."""
    fixed = limits(found)
    lines = of_ledger("call", WORST, found.rounds, fixed)
    lines += ["", *of_ledger("call, in gossip runs", GOSSIP, found.gossip, fixed)]
    lines += ["", "| call | gas | limit |", "| --- | ---: | ---: |"]
    for call, name in AUTHORITY.items():
        lines.append(f"| {call} | {found.authority[name]:,} | {fixed[call]:,} |")
    dearest = max(s["revoke worst"] for s in found.rounds.values())
    lines.append(f"| revoke, with one run | {dearest:,} | {fixed['revoke']:,} |")
    lines.append(f"| revoke, each further run | | {fixed['revokePerRun']:,} |")
    lines.append(f"| openRun, each byte of the manifest | | {PER_MANIFEST_BYTE} |")
    return "\n".join(lines) + "\n"


def of_ledger(
    title: str,
    calls: Mapping[str, Sequence[str]],
    by_seats: Mapping[int, Snapshot],
    fixed: Mapping[str, int],
) -> list[str]:
    """One ledger's calls as lines of Markdown."""
    lines = [f"| {title} | " + " | ".join(f"{n} seats" for n in SEATS) + " | limit |"]
    lines.append("| --- |" + " ---: |" * (len(SEATS) + 1))
    for call, names in calls.items():
        cells = [
            f"{s[f'{call} typical']:,} / {worst(names, s):,}"
            if f"{call} typical" in s
            else f"{worst(names, s):,}"
            for s in by_seats.values()
        ]
        lines.append(f"| {call} | " + " | ".join(cells) + f" | {fixed[call]:,} |")
    totals = [f"{s['round of everybody']:,}" for s in by_seats.values()]
    return [*lines, "| **a round, all calls of all seats** | " + " | ".join(totals) + " | |"]


def with_tables(page: str, text: str) -> str:
    """The page with the tables between its marks replaced."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + text + END + after


if __name__ == "__main__":
    sys.exit(main())
