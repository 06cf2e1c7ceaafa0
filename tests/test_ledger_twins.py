"""The twin in memory follows the contracts to the letter: answers, events and state at the same times.

The contracts are the truth: where the twin differs, it is wrong. A failure is printed as a story of
rules, and `at length` with a decorator for LedgerMachine that repeats it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings

from node.ledger import AttestOwn, Close, Phase, Skip
from tests.ledger_machine import LedgerMachine
from tests.ledger_moves import TERMS
from tests.ledger_story import NO_TROUBLE, Trouble

_ANYHOW = settings(deadline=None, suppress_health_check=list(HealthCheck))
QUICK = settings(_ANYHOW, max_examples=10, stateful_step_count=15, derandomize=True, database=None)
AT_LENGTH = settings(
    _ANYHOW,
    max_examples=100,
    stateful_step_count=40,
    derandomize=True,
    database=None,
    print_blob=True,
)


class TestTwinsAgree(LedgerMachine.TestCase):
    """A few stories, always the same."""

    settings = QUICK


@pytest.mark.slow
@pytest.mark.timeout(1800)
class TestTwinsAgreeAtLength(LedgerMachine.TestCase):
    """Many stories, always the same."""

    settings = AT_LENGTH


# The machine gets to where the rules are: each of these is told by its rules, one by one.


def told(
    *acts: tuple[Trouble, int], seats: int = 4, rounds: int = 9, gossip: bool = False
) -> LedgerMachine:
    """A machine after some phases of a run."""
    machine = LedgerMachine()
    machine.begin(replace(TERMS, seats=seats, rounds=rounds), gossip, 0, NO_TROUBLE, 0, [])
    for trouble, phases in acts:
        machine.play(0, trouble, phases, [])
        machine.same()
    return machine


def said(machine: LedgerMachine) -> Counter[str]:
    """What both ledgers said, after all was compared."""
    machine.teardown()
    return machine.story.twins.said


ONE, ALL = frozenset({0}), frozenset(range(4))


@pytest.mark.parametrize("phases", range(5))
def test_the_machine_reaches_each_phase(phases: int) -> None:
    """Everybody acts in so many phases, and the next one is there."""
    machine = told((NO_TROUBLE, phases))
    phase = [Phase.COMMIT, Phase.REVEAL, Phase.HOLD, Phase.ATTEST, Phase.COMMIT][phases]
    assert machine.story.any_in(phase)
    assert said(machine)["RoundFinalized"] == (phases == 4)


@pytest.mark.parametrize(
    ("kind", "phases", "reason"),
    [
        ("commit", 1, Skip.TOO_FEW_COMMITTED),
        ("reveal", 2, Skip.TOO_FEW_REVEALED),
        ("hold", 3, Skip.TOO_FEW_INPUTS),
        ("withheld", 3, Skip.TOO_FEW_INPUTS),
        ("attest", 4, Skip.NO_QUORUM),
    ],
)
def test_the_machine_reaches_each_reason_to_skip(kind: str, phases: int, reason: Skip) -> None:
    """All seats fail in one phase."""
    assert said(told((Trouble(kind, ALL), phases)))[f"RoundSkipped {reason.name}"] == 1


def test_liars_keep_a_round_from_its_quorum() -> None:
    """Two of four seats attest something else."""
    machine = told((Trouble("lies", frozenset({0, 1})), 4))
    assert said(machine)[f"RoundSkipped {Skip.NO_QUORUM.name}"] == 1


@pytest.mark.parametrize("kind", ["commit", "reveal", "hold", "withheld"])
def test_the_machine_benches_for_each_absence(kind: str) -> None:
    """The same seat in two rounds in a row."""
    assert said(told((Trouble(kind, ONE), 8)))["SeatsBenched"] == 1


def test_who_was_benched_comes_back_and_is_benched_again() -> None:
    """It is waited for from a later round on each time."""
    machine = told((Trouble("commit", ONE, returns=True), 32))
    assert said(machine)["Entered again"] == 2
    assert said(machine)["SeatsBenched"] == 2


def test_the_machine_attests_late_in_a_run_and_after_it() -> None:
    """The fourth of four seats, in each of two rounds."""
    machine = told((NO_TROUBLE, 8), rounds=2)
    assert said(machine)["Attested late"] == 2
    assert said(machine)[f"RunClosed {Close.ROUNDS_DONE.name}"] == 1


@pytest.mark.parametrize("phases", range(4))
@pytest.mark.parametrize("named", [False, True], ids=["by a stranger", "by the authority"])
def test_the_machine_evicts_in_each_phase(phases: int, named: bool) -> None:
    """At once when the authority names the run, else when somebody does it."""
    machine = told((NO_TROUBLE, phases))
    machine.revoke_seated(0, 0, named)
    machine.play(0, NO_TROUBLE, 8, [])
    assert said(machine)["Evicted"] == 1


def test_the_machine_goes_on_from_a_finalized_model() -> None:
    """A run with a parent, and one that only claims to have it."""
    machine = told((NO_TROUBLE, 4))
    machine.open_child(TERMS, 0, "authority", True)
    machine.open_child(TERMS, 0, "authority", False)
    assert said(machine)["RunOpened"] == 2
    assert said(machine)["BadParent"] == 1


def test_members_that_rotated_their_accounts_play_on() -> None:
    """The seat is the member's, whichever account acts."""
    machine = told((NO_TROUBLE, 1))
    machine.rotate_account("clinic 1", "spare 1", 1)
    machine.enter(1, "clinic 1")
    machine.play(0, NO_TROUBLE, 3, [])
    assert said(machine)["NotMember"] == 1
    assert said(machine)["RoundFinalized"] == 1


@pytest.mark.parametrize("phases", range(4))
def test_the_machine_reaches_each_phase_of_a_gossip_run(phases: int) -> None:
    """There is no hold, and the end of a round is no quorum's."""
    machine = told((NO_TROUBLE, phases), gossip=True)
    phase = [Phase.COMMIT, Phase.REVEAL, Phase.ATTEST, Phase.COMMIT][phases]
    assert machine.story.any_in(phase)
    assert said(machine)["RoundEnded"] == (phases == 3)


@pytest.mark.parametrize("kind", ["commit", "reveal", "withheld", "attest"])
def test_the_machine_benches_in_gossip_runs(kind: str) -> None:
    """For each absence there is; the others go on."""
    assert said(told((Trouble(kind, ONE), 6), gossip=True))["SeatsBenched"] == 1


def test_a_second_too_early_is_refused_with_both_times() -> None:
    """And at the deadline's second it is time."""
    machine = told()
    machine.advance_around_the_deadline(0, -1, "stranger")
    machine.advance_around_the_deadline(0, 0, "stranger")
    assert said(machine)["TooEarly"] == 1
    assert said(machine)[f"RoundSkipped {Skip.TOO_FEW_COMMITTED.name}"] == 1


# What was found.


@pytest.mark.parametrize("phases", range(4))
def test_an_own_attestation_of_a_canonical_run_is_of_no_run(phases: int) -> None:
    """GossipLedger knows no run 1; the twin judged its round and phase."""
    machine = told((NO_TROUBLE, phases))
    machine.send("clinic 1", AttestOwn(1, 0, 1, TERMS.base, TERMS.base))
    assert said(machine)["NoRun"] == 1
