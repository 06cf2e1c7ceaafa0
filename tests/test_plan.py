"""From a plan to a manifest: the least inputs, the hostile ones, and what is refused."""

from dataclasses import replace

import pytest

from authority.manifests import manifest_of
from authority.plan import RunPlan
from authority.reach import within_reach
from node.digest import digest
from node.entry import least_case
from node.errors import WrongUse
from node.manifest import Manifest
from node.merge import check, known, known_gossip, parse, self_test, self_test_for
from node.task import Site, load_task
from node.train import TorchTrainer
from node.weights import encode

TASK = load_task("wdbc")
PLAN = RunPlan("autumn", seats=4)


def manifest(**fields):
    """The manifest of a plan with these fields."""
    return manifest_of(replace(PLAN, **fields), TASK, chain_id=5)


def test_what_was_planned_is_stated():
    """Terms, rule and limits are the plan's; task, base and self-test are this machine's."""
    made = manifest(rounds=7, seed=3, hostile=0, merge="mean", commit_seconds=11, max_weight=9)
    assert (made.name, made.chain_id, made.seed, made.merge) == ("autumn", 5, 3, "mean")
    assert (made.terms.rounds, made.terms.seats, made.terms.commit_seconds) == (7, 4, 11)
    assert (made.hostile, made.max_weight) == (0, 9)
    assert (made.task, made.task_digest, made.self_test) == ("wdbc", TASK.digest, self_test())
    assert made.terms.base == digest(encode(TorchTrainer(TASK, Site()).initial(3)))


def test_the_seed_makes_the_base():
    """The same seed gives the same manifest, another one another base."""
    assert manifest(seed=1) == manifest(seed=1)
    assert manifest(seed=1).terms.base != manifest(seed=2).terms.base


def test_a_manifest_can_be_read():
    """By any node, from its bytes."""
    assert Manifest.from_bytes(manifest().to_bytes()) == manifest()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"seats": 1}, 1),
        ({"seats": 3}, 1),
        ({"seats": 4}, 3),
        ({"seats": 5}, 3),
        ({"seats": 7}, 5),
        ({"seats": 256}, 171),
        ({"seats": 5, "min_inputs": 4}, 4),
        ({"seats": 5, "min_inputs": 5}, 5),
        ({"seats": 5, "hostile": 2}, 5),
        ({"seats": 7, "merge": "mean", "hostile": 0}, 5),
        ({"seats": 5, "merge": "trimmed-mean:f=2"}, 5),
    ],
)
def test_min_inputs(fields, expected):
    """By default the least that 2f + 1 and the rule allow, so that no merge is under-determined."""
    made = manifest(**fields)
    assert made.terms.min_inputs == expected
    check(parse(made.merge), *least_case(made))


@pytest.mark.parametrize(
    ("seats", "neighbours", "merge", "expected"),
    [
        (5, 4, "nna:f=1", (1, 3)),
        (7, 4, "nna", (1, 5)),
        (9, 6, "nna", (2, 5)),
        (9, 6, "gossip", (0, 5)),
        (3, 2, "cs-plus", (1, 3)),
    ],
)
def test_a_gossip_run_states_what_a_neighbourhood_withstands(seats, neighbours, merge, expected):
    """A third of the neighbours, but one at least, or what the rule can; and the least reveals."""
    plan = within_reach(replace(PLAN, seats=seats, neighbours=neighbours, merge=merge))
    made = manifest_of(plan, TASK, chain_id=5)
    assert (made.hostile, made.terms.min_inputs) == expected
    assert (made.neighbours, made.self_test) == (neighbours, self_test_for(gossip=True))


GOSSIP = {"seats": 7, "neighbours": 4, "merge": "nna", "hostile": 1}

REFUSED = {
    "neighbours on one side": (
        {**GOSSIP, "neighbours": 3},
        "neighbours stand on both sides: an even number from 2 on, not 3",
    ),
    "more neighbours than others": (
        {**GOSSIP, "neighbours": 8}, "8 neighbours need 9 seats at least, and there are 7",
    ),
    "gossip that leaves hostile open": (
        {**GOSSIP, "hostile": None},
        "a gossip run states how many hostile neighbours a merge withstands, 0 or more",
    ),
    "more hostile neighbours than a neighbourhood withstands": (
        {**GOSSIP, "hostile": 3},
        "merge rule nna withstands 2 hostile among 5 inputs, not 3: it needs n > 2f: a node and its 4 "
        "neighbours",
    ),
    "a canonical rule for gossip": (
        {**GOSSIP, "merge": "median"},
        f"there is no merge rule 'median'; known: {', '.join(known_gossip())}",
    ),
    "a rule that nobody could redo": (
        {**GOSSIP, "merge": "ubar"},
        f"nobody could redo the merges of ubar: take one of {', '.join(known_gossip())}",
    ),
    "no seats": ({"seats": 0}, "a run has 1 to 256 seats, not 0"),
    "too many seats": ({"seats": 257}, "a run has 1 to 256 seats, not 257"),
    "too few inputs": (
        {"min_inputs": 2, "merge": "trimmed-mean:f=0", "hostile": 0},
        "4 seats and trimmed-mean:f=0 need min-inputs from 3, not 2",
    ),
    "more inputs than seats": (
        {"min_inputs": 5}, "4 seats and nnm+trimmed-mean need min-inputs from 3, not 5",
    ),
    "a rule that withstands nobody": (
        {"merge": "mean"},
        "merge rule mean withstands 1 hostile inputs nowhere: it needs f = 0; choose another rule, or "
        "state --hostile 0",
    ),
    "inputs too few for the rule": (
        {"min_inputs": 2},
        "4 seats and nnm+trimmed-mean need min-inputs from 3, not 2",
    ),
    "more hostile than seats allow": (
        {"hostile": 4},
        "nnm+trimmed-mean withstands 4 hostile updates from 9 seats on (n > 2f), and there are 4: "
        "choose another rule, or more seats",
    ),
    "a rule that needs more seats": (
        {"merge": "krum:f=1", "hostile": 0},
        "krum:f=1 can work from 5 seats on (n >= 2f + 3), and there are 4: choose another rule, or "
        "more seats",
    ),
    "a rule that runs on no number of seats": (
        {"merge": "trimmed-mean:f=200", "hostile": 0},
        "merge rule trimmed-mean:f=200 withstands 0 hostile inputs nowhere: it needs n > 2f; choose "
        "another rule",
    ),
    "fewer than no hostile": (
        {"hostile": -1}, "a merge withstands 0 hostile updates or more, not -1",
    ),
    "an unknown rule": (
        {"merge": "magic"}, f"there is no merge rule 'magic'; known: {', '.join(known())}",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_plan_that_cant_work(fields, expected):
    """It is refused before anything is sent, and the message says what would work."""
    with pytest.raises(WrongUse) as caught:
        manifest(**fields)
    assert str(caught.value) == expected
