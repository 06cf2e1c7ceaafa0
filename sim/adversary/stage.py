"""What an attacker knows when it is put together, and what its parts have seen since.

All that a behaviour does is a function of these, so that an attack in the world, in a swarm of real
processes and in a test is the same code, and does the same again for the same seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from node import seeds
from node.blobs import Blobs
from node.conduct import Conduct, Decide, as_it_is, honestly
from node.exchange import MayServe
from node.round import Action, Mine
from node.seams import Seams
from node.state import Run


@dataclass(frozen=True, slots=True)
class Stage:
    """What a behaviour may know from the start.

    member: its own number. clock: Unix seconds, as in its seams. seed: its operator's lots, the same
    for all who conspire. conspirators: their member numbers; none: it is alone.
    """

    member: int
    clock: Callable[[], float]
    seed: int = 0
    conspirators: tuple[int, ...] = ()

    @property
    def together(self) -> tuple[int, ...]:
        """The members that attack together, ascending, this one among them."""
        return tuple(sorted({*self.conspirators, self.member}))

    @property
    def place(self) -> int:
        """This member's place among them."""
        return self.together.index(self.member)

    def lots(self, *words: str | int) -> int:
        """A seed that conspirators share."""
        return seeds.derive(self.seed, *words)


class Sight:
    """What one life of an attacker has seen last: shared by its parts, and by nobody else.

    A node that starts again gets a new conduct, and so a new sight.
    """

    def __init__(self) -> None:
        self._run: Run | None = None
        self._seams: Seams | None = None

    @property
    def run(self) -> Run:
        """The run as the chain had it when the node decided last."""
        assert self._run is not None, "asked before the node decided anything"
        return self._run

    @property
    def seams(self) -> Seams:
        """The honest seams."""
        assert self._seams is not None, "asked before the node was put together"
        return self._seams

    @property
    def started(self) -> bool:
        """Whether the node has decided anything yet."""
        return self._run is not None

    def conduct(
        self,
        *,
        decide: Decide = honestly,
        seams: Callable[[Seams], Seams] = as_it_is,
        serves: Callable[[Blobs], Blobs] = as_it_is,
        may_serve: Callable[[MayServe], MayServe] = as_it_is,
    ) -> Conduct:
        """A conduct of these parts that keeps this sight up to date."""

        def seeing(run: Run, mine: Mine, now: float) -> Action:
            self._run = run
            return decide(run, mine, now)

        def built(honest: Seams) -> Seams:
            self._seams = honest
            return seams(honest)

        return Conduct(decide=seeing, seams=built, serves=serves, may_serve=may_serve)
