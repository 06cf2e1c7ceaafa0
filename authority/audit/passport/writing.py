"""Writes a passport from what a chain's node answers, each answer checked as a reader will check it.

Goals: a file that verifies, or none; the same chain gives the same bytes; few blocks in memory.
Non-goals: asking several endpoints. Whoever verifies compares one hash with as many as they like.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import trio

from authority.audit.passport.code import network_id
from authority.audit.passport.contents import needed
from authority.audit.passport.encoding import header_bytes, receipt_bytes
from authority.audit.passport.evidence import Evidence
from authority.audit.passport.facts import Facts
from authority.audit.passport.frames import Kind, Writer
from authority.audit.passport.merkle import encoded
from authority.audit.passport.trail import Anchor, OnBlock, Trail
from authority.audit.record import Record
from node.chain import contracts_of
from node.digest import Digest
from node.durable import writing_whole
from node.errors import BadAnswer, ChainUnreachable
from node.ledger import Network
from node.state import Run
from node.transactions import RpcRefusal

K = TypeVar("K")
V = TypeVar("V")

ATTEMPTS = 3
_WINDOW = 64
"""Blocks that are asked for at once."""

Find = Callable[[Digest], bytes | memoryview | None]
"""Where blobs are: the content of a whole copy, or None."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written. missing: blobs that were wanted and nowhere found, in words.

    proven: whether the endpoint proved the contracts' code. seal: names the file's content.
    """

    facts: Facts
    record: Record
    anchors: tuple[Anchor, ...]
    blocks: int
    blobs: int
    missing: tuple[str, ...]
    proven: bool
    seal: bytes


async def write_passport(
    evidence: Evidence,
    network: Network,
    run: int,
    out: Path,
    *,
    find: Find | None = None,
    sparse: bool = False,
    on_block: OnBlock = lambda done, total: None,
) -> Exported:
    """Write the passport of a run, up to the newest block. find: with blobs, from there.

    Raises ChainUnreachable, WrongUse, DiskFull.
    """
    for _ in range(ATTEMPTS):
        head = await evidence.height()
        begun, salt = await _begun(evidence, network)
        facts = Facts(begun, run, head, salt, sparse)
        try:
            return await _written(evidence, facts, out, find, on_block)
        except BadAnswer as error:
            last = error
    raise ChainUnreachable(
        f"{evidence.name} contradicts itself, or the chain is reorganized again and again: {last}"
    )


async def _written(
    evidence: Evidence, facts: Facts, out: Path, find: Find | None, on_block: OnBlock
) -> Exported:
    trail, codes = Trail(facts), await _codes(evidence, facts)
    with writing_whole(out) as file:
        writer = Writer(file)
        writer.add(Kind.FACTS, 0, facts.to_bytes())
        await _add_blocks(writer, trail, evidence, on_block)
        record = trail.record()
        _add_codes(writer, trail, codes)
        blobs, missing = _add_blobs(writer, record.run(facts.run), find) if find else (0, ())
        seal = writer.end()
    return Exported(
        facts, record, trail.anchors(), trail.blocks, blobs, missing, codes is not None, seal
    )


async def _add_blocks(writer: Writer, trail: Trail, evidence: Evidence, on_block: OnBlock) -> None:
    first, head = trail.facts.network.deployed_block, trail.facts.head
    for start in range(first, head + 1, _WINDOW):
        numbers = range(start, min(start + _WINDOW, head + 1))
        blocks = await _all(evidence.block, numbers)
        for number in numbers:
            block = blocks[number]
            raw = header_bytes(block, evidence.name)
            if trail.facts.sparse and number not in (first, head) and not trail.may_speak(raw):
                continue
            trail.header(number, raw)
            writer.add(Kind.HEADER, number, raw)
            if trail.owes_receipts:
                found = await evidence.receipts(block["transactions"])
                receipts = encoded([receipt_bytes(one, evidence.name) for one in found])
                trail.receipts(number, receipts)
                writer.add(Kind.RECEIPTS, number, receipts)
        on_block(numbers[-1] + 1 - first, head + 1 - first)


Codes = list[tuple[bytes, tuple[bytes, ...]]]


async def _codes(evidence: Evidence, facts: Facts) -> Codes | None:
    """Each contract's code and the proof of its account; None where the endpoint gives no proofs."""
    try:
        return [await evidence.code(address, facts.head) for address in contracts_of(facts.network)]
    except RpcRefusal:
        return None


def _add_codes(writer: Writer, trail: Trail, codes: Codes | None) -> None:
    for number, (code, nodes) in enumerate(codes or ()):
        trail.code(number, code, encoded(list(nodes)))
        writer.add(Kind.CODE, number, code)
        writer.add(Kind.ACCOUNT, number, encoded(list(nodes)))


def _add_blobs(writer: Writer, run: Run, find: Find) -> tuple[int, tuple[str, ...]]:
    """Give how many were found, and what wasn't."""
    wanted, missing, count = needed(run), [], 0
    for digest in sorted(wanted):
        content = find(digest)
        if content is None:
            missing.append(f"{wanted[digest]} ({digest.short})")
        else:
            writer.add(Kind.BLOB, count, digest.raw, content)
            count += 1
    return count, tuple(missing)


async def _begun(evidence: Evidence, network: Network) -> tuple[Network, bytes]:
    """The network with the block of its deployment, and what its registry's constructor got.

    As it was given, and nothing, where no transaction shows it.
    """
    if salt := await _salt(evidence, network):
        return network, salt
    try:  # who knows addresses alone doesn't know the block; the registry's constructor makes logs
        first = replace(network, deployed_block=await evidence.first_log(network.registry))
    except RpcRefusal:
        return network, b""
    salt = await _salt(evidence, first)
    return (first, salt) if salt else (network, b"")


async def _salt(evidence: Evidence, network: Network) -> bytes:
    """The registry's constructor's last argument, if a transaction of the first block has it."""
    block = await evidence.block(network.deployed_block)
    before = bytes(block["parentHash"])
    for data in await evidence.calldata(block["transactions"]):
        salt = data[-32:].rjust(32, b"\0")
        if network_id(network, before, salt) == network.network_id:
            return salt
    return b""


async def _all(ask: Callable[[K], Awaitable[V]], keys: Iterable[K]) -> dict[K, V]:
    """All answers, asked for at once."""
    found: dict[K, V] = {}

    async def keep(key: K) -> None:
        found[key] = await ask(key)

    async with trio.open_nursery() as nursery:
        for key in keys:
            nursery.start_soon(keep, key)
    return found
