"""What became of each attacker: from the chain, the receipts and the bytes, not from what it says.

Whatever an attacker does shows in one of a few places: a call that is missing on the chain, an update
that no quorum held, one that fails when it is verified again, a receipt that says how the rule took it,
a merge redone without it, an attestation that differs from the quorum's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from authority.audit.without import Bench, bench
from node.errors import BadUpdate
from node.receipt import Receipt
from node.state import Round, Run
from sim.hostile import Role
from sim.result import Fate
from sim.verdicts import Seen, evidence, verdict

REDONE = 5
"""Rounds, the last ones, that are merged again without an attacker."""

COMPARED = 3
"""Honest clinics, the first ones, that those rounds are merged without as well, to compare."""


def fates_of(
    run: Run, folders: Sequence[Path], roles: Mapping[str, Role], *, harmed: bool = False
) -> tuple[Fate, ...]:
    """What became of each attacker. folders: where blobs lie. harmed: the model is a bad one."""
    if not roles:
        return ()
    with bench(run, folders) as again:
        coroner = _Coroner(run, again, {role.member for role in roles.values()})
        return tuple(
            Fate(clinic, role.attack, verdict(seen, harmed), tuple(evidence(seen)))
            for clinic, role in sorted(roles.items(), key=lambda item: item[1].member)
            for seen in [coroner.look(role.member, role.conspirators)]
        )


class _Coroner:
    def __init__(self, run: Run, again: Bench, hostile: Collection[int]) -> None:
        self._run, self._again, self._hostile = run, again, hostile

    def look(self, member: int, crew: Collection[int]) -> Seen:
        seen, bit = Seen(), self._run.bit(member)
        rounds = [r for r in self._run.rounds if r.ended and bit & (r.roster | r.committed)]
        for round_ in rounds:
            seen.rounds += 1
            self._update(round_, member, seen)
            self._vote(round_, member, seen)
        merged = [r for r in rounds if r.finalized and bit & (r.inputs or 0)]
        for round_ in merged[-REDONE:]:
            honest = sorted(set(self._run.members_in(round_.inputs or 0)) - set(self._hostile))
            seen.pulls += self._pulls(round_, [crew])
            seen.fair += self._pulls(round_, [(member,) for member in honest[:COMPARED]])
        return seen

    def _pulls(self, round_: Round, groups: Sequence[Collection[int]]) -> list[float]:
        """How far groups move a merge, each one's share of a member."""
        inputs = set(self._run.members_in(round_.inputs or 0))
        found = ((group, self._again.pull(round_, group)) for group in groups)
        return [pull / max(len(inputs & set(group)), 1) for group, pull in found if pull is not None]

    def _update(self, round_: Round, member: int, seen: Seen) -> None:
        bit = self._run.bit(member)
        if not bit & round_.committed:
            seen.silent += 1
        elif member not in round_.revealed:
            seen.unrevealed += 1
        elif bit & (round_.inputs or 0):
            self._input(round_, member, seen)
        elif why := self._misfit(round_, member):
            seen.refused, seen.why = seen.refused + 1, why
        elif round_.inputs is not None:
            seen.unheld += 1

    def _input(self, round_: Round, member: int, seen: Seen) -> None:
        receipt = self._receipt(round_)
        if receipt is None:
            return
        inputs = {item.member: item for item in receipt.inputs}
        seen.inputs += 1
        seen.unused += not inputs[member].used
        scores = {m: item.score for m, item in inputs.items() if item.score is not None}
        if member in scores:
            seen.own.append(scores[member])
            seen.honest += [score for m, score in scores.items() if m not in self._hostile]

    def _receipt(self, round_: Round) -> Receipt | None:
        """The one that a quorum attested; None of a round without, or where no copy is left."""
        if round_.finalized is None:
            return None
        found = self._again.sources.read(round_.finalized.receipt)
        return None if found is None else Receipt.from_bytes(found)

    def _misfit(self, round_: Round, member: int) -> str:
        """Why its update fails; nothing if it passes, or if there is no copy of it."""
        try:
            self._again.verified(round_, member)
        except BadUpdate as error:
            return str(error)
        except LookupError:
            return ""
        return ""

    def _vote(self, round_: Round, member: int, seen: Seen) -> None:
        if member in round_.disputed:
            seen.disputed += 1
        elif round_.finalized is not None and member not in round_.attested:
            seen.unattested += 1
