"""Which blobs belong to a run: those that its events name, and what each is."""

from __future__ import annotations

from collections.abc import Iterator

from node.digest import Digest
from node.state import GossipRun, Round, Run


def needed(run: Run) -> dict[Digest, str]:
    """The blobs that redoing the run's merges takes, and what the merges gave, in order."""
    found = {run.terms.base: "the initial model"}
    for digest, what in (pair for round_ in run.rounds for pair in _of_round(run, round_)):
        found.setdefault(digest, what)
    return found


def named(run: Run) -> dict[Digest, str]:
    """All blobs that the run's events name, those that entered no merge among them."""
    found = needed(run)
    for round_ in run.rounds:
        for member, revealed in sorted(round_.revealed.items()):
            found.setdefault(revealed.digest, _update(member, round_))
        for member, attested in sorted(round_.attested.items()):
            found.setdefault(attested.merged, f"what member {member} attested in round {round_.number}")
            found.setdefault(attested.receipt, f"member {member}'s receipt of round {round_.number}")
    return found


def _of_round(run: Run, round_: Round) -> Iterator[tuple[Digest, str]]:
    merges = _merges(run, round_)
    for members, _, _, _ in merges:
        for member in members:
            yield round_.revealed[member].digest, _update(member, round_)
    for _, merged, receipt, whose in merges:
        yield merged, f"{whose}model of round {round_.number}"
        yield receipt, f"{whose}receipt of round {round_.number}"


def _merges(run: Run, round_: Round) -> list[tuple[tuple[int, ...], Digest, Digest, str]]:
    """Whose updates entered each merge, what it gave, and whose merge it is if one member's."""
    if isinstance(run, GossipRun):
        return [
            (_known(run, round_, one.inputs), one.merged, one.receipt, f"member {member}'s ")
            for member, one in sorted(round_.attested.items())
        ]
    done = round_.finalized
    if done is None:
        return []
    return [(_known(run, round_, round_.inputs or 0), done.merged, done.receipt, "the ")]


def _known(run: Run, round_: Round, seats: int) -> tuple[int, ...]:
    return tuple(member for member in run.members_in(seats) if member in round_.revealed)


def _update(member: int, round_: Round) -> str:
    return f"member {member}'s update of round {round_.number}"
