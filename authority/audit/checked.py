"""All that an audit looks at of a run, in one value: the record, the merges, nodes' databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from authority.audit.coherence import contradictions, told_until
from authority.audit.databases import altered
from authority.audit.finding import Finding, Kind
from authority.audit.replay import Replayed, replay
from authority.audit.subject import Subject
from node.errors import Unfit, WrongUse
from node.manifest import Manifest
from node.merging import rule_in
from node.state import Run


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found. wrong: in the record and in databases; replayed: each merge.

    until: the round from which on the record contradicts itself, so that nothing was redone; or None.
    """

    about: Subject
    wrong: tuple[Finding, ...]
    replayed: tuple[Replayed, ...]
    until: int | None = None

    @property
    def run(self) -> Run:
        """The run that it is about."""
        return self.about.run

    @property
    def coherent(self) -> bool:
        """Whether the record doesn't contradict itself."""
        return not self._of(Kind.RECORD)

    @property
    def fit(self) -> bool:
        """Whether the run's manifest can be read, and merges redone by it."""
        return not self._of(Kind.MANIFEST)

    @property
    def bad(self) -> tuple[Replayed, ...]:
        """Merges that something speaks against."""
        return tuple(one for one in self.replayed if not one.good and not one.erased)

    @property
    def good(self) -> bool:
        """Whether nothing speaks against anything."""
        return not self.problems

    @property
    def problems(self) -> tuple[str, ...]:
        """What speaks against the run, in short."""
        what = "finalized rounds" if any(r.member is None for r in self.replayed) else "merges"
        said = {
            "the chain's record contradicts itself": not self.coherent,
            "the run's manifest can't be used": not self.fit,
            "a node's database was altered": bool(self._of(Kind.DATABASE)),
            f"{len(self.bad)} of {len(self.replayed)} {what} have findings": bool(self.bad),
            "nothing was merged: there is nothing to redo": not self.replayed
            and self.coherent
            and self.fit,
        }
        return (*self.about.record.differences, *(words for words, so in said.items() if so))

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "run": self.run.number,
            "record": self._of(Kind.RECORD),
            "manifest": self._of(Kind.MANIFEST),
            "databases": self._of(Kind.DATABASE),
            "endpoints": self.about.record.differences,
            "rounds": [one.plain() for one in self.replayed],
        }

    def _of(self, kind: Kind) -> list[dict[str, Any]]:
        return [asdict(one) for one in self.wrong if one.kind is kind]


def check(about: Subject, on_round: Callable[[Replayed], None] = lambda replayed: None) -> Checked:
    """Look at everything; on_round: hears of each merge as it is redone."""
    wrong, unfit = contradictions(about.record), _unfit(about.run)
    until = told_until(about.run.number, wrong)
    replayed = (
        () if unfit else replay(about.record, about.run, about.place.blobs, on_round, before=until)
    )
    return Checked(about, (*wrong, *unfit, *altered(about.record, about.place.homes)), replayed, until)


def _unfit(run: Run) -> tuple[Finding, ...]:
    """Why nothing of a run can be redone, if so."""
    try:
        rule_in(Manifest.from_bytes(run.manifest))
    except (Unfit, WrongUse) as error:
        return (Finding(Kind.MANIFEST, str(error), run.number),)
    return ()
