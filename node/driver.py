"""Does what `node.round.decide` says, over the seams, until the run is over.

One action at a time, but for training, which goes on beside the others; each can be cut off by
`kill -9` and is decided anew after a restart. Faults of peers and of the network cost time within the
round, and so does a blob that was lost; only a full disk, a damaged database and our own faults end
the node.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

import trio

from node import exchanging, working
from node import round as story
from node.conduct import HONEST, Decide
from node.errors import ChainUnreachable, LedgerRefusal, LostBlob, WrongUse
from node.ledger import NodeCall
from node.progress import Progress
from node.pruning import Pruner
from node.round import Action, Holding, Mine
from node.running import single
from node.seams import Rules, Seams
from node.state import Round, Run
from node.watch import Watch

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
"""Longest pause after a call was refused or got lost, before deciding anew."""

FINAL_REFUSALS = {"RunFull": "all seats of the run are taken", "NotMember": "this member was revoked"}


class Driver:
    """One node in one run. decide: what to do next; by default what an honest node does.

    keep_rounds: see node.pruning.
    """

    def __init__(
        self,
        *,
        seams: Seams,
        watch: Watch,
        rules: Rules,
        member: int,
        progress: Progress,
        decide: Decide | None = None,
        keep_rounds: int | None = None,
    ) -> None:
        self._seams, self._watch, self._rules = seams, watch, rules
        self._progress, self._decide = progress, decide or HONEST.decide
        self._lived: tuple[Run, Run] | None = None
        self._mine = Mine(member, enter_after=rules.enter_after)
        self._work = working.Worker(seams, rules, member)
        self._pruner = Pruner(seams.blobs, seams.database, keep_rounds)
        self._fetcher = exchanging.Fetcher(seams, watch, rules, member)

    @property
    def run(self) -> Run:
        """The run as the chain has it now, and as this member lives it."""
        told = self._watch.chronicle.runs[self._rules.run]
        if self._lived is None or self._lived[0] is not told:
            self._lived = (told, told.lived_by(self._mine.member))
        return self._lived[1]

    async def play(self) -> None:
        """Take part until the run is over. Raises WrongUse when this member was revoked."""
        try:
            async with trio.open_nursery() as nursery:
                await self._play(nursery)
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise single(group) from None

    async def fetch_final_model(self) -> None:
        """After the run: get the model finalized last, if this node missed it; tries for ever."""
        await self._fetcher.final_model()

    async def _play(self, background: trio.Nursery) -> None:
        first = await self._work.promises_from(self.run)
        self._mine = replace(self._mine, promises_from=first)
        while True:
            await self._look()
            if self._pruner.due(self.run):
                await self._seams.offload(self._pruner.prune, self.run)
            action = self._decide(self.run, self._mine, self._seams.clock())
            self._progress.show(self.run, action, training=self._mine.training)
            match action:
                case story.Finish():
                    return
                case story.Train(round_):
                    self._mine = replace(self._mine, training=True)
                    background.start_soon(self._train, round_)
                case _:
                    await self._do(action)

    async def _look(self) -> None:
        """What we hold may have changed on disk, or the round with the chain."""
        if not self._watch.chronicle.members[self._mine.member].active:
            raise WrongUse("this member was revoked: ask the authority why; it needs a new admission")
        for round_ in self.run.rounds[-2:]:
            if round_.number not in self._mine.rounds:
                update, why = await self._work.promised(round_)
                verified = await self._fetcher.on_disk(round_)
                self._note(round_, update=update, no_update=why, verified=verified)
        models = frozenset(r.base for r in self.run.rounds[-2:] if self._seams.blobs.has(r.base))
        self._mine = replace(self._mine, models=models)

    async def _do(self, action: Action) -> None:
        try:
            await self._dispatch(action)
        except LedgerRefusal as refusal:
            await self._refused(refusal)
        except LostBlob as loss:
            log.error("%s", loss)
            self._verify_again()
        except ChainUnreachable as fault:
            log.warning("%s; trying again", fault)
            await self._pause()

    async def _dispatch(self, action: Action) -> None:
        match action:
            case story.Wait(until):
                await self._wait(until)
            case story.Send(call):
                await self._send(call)
            case story.Promise(round_, update):
                await self._send(self._work.commit(round_, update))
            case story.OpenPromise(round_, update):
                await self._send(self._work.reveal(round_, update))
            case story.FetchModel(round_, until):
                await self._while_phase_lasts(lambda: self._fetcher.model(round_), until)
            case story.Fetch(round_, members, until):
                await self._fetch(round_, members, until)
            case story.Merge(round_, members):
                await self._merge(round_, members)

    async def _train(self, round_: Round) -> None:
        """Beside everything else: whoever trains for longer than the phase still holds and attests."""
        try:
            update, why = await self._work.train(round_)
            self._note(round_, update=update, no_update=why)
        except LostBlob as loss:
            log.error("%s", loss)
        self._mine = replace(self._mine, training=False)
        self._watch.notify()

    async def _fetch(self, round_: Round, members: tuple[int, ...], until: float) -> None:
        holding = self._mine.of(round_)
        if hopeless := holding.refused & set(members):
            self._note(round_, no_merge=f"inputs fail verification here: {sorted(hopeless)}")
            return

        async def one(member: int) -> None:
            verified = await self._fetcher.update(round_, member)
            name = "verified" if verified else "refused"
            self._note(round_, **{name: getattr(self._mine.of(round_), name) | {member}})

        async def those_waited_for() -> None:
            """Once these are here it is decided anew whether the others are worth waiting for."""
            waited = [m for m in members if self.run.bit(m) & round_.expected] or members
            async with trio.open_nursery() as others:
                async with trio.open_nursery() as nursery:
                    for member in members:
                        (nursery if member in waited else others).start_soon(one, member)
                others.cancel_scope.cancel()

        await self._while_phase_lasts(those_waited_for, until)

    async def _merge(self, round_: Round, members: tuple[int, ...]) -> None:
        updates = self._fetcher.verified(round_, members)
        merged, why = await self._work.merge(self.run, round_, updates)
        self._note(round_, merged=merged, no_merge=why)

    async def _send(self, call: NodeCall) -> None:
        mined = await self._seams.ledger.send(call)
        self._progress.sent(mined)
        # What we said must be known before we decide again, or we would say it twice.
        if self._watch.seen < mined.block:
            self._watch.hurry()
            with trio.move_on_after(self._time_left()):
                await self._watch.until(lambda: self._watch.seen >= mined.block)

    async def _refused(self, refusal: LedgerRefusal) -> None:
        """The chain had moved on; what it says next decides, unless the refusal is final."""
        if refusal.name in FINAL_REFUSALS:
            raise WrongUse(FINAL_REFUSALS[refusal.name])
        self._watch.hurry()  # it answers, perhaps after a while in which we asked ever less often
        log.info("%s", refusal)
        await self._pause()

    async def _pause(self) -> None:
        """Before deciding anew. A refused call makes a block too, so new blocks alone don't end it."""
        phase = self._phase()
        with trio.move_on_after(RETRY_SECONDS):
            await self._watch.until(lambda: self._phase() != phase)

    async def _wait(self, until: float) -> None:
        with trio.move_on_after(max(until - self._seams.clock(), 0)):
            await self._watch.changed()

    async def _while_phase_lasts(self, work: Callable[[], Awaitable[None]], until: float) -> None:
        """Work until it is done, until the run's phase is another one, or `until` (Unix seconds)."""
        phase = self._phase()
        async with trio.open_nursery() as nursery:

            async def stop_with_phase() -> None:
                with trio.move_on_after(max(until - self._seams.clock(), 0)):
                    await self._watch.until(lambda: self._phase() != phase)
                nursery.cancel_scope.cancel()

            nursery.start_soon(stop_with_phase)
            await work()
            nursery.cancel_scope.cancel()

    def _phase(self) -> tuple[int, int, bool]:
        """What a wait ends with: another round, another phase, our own revocation."""
        active = self._watch.chronicle.members[self._mine.member].active
        return len(self.run.rounds), self.run.phase, active

    def _time_left(self) -> float:
        return max(self.run.deadline - self._seams.clock(), RETRY_SECONDS)

    def _note(self, round_: Round, **changes: object) -> None:
        """Remember what we hold of a round; only the newest few rounds matter."""
        changed: Holding = replace(self._mine.of(round_), **changes)  # type: ignore[arg-type]
        rounds = {n: h for n, h in self._mine.rounds.items() if n > round_.number - 3}
        self._mine = replace(self._mine, rounds={**rounds, round_.number: changed})

    def _verify_again(self) -> None:
        """A blob is gone, perhaps one that was verified: what is still here passes again at once."""
        rounds = {n: replace(h, verified=frozenset()) for n, h in self._mine.rounds.items()}
        self._mine = replace(self._mine, rounds=rounds)
