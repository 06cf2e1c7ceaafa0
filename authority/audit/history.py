"""What happened in a run, round by round, from the chain alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from authority.audit.record import Record
from node.ledger import Phase
from node.state import GossipRound, Round, Run


@dataclass(frozen=True, slots=True)
class RoundHistory:
    """One round. Members by number; missing: waited for and absent in some phase."""

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
    gas: int

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def history_of(record: Record, run: Run) -> tuple[RoundHistory, ...]:
    """All rounds of a run."""
    return tuple(_one(record, run, round_) for round_ in run.rounds)


def table(rows: Sequence[RoundHistory], name: Callable[[int], str]) -> Table:
    """For people: a line a round, and below it whoever was not part of it."""
    view = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    view.add_column("round", justify="right")
    view.add_column("outcome")
    view.add_column("model", no_wrap=True)
    for column in ("merged", "attested", "blocks", "gas"):
        view.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        view.add_row(
            str(row.round),
            "\n".join((row.outcome, *_exceptions(row, name))),
            (row.model or "-")[:8],
            f"{len(row.inputs)} of {len(row.expected)}",
            str(len(row.attested)),
            f"{row.first_block}-{row.last_block}",
            f"{row.gas:,}",
        )
    return view


def _exceptions(row: RoundHistory, name: Callable[[int], str]) -> Iterator[str]:
    left_out = tuple(m for m in row.revealed if m not in row.inputs)
    for what, members in (
        ("waited in vain for", row.missing),
        ("left out", left_out),
        ("disputed", row.disputed),
    ):
        if members:
            yield f"{what} {', '.join(map(name, members))}"


def _one(record: Record, run: Run, round_: Round) -> RoundHistory:
    mine = [
        one
        for one in record.logged
        if getattr(one.event, "run", None) == run.number
        and getattr(one.event, "round", None) == round_.number
    ]
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
        gas=sum(record.gas[t] for t in {one.transaction for one in mine}),
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
