"""What happened in a run, round by round, from the chain alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from authority.audit.record import Record
from authority.audit.words import when
from node.errors import Unfit
from node.ledger import Logged, Phase
from node.manifest import Manifest
from node.state import GossipRound, Round, Run
from node.words import one_line


@dataclass(frozen=True, slots=True)
class RoundHistory:
    """One round. Members by number.

    missing: waited for and absent in some phase. began, ended: Unix seconds of its first and last
    block, if known. over: whether the round has ended.
    """

    round: int
    outcome: str
    model: str | None
    receipt: str | None
    expected: tuple[int, ...]
    committed: tuple[int, ...]
    revealed: tuple[int, ...]
    inputs: tuple[int, ...]
    attested: tuple[int, ...]
    disputed: tuple[int, ...]
    missing: tuple[int, ...]
    first_block: int
    last_block: int
    began: int | None
    ended: int | None
    gas: int
    over: bool

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def history_of(record: Record, run: Run) -> tuple[RoundHistory, ...]:
    """All rounds of a run."""
    logs = defaultdict[int | None, list[Logged]](list)
    for one in record.logged:
        if getattr(one.event, "run", None) == run.number:
            logs[getattr(one.event, "round", None)].append(one)
    return tuple(_one(record, run, round_, logs[round_.number]) for round_ in run.rounds)


def table(rows: Sequence[RoundHistory], name: Callable[[int], str]) -> Table:
    """For people: a line a round, and below it whoever was not part of it."""
    said = "C committed, R revealed, M merged, A attested, of those waited for; time of the first block"
    view = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, caption=said)
    view.add_column("round", justify="right")
    view.add_column("outcome")
    view.add_column("model", no_wrap=True)
    for column in ("C R M A", "blocks", "time", "gas"):
        view.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        counts = " ".join(str(len(getattr(row, field))) for field in _FIELDS.values())
        view.add_row(
            str(row.round),
            Text("\n".join((row.outcome, *_exceptions(row, name)))),
            (row.model or "-")[:SHORT],
            f"{counts} of {len(row.expected)}",
            f"{row.first_block}-{row.last_block}",
            when(row.began, "%H:%M:%S"),
            f"{row.gas:,}",
        )
    return view


def line(row: RoundHistory, name: Callable[[int], str]) -> str:
    """A round in a line, for whoever follows a run."""
    words = [f"round {row.round}", row.outcome, (row.model or "")[:SHORT]]
    said = [f"{len(getattr(row, field))} {said}" for said, field in _FIELDS.items()]
    more = [*said, *_exceptions(row, name), f"gas {row.gas:,}"]
    return f"{when(row.began)}  {' '.join(filter(None, words))}: {', '.join(more)}"


def origin(run: Run) -> Iterator[str]:
    """From which run's model a run goes on, and why; nothing of a run of its own."""
    if run.terms.parent_run:
        from_ = f"run {run.terms.parent_run}, round {run.terms.parent_round}"
        yield f"goes on from model {run.terms.base.short} of {from_}{_reason(run)}"


def _reason(run: Run) -> str:
    try:
        reason = Manifest.from_bytes(run.manifest).reason
    except Unfit:  # that, the replay tells
        return ""
    return f": {one_line(reason)}" if reason else ""


def digests(rows: Sequence[RoundHistory]) -> Iterator[str]:
    """All digits of each finalized model and its receipt, a line each."""
    for row in rows:
        if row.model:
            yield f"round {row.round} model   {row.model}"
            yield f"round {row.round} receipt {row.receipt}"


def of_member(rows: Sequence[RoundHistory], member: int) -> tuple[RoundHistory, ...]:
    """Rounds in which a member did something, or was waited for."""
    return tuple(
        row
        for row in rows
        if member in {*row.expected, *row.committed, *row.revealed, *row.inputs, *row.attested}
    )


SHORT = 8
"""Characters of a short digest."""

_FIELDS = {"committed": "committed", "revealed": "revealed", "merged": "inputs", "attested": "attested"}
"""What is counted of a round, and where it stands."""


def _exceptions(row: RoundHistory, name: Callable[[int], str]) -> Iterator[str]:
    left_out = tuple(m for m in row.revealed if m not in row.inputs)
    for what, members in (
        ("waited in vain for", row.missing),
        ("left out", left_out),
        ("disputed", row.disputed),
    ):
        if members:
            yield f"{what} {', '.join(map(name, members))}"


def _one(record: Record, run: Run, round_: Round, mine: Sequence[Logged]) -> RoundHistory:
    expected = run.members_in(round_.expected)
    committed = run.members_in(round_.committed)
    done = round_.finalized
    return RoundHistory(
        round=round_.number,
        outcome=_outcome(round_),
        model=done.merged.hex if done else None,
        receipt=done.receipt.hex if done else None,
        expected=expected,
        committed=committed,
        revealed=tuple(sorted(round_.revealed)),
        inputs=run.members_in(round_.inputs or 0),
        attested=tuple(sorted(round_.attested)),
        disputed=round_.disputed,
        missing=tuple(m for m in expected if m not in _present(round_, committed)),
        first_block=mine[0].block,
        last_block=mine[-1].block,
        began=record.times.get(mine[0].block),
        ended=record.times.get(mine[-1].block),
        gas=sum(record.gas.get(t, 0) for t in {one.transaction for one in mine}),
        over=round_.ended,
    )


def _outcome(round_: Round) -> str:
    if round_.finalized:
        return "finalized"
    if isinstance(round_, GossipRound) and round_.over:
        return "ended"
    if round_.skipped is not None:
        return f"skipped: {round_.skipped.name.lower().replace('_', ' ')}"
    return round_.phase.name.lower()


def _present(round_: Round, committed: Sequence[int]) -> set[int]:
    """Members that said all that was asked of them before attesting."""
    present = set(committed)
    if round_.phase > Phase.REVEAL or (round_.phase is Phase.REVEAL and round_.ended):
        present &= round_.revealed.keys()
    if isinstance(round_, GossipRound):
        return present & round_.attested.keys() if round_.over else present
    if round_.inputs is not None:
        present &= round_.held.keys()
    return present
