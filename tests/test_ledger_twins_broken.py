"""The machine of tests/test_ledger_twins.py notices a twin that is wrong in a single place."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.ledger_machine import LedgerMachine

FIRST_FAILURE = settings(
    max_examples=400,
    stateful_step_count=30,
    phases=[Phase.generate],
    derandomize=True,
    database=None,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)

ROUNDS, MEMBERS, GOSSIP = (f"node/testing_{name}.py" for name in ("rounds", "members", "gossip"))
BREAKS = {
    "benched after one absence": (
        ROUNDS,
        "missed & self._missed_before & self._waited",
        "missed & self._waited",
    ),
    "a quorum of two thirds, not more": (
        ROUNDS,
        "2 * expected.bit_count() // 3 + 1",
        "-(-2 * expected.bit_count() // 3)",
    ),
    "benched seats count in the quorum": (
        ROUNDS,
        "expected = waited if waited.bit_count() > f else roster",
        "expected = roster",
    ),
    "no late attestation after the run": (ROUNDS, "(is_last or round_ + 1", "(round_ + 1"),
    "late attestations are votes": (ROUNDS, "        if late:\n            return\n", ""),
    "evicted after inputs are fixed": (ROUNDS, "if self.phase is not Phase.ATTEST:", "if True:"),
    "everybody comes back at once": (ROUNDS, "+ 1 + (1 << seat.comebacks)", "+ 1"),
    "comebacks are not counted": (ROUNDS, "min(seat.comebacks + 1, MAX_COMEBACKS)", "0"),
    "withholding is no absence": (
        ROUNDS,
        "        t.missed |= t.expected & t.revealed & ~t.inputs\n",
        "",
    ),
    "deadlines from deadlines": (
        ROUNDS,
        "self.deadline = now + seconds",
        "self.deadline = max(self.deadline, now - 1) + seconds",
    ),
    "a second too early": (ROUNDS, "if now < self.deadline:", "if now < self.deadline - 1:"),
    "the seed forgets the last one": (ROUNDS, "keccak(self.seed + b", "keccak(bytes(32) + b"),
    "privacy may decrease": (ROUNDS, "if call.privacy < seat.privacy:", "if False:"),
    "a round hurried into being skipped": (
        ROUNDS,
        "not t.expected & ~t.committed and self._is_enough(t.committed)",
        "not t.expected & ~t.committed",
    ),
    "an old account is free again": (
        MEMBERS,
        "        self._accounts[caller] = member\n",
        "        del self._accounts[self.members[member - 1].account]\n"
        "        self._accounts[caller] = member\n",
    ),
    "an account proposed for ever": (MEMBERS, ".proposed = NOBODY", ".proposed = caller"),
    "one base for all": (GOSSIP, "self.models.get(member, self.base)", "self.base"),
    "an update that nobody merged is no absence": (GOSSIP, "t.missed |= due & ~t.held", "pass"),
}  # fmt: skip


def broken(source: str, right: str, wrong: str, folder: Path) -> ModuleType:
    """A module of the twin with one thing changed."""
    text = Path(source).read_text()
    assert text.count(right) == 1, f"{source} has changed: {right!r} is not there once"
    copy = folder / f"broken_{Path(source).name}"
    copy.write_text(text.replace(right, wrong))
    spec = importlib.util.spec_from_file_location(copy.stem, copy)
    assert spec
    assert spec.loader
    module = sys.modules[copy.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("what", BREAKS)
def test_the_machine_notices(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first story in which it matters fails."""
    module = broken(*BREAKS[what], tmp_path)
    for name in ("MemoryRun", "MemoryRegistry", "MemoryGossip"):
        if hasattr(module, name):
            monkeypatch.setattr(f"node.testing_ledger.{name}", getattr(module, name))
    with pytest.raises(AssertionError):
        run_state_machine_as_test(LedgerMachine, settings=FIRST_FAILURE)
