"""The report's answers in words: what holds, what doesn't, and what no record can prove."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from authority.audit.checked import Checked
from authority.audit.finding import Kind
from authority.audit.history import origin
from node.state import GossipRun, Run

UNPROVEN = (
    "That a clinic trained honestly, or on real patients: only what it sent is on record.",
    "That an attester merged by itself: a lazy node may attest by copying.",
    "Anything, if a majority lied together: Q equal answers finalize whatever they say.",
    "That nobody saw more than the protocol shows: what leaves a machine unasked is on no record.",
)
"""What holds however good the findings are."""


def verdict(checked: Checked) -> str:
    """In a sentence."""
    if not checked.replayed and checked.coherent and checked.fit:
        return "Nothing was merged yet: there is nothing to confirm."
    if not checked.good:
        return "Something is wrong: see the findings."
    if any(one.erased for one in checked.replayed):
        return (
            "Nothing speaks against this run; parts of it can't be redone, for blobs that were erased."
        )
    return (
        "This run is what its record says: every merge, redone from its inputs, gives the same bytes."
    )


def answers(checked: Checked) -> tuple[str, ...]:
    """Question by question."""
    return tuple(_answers(checked))


def findings(checked: Checked) -> tuple[tuple[str, str], ...]:
    """Where and what, one after another; disputes are among them."""
    name = checked.about.place.name
    found = [(_PLACES[one.kind], one.said(name)) for one in checked.wrong]
    found += [("endpoints", what) for what in checked.about.record.differences]
    for one in checked.replayed:
        whose = f", {name(one.member)}'s merge" if one.member else ""
        where = f"round {one.round}{whose}"
        found += [(where, finding.said(name)) for finding in (*one.findings, *one.disputes)]
    return tuple(found)


_PLACES = {
    Kind.RECORD: "the chain's record",
    Kind.DATABASE: "a database",
    Kind.MANIFEST: "the manifest",
}


def _answers(checked: Checked) -> Iterator[str]:
    run, replayed, record = checked.run, checked.replayed, checked.about.record
    done = sum(one.good for one in replayed)
    yield f"{done} of {len(replayed)} merges were redone from their inputs and are what was attested."
    if erased := sum(one.erased for one in replayed):
        yield f"{erased} can't be redone: a blob was erased on purpose."
    if not checked.coherent:
        yield f"The chain's record contradicts itself: nothing from round {checked.until} on is redone."
    else:
        yield f"The chain's {len(record.logged)} logs follow from one another by the contracts' rules."
    if len(checked.about.place.rpcs) > 1:
        agree = "don't agree" if record.differences else "agree"
        yield f"The {len(checked.about.place.rpcs)} chain endpoints asked {agree}."
    yield from _rounds(checked)
    yield from _state(run)


def _rounds(checked: Checked) -> Iterator[str]:
    run, name = checked.run, checked.about.place.name
    skipped = [r.number for r in run.rounds if r.skipped is not None]
    if skipped:
        yield f"Rounds that ended without a merge: {_listed(map(str, skipped))}."
    left = {
        m for r in run.rounds if r.inputs is not None for m in r.revealed if not run.bit(m) & r.inputs
    }
    if left:
        yield f"Updates that too few could get were left out, of {_listed(map(name, sorted(left)))}."
    disputed = {m for r in run.rounds for m in r.disputed}
    if disputed:
        yield f"Attested otherwise than the quorum: {_listed(map(name, sorted(disputed)))}."
    if run.evicted:
        yield f"Revoked while the run went on: {_listed(map(name, sorted(run.evicted)))}."


def _state(run: Run) -> Iterator[str]:
    kind = "gossip run" if isinstance(run, GossipRun) else "run"
    over = "is over" if run.closed is not None else "is still going on"
    yield f"The {kind} {over} after {len(run.rounds)} of {run.terms.rounds} rounds."
    yield from (f"It {words}." for words in origin(run))


def _listed(items: Sequence[str] | Iterator[str]) -> str:
    return ", ".join(items)
