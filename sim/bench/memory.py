"""Memory of running processes as the kernel counts it: on Linux, from /proc; elsewhere nothing.

PSS where the kernel tells it: a page that several processes share counts once in their sum. Otherwise
RSS, where it counts in each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")


def descendants(root: int) -> list[int]:
    """A process and all that come from it, by process id."""
    children = defaultdict(list)
    for process in PROC.glob("[0-9]*"):
        if (parent := _parent(process)) is not None:
            children[parent].append(int(process.name))
    found = [root]
    for process_id in found:
        found += children[process_id]
    return found


def command(process_id: int) -> str:
    """The name of the program that a process runs, or nothing when it is gone."""
    try:
        return (PROC / str(process_id) / "comm").read_text().strip()
    except OSError:
        return ""


def measure() -> str:
    """What `memory` counts on this machine: pss, rss, or none."""
    own = PROC / "self"
    kinds = {"pss": own / "smaps_rollup", "rss": own / "statm"}
    return next((kind for kind, path in kinds.items() if _readable(path)), "none")


def memory(process_ids: Iterable[int], kind: str) -> dict[int, int]:
    """Bytes by process id; those that are gone are left out."""
    read = {"pss": _pss, "rss": _rss}.get(kind, lambda _: None)
    found = ((process_id, read(PROC / str(process_id))) for process_id in process_ids)
    return {process_id: size for process_id, size in found if size is not None}


def anonymous(process_id: int) -> int | None:
    """Bytes in memory that no file stands for; where the kernel doesn't tell, all it has in memory.

    What a fork still shares counts as the fork's, so that it doesn't seem to grow when it writes there.
    """
    process = PROC / str(process_id)
    return _field(process / "status", "RssAnon:") or _rss(process)


def _parent(process: Path) -> int | None:
    try:
        # The name, in parentheses, may hold anything; what follows is fixed.
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def _pss(process: Path) -> int | None:
    return _field(process / "smaps_rollup", "Pss:")


def _rss(process: Path) -> int | None:
    return _field(process / "status", "VmRSS:")


def _field(path: Path, name: str) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    values = [line.split()[1] for line in lines if line.startswith(name)]
    return int(values[0]) * 1024 if values else None


def _readable(path: Path) -> bool:
    try:
        return bool(path.read_bytes())
    except OSError:
        return False
