"""What somebody wants of a run."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_MERGE = "nnm+trimmed-mean"
"""What `waggle simulate matrix` supports for clinics whose patients differ: see docs/attacks.md."""

DEFAULT_GOSSIP = "nna"
"""In gossip runs. See docs/attacks.md for what gossip rules withstand."""

DEFAULT_NEIGHBOURS = 4


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What somebody wants of a run. Times in seconds, sizes in bytes.

    min_inputs None: the least that the merge rule and the contract allow.
    hostile None: the merge must withstand every round's f. neighbours: of each node in a gossip run;
    None: no gossip run.
    """

    name: str
    seats: int
    rounds: int = 5
    merge: str = DEFAULT_MERGE
    min_inputs: int | None = None
    hostile: int | None = None
    seed: int = 0
    join_delay: int = 1
    enter_seconds: int = 600
    commit_seconds: int = 3600
    reveal_seconds: int = 300
    hold_seconds: int = 1800
    attest_seconds: int = 900
    privacy_budget: int = 0
    max_abs: int = 10_000
    max_weight: int = 1 << 16
    max_blob_bytes: int = 1 << 31
    confirmations: int = 0
    neighbours: int | None = None
