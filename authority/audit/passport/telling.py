"""What a passport proves and what it doesn't, in words and as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from authority.audit.passport.checking import Verified
from authority.audit.passport.writing import Exported
from node.canonical import read_json
from node.state import GossipRun, Run

LIMITS = (
    "that a clinic trained honestly or on real patients; that whoever attested merged (a lazy node may "
    "copy); what a majority of liars finalizes, unless the merges are redone",
    "who sent the transactions and what hashes these have: receipts don't hold that",
)


def lines(verified: Verified, compared: Sequence[str]) -> Iterator[str]:
    """For people. compared: names of endpoints whose hashes were compared, and are the same."""
    facts, run = verified.facts, verified.run
    network = facts.network.network_id.hex()[:8]
    yield f"run {run.number} ({_said(run, 'name')}) of network {network}: {_rounds(run)}"
    yield (
        f"{len(verified.record.chronicle.members)} members admitted, {len(run.seats)} with a seat; "
        f"task {_said(run, 'task')}, rule {_said(run, 'merge')}"
    )
    yield _model(run)
    yield (
        f"{len(verified.record.logged)} logs in {verified.blocks} blocks from "
        f"{facts.network.deployed_block} to {facts.head}, each proven by its block's header"
    )
    for contract, code in verified.codes.items():
        yield f"code of {contract}: hash {code}, proven by the state of block {facts.head}"
    if verified.replayed is not None:
        good = sum(one.good for one in verified.replayed)
        count = len(verified.replayed)
        yield f"{good} of {count} merges redone from their inputs, identical to the attested"
    yield from _to_compare(verified, compared)
    for what in unproven(verified):
        yield f"not proven: {what}"


def unproven(verified: Verified) -> Iterator[str]:
    """What a reader must not take for proven."""
    if verified.facts.sparse:
        yield (
            "that no log is left out: this is a sparse passport, and the contracts may have said "
            "something in blocks that it doesn't have"
        )
    if verified.facts.network.deployed_block and not verified.facts.salt:
        yield f"that the contracts said nothing before block {verified.facts.network.deployed_block}"
    if not verified.codes:
        yield "the contracts' code, and with it what the logs mean: the endpoint gave no state proofs"
    if verified.replayed is None:
        yield "that the merges are right: no blobs are inside, and no --blobs were given"
    yield from LIMITS


def plain(verified: Verified, compared: Sequence[str], differing: Sequence[str]) -> dict[str, Any]:
    """For JSON."""
    facts, run, redone = verified.facts, verified.run, verified.replayed
    return {
        "good": not problems(verified, differing),
        "findings": [*verified.findings, *differing],
        "run": run.number,
        "network": facts.network.network_id.hex(),
        "chain_id": facts.network.chain_id,
        "model": run.model.hex,
        "rounds": len(run.rounds),
        "finalized": sum(one.finalized is not None for one in run.rounds),
        "members": [
            {"member": one.number, "account": one.account, "active": one.active}
            for one in verified.record.chronicle.members.values()
        ],
        "manifest": run.manifest.decode(errors="replace"),
        "logs": len(verified.record.logged),
        "blocks": verified.blocks,
        "first_block": facts.network.deployed_block,
        "head": facts.head,
        "compare": [{"block": one.number, "hash": one.hash.hex()} for one in verified.anchors],
        "compared": list(compared),
        "codes": verified.codes,
        "blobs": verified.blobs,
        "merges": None if redone is None else [one.plain() for one in redone],
        "not_proven": list(unproven(verified)),
        "seal": verified.seal.hex(),
    }


def problems(verified: Verified, differing: Sequence[str]) -> list[str]:
    """What speaks against the passport, in a few words each."""
    found = [*verified.findings, *differing]
    bad = sum(not one.good and not one.erased for one in verified.replayed or ())
    return [*found, f"{bad} of {len(verified.replayed or ())} merges have findings"] if bad else found


def exported(what: Exported) -> Iterator[str]:
    """What was written, for people."""
    facts, run = what.facts, what.record.run(what.facts.run)
    first = facts.network.deployed_block
    yield (
        f"passport of run {run.number}, {_rounds(run)}: {len(what.record.logged)} logs, {what.blocks} "
        f"blocks from {first} to {facts.head}, {what.blobs} blobs"
    )
    yield f"block {facts.head} has hash {what.anchors[-1].hash.hex()}"
    for missing in what.missing:
        yield f"no copy was found of {missing}"
    if not what.proven:
        yield "the contracts' code is not proven: the endpoint gives no state proofs (eth_getProof)"


def exported_plain(what: Exported) -> dict[str, Any]:
    """The same for JSON."""
    facts, head = what.facts, what.anchors[-1]
    return {
        "run": facts.run,
        "blocks": what.blocks,
        "first_block": facts.network.deployed_block,
        "head": head.number,
        "hash": head.hash.hex(),
        "logs": len(what.record.logged),
        "blobs": what.blobs,
        "missing": list(what.missing),
        "code_proven": what.proven,
        "seal": what.seal.hex(),
    }


def _rounds(run: Run) -> str:
    over = sum(one.ended for one in run.rounds)
    return f"{over} rounds over" if run.closed is None else f"{over} rounds, closed"


def _model(run: Run) -> str:
    if isinstance(run, GossipRun):
        return "each member has a model of its own"
    done = [one for one in run.rounds if one.finalized]
    what = f"of round {done[-1].number}" if done else "the initial one: no round was finalized"
    return f"model {run.model.hex}, {what}"


def _said(run: Run, field: str) -> str:
    """What the manifest says there, without control characters: anybody may have written it."""
    try:
        text = str(read_json(run.manifest)[field])
    except (ValueError, LookupError, TypeError):
        return "unknown"
    return "".join(letter if letter.isprintable() else "?" for letter in text[:80])


def _to_compare(verified: Verified, compared: Sequence[str]) -> Iterator[str]:
    head, count = verified.anchors[-1], len(verified.anchors)
    chain = verified.facts.network.chain_id
    yield f"block {head.number} has hash {head.hash.hex()}"
    if compared:
        yield f"the same at {', '.join(compared)}" + (f", and {count - 1} more" if count > 1 else "")
    elif count > 1:
        others = f"compare it and {count - 1} more (--json lists them)"
        yield f"{others} with another node of chain {chain}: --rpc does so"
    else:
        yield f"compare it with any other node of chain {chain}: all above hangs on it"
