"""Verifies a passport: each entry, one proof after the other, and each merge if its blobs are there.

Goals: no network and no trust in who wrote it; what is wrong is named by entry and block, contract or
blob; what comes out is a `Record` of proven bytes, so that everything else in the audit works on it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from eth_utils.crypto import keccak

from authority.audit.coherence import contradictions
from authority.audit.passport.code import check_code
from authority.audit.passport.contents import named
from authority.audit.passport.facts import Facts
from authority.audit.passport.frames import Entry, Kind, content_of, entries, name_of
from authority.audit.passport.trail import Anchor, OnBlock, Trail
from authority.audit.record import Record
from authority.audit.replay import Replayed, replay
from node.chain import contracts_of
from node.digest import Digest, digest
from node.durable import write_whole
from node.errors import BadAnswer, WrongUse
from node.state import Run

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Verified:
    """What a passport proves. codes: hash of each contract's code, empty if the file proves none.

    findings: what is wrong with code and blobs; anything before these raises instead. replayed: the
    merges that were redone, None without blobs.
    """

    facts: Facts
    record: Record
    anchors: tuple[Anchor, ...]
    blocks: int
    codes: dict[str, str]
    blobs: int
    replayed: tuple[Replayed, ...] | None
    findings: tuple[str, ...]
    seal: bytes

    @property
    def run(self) -> Run:
        """The run that the passport is of."""
        return self.record.run(self.facts.run)


def verify_passport(
    path: Path,
    folders: Sequence[Path] = (),
    *,
    on_block: OnBlock = lambda done, total: None,
    on_round: Callable[[Replayed], None] = lambda replayed: None,
) -> Verified:
    """Check all of a passport. folders: blobs beside those in the file.

    Raises WrongUse for what is no passport, BadAnswer naming the first entry that breaks the proof.
    """
    found = entries(content_of(path))
    with tempfile.TemporaryDirectory(prefix="waggle-passport-") as scratch:
        return _Check(found, Path(scratch), on_block).verified(folders, on_round)


class _Check:
    """Reads entries in the order in which they must come."""

    def __init__(self, found: Iterator[Entry], scratch: Path, on_block: OnBlock) -> None:
        self._entries, self._scratch, self._on_block = found, scratch, on_block
        self._next = next(found)
        self._findings: list[str] = []

    def verified(self, folders: Sequence[Path], on_round: Callable[[Replayed], None]) -> Verified:
        """Everything, in order."""
        facts = self._judged(Kind.FACTS, 0, lambda _, content: Facts.from_bytes(content.tobytes()))
        trail = self._trail(facts)
        codes = self._codes(trail)
        record = trail.record()
        run = _run_of(record, facts)
        against = [f"the record: {one.said('member {}'.format)}" for one in contradictions(record)]
        blobs = self._blobs(named(run))
        seal = self._take(Kind.END, 0).content.tobytes()
        found = [*([self._scratch] if blobs else []), *folders]
        redone = _redone(record, run, found, on_round) if found and not against else None
        anchors, blocks, wrong = trail.anchors(), trail.blocks, (*against, *self._findings)
        return Verified(facts, record, anchors, blocks, codes, blobs, redone, wrong, seal)

    def _trail(self, facts: Facts) -> Trail:
        trail, first = Trail(facts), facts.network.deployed_block
        number = first
        while not trail.done:
            if facts.sparse and trail.blocks and self._next.kind is Kind.HEADER:
                number = self._next.number
            self._judged(Kind.HEADER, number, trail.header)
            if trail.owes_receipts:
                self._judged(Kind.RECEIPTS, number, trail.receipts)
            number += 1
            self._on_block(number - first, facts.head + 1 - first)
        return trail

    def _codes(self, trail: Trail) -> dict[str, str]:
        if self._next.kind is not Kind.CODE:
            return {}
        contracts = contracts_of(trail.facts.network).values()
        return {name: self._code(trail, number, name) for number, name in enumerate(contracts)}

    def _code(self, trail: Trail, number: int, contract: str) -> str:
        entry, network = self._take(Kind.CODE, number), trail.facts.network
        code = entry.content.tobytes()
        self._judged(Kind.ACCOUNT, number, lambda _, account: trail.code(number, code, account))
        try:
            check_code(network, list(contracts_of(network))[number], code)
        except ValueError as error:
            self._findings.append(
                f"{entry.name}: the code of {contract}, hash {keccak(code).hex()}, {error}: what its "
                "logs mean is not known; verify with the release that deployed it"
            )
        return keccak(code).hex()

    def _blobs(self, wanted: dict[Digest, str]) -> int:
        """Put the blobs that are what they should be where a replay finds them."""
        count = 0
        while self._next.kind is Kind.BLOB:
            entry = self._take(Kind.BLOB, count)
            count += 1
            if fault := self._blob(entry.content, wanted):
                self._findings.append(f"{entry.name} {fault}")
        return count

    def _blob(self, whole: memoryview, wanted: dict[Digest, str]) -> str:
        """What is wrong with a blob, if anything."""
        if len(whole) < 32:
            return "is cut off"
        name, content = Digest(whole[:32].tobytes()), whole[32:]
        if name not in wanted:
            return f"has digest {name.short}, which no log of the run names"
        if digest(content) != name:
            return f"isn't {wanted[name]} ({name.short}): its bytes have digest {digest(content).short}"
        write_whole(self._scratch / name.hex, content)
        return ""

    def _take(self, kind: Kind, number: int) -> Entry:
        """The next entry, which must be this one."""
        entry, belongs = self._next, name_of(kind, number)
        if (entry.kind, entry.number) != (kind, number):
            raise BadAnswer(f"{entry.name} is where {belongs} belongs: something is left out")
        if kind is not Kind.END:
            self._next = next(self._entries)
        return entry

    def _judged(self, kind: Kind, number: int, judge: Callable[[int, memoryview], T]) -> T:
        """What a judgement makes of the next entry; what it finds is told with the entry's place."""
        entry = self._take(kind, number)
        try:
            return judge(number, entry.content)
        except (BadAnswer, ValueError) as error:
            raise BadAnswer(f"{entry.name}: {error}") from None


def _redone(
    record: Record, run: Run, folders: Sequence[Path], on_round: Callable[[Replayed], None]
) -> tuple[Replayed, ...]:
    try:
        return replay(record, run, folders, on_round)
    except (LookupError, ValueError) as error:
        # The contracts never say such things: only who made up a chain can.
        raise BadAnswer(
            f"the merges can't be redone, for the logs contradict one another: {error!r}"
        ) from None


def _run_of(record: Record, facts: Facts) -> Run:
    try:
        run = record.run(facts.run)
    except WrongUse as error:
        raise BadAnswer(f"the passport says that it is of run {facts.run}: {error}") from None
    if keccak(run.manifest) != run.manifest_digest:
        raise BadAnswer(f"the manifest of run {facts.run} doesn't have the digest in its opening event")
    return run
