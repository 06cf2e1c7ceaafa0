"""May this node take part? Each reason why not is one line that says what to do."""

import logging
from dataclasses import replace
from types import SimpleNamespace

import pytest
from eth_utils.crypto import keccak

from node.blobs import DiskBlobs
from node.contracts.chain import MemoryChain, memory_address
from node.digest import digest
from node.entry import least_case, rules_of
from node.errors import Unfit, WrongUse
from node.ledger import FIRST_GOSSIP, Terms
from node.manifest import Manifest
from node.merge import self_test, self_test_for
from node.state import Run
from node.weights import encode, layout_of
from tests.swarm import INITIAL, FakeTrainer

NETWORK = MemoryChain(memory_address("authority"), clock=lambda: 0).network
TASK = SimpleNamespace(name="fake", digest=digest(b"the task's file"))
MANIFEST = Manifest(
    name="test",
    chain_id=NETWORK.chain_id,
    task="fake",
    task_digest=TASK.digest,
    terms=Terms(3, 4, 3, 1, 10, 10, 10, 10, 10, 0, digest(encode(INITIAL))),
    merge="trimmed-mean",
    hostile=None,
    max_abs=1000,
    max_weight=8,
    max_blob_bytes=4096,
    confirmations=0,
    self_test=self_test(),
    seed=5,
)


@pytest.fixture
def blobs(tmp_path):
    """An empty store."""
    return DiskBlobs(tmp_path)


def opened(manifest=MANIFEST, **fields):
    """A run as the chain has it."""
    data = manifest.to_bytes()
    return replace(Run(7, keccak(data), data, manifest.terms), **fields)


def enter(blobs, run):
    """What a node makes of a run."""
    return rules_of(run, NETWORK, TASK, FakeTrainer(1), blobs, enter_after=2)


def test_a_fit_node(blobs):
    """It gets the run's rules, and has the model that the run starts from."""
    rules = enter(blobs, opened())
    assert (rules.run, rules.manifest, str(rules.rule)) == (7, MANIFEST, "trimmed-mean")
    assert (rules.layout, rules.enter_after) == (layout_of(INITIAL), 2)
    assert blobs.has(MANIFEST.terms.base)


def test_a_run_that_goes_on_from_another_model(blobs, caplog):
    """Its base isn't built here, so it will come from the peers; the log says so."""
    caplog.set_level(logging.WARNING)
    terms = replace(MANIFEST.terms, base=digest(b"the parent's model"))
    rules = enter(blobs, opened(replace(MANIFEST, terms=terms)))
    assert rules.manifest.terms.base == terms.base
    assert not blobs.has(terms.base)
    assert "it comes from the peers" in caplog.text


def gossip(**fields):
    """A gossip run with a manifest that fits, but for these fields."""
    given = {"neighbours": 2, "hostile": 1, "merge": "nna", "self_test": self_test_for(gossip=True)}
    return opened(replace(MANIFEST, **{**given, **fields}), number=FIRST_GOSSIP)


def test_a_node_fit_to_gossip(blobs):
    """It gets a gossip rule."""
    rules = enter(blobs, gossip(merge="cs-plus"))
    assert (rules.run, str(rules.rule)) == (FIRST_GOSSIP, "cs-plus")
    assert least_case(rules.manifest) == (3, 1)


@pytest.mark.parametrize("rule", ["median", "ubar", "balance", "nnm+nna"])
def test_a_gossip_run_with_another_rule(blobs, rule):
    """None that isn't anchored, and none whose merges nobody could redo."""
    with pytest.raises(WrongUse):
        enter(blobs, gossip(merge=rule))


REASONS = {
    "an unreadable manifest": (
        Run(7, keccak(b"{}"), b"{}", MANIFEST.terms),
        "the run's manifest can't be read: not a manifest of format 1",
    ),
    "another digest on the chain": (
        opened(manifest_digest=bytes(32)),
        "the manifest's bytes don't have the digest on the chain: ask the authority",
    ),
    "another chain": (
        opened(replace(MANIFEST, chain_id=1)),
        "the manifest is for chain 1, this one is 31337: check rpc in node.toml",
    ),
    "other terms in the contract": (
        opened(terms=replace(MANIFEST.terms, rounds=4)),
        "the contract was given other terms than the manifest states: ask the authority",
    ),
    "another task": (
        opened(replace(MANIFEST, task_digest=digest(b"newer"))),
        f"the run's task 'fake' has digest {digest(b'newer').short}, this node's copy "
        f"{TASK.digest.short}: install the same file",
    ),
    "other arithmetic": (
        opened(replace(MANIFEST, self_test=digest(b"other"))),
        f"this machine's merge arithmetic gives {self_test().short}, the run asks for "
        f"{digest(b'other').short}: install the pinned versions of numba, numpy and Waggle",
    ),
    "a rule that withstands too few": (
        opened(replace(MANIFEST, merge="mean")),
        "merge rule mean withstands 0 hostile among 3 inputs, not 1: it needs f = 0",
    ),
    "a gossip manifest on the other ledger": (
        opened(replace(MANIFEST, neighbours=2, hostile=1, self_test=self_test_for(gossip=True))),
        "the run was opened on another ledger than its manifest is for: ask the authority",
    ),
    "any other manifest on the gossip ledger": (
        opened(number=FIRST_GOSSIP),
        "the run was opened on another ledger than its manifest is for: ask the authority",
    ),
    "a neighbour on one side only": (
        gossip(neighbours=3),
        "a gossip run states `hostile`, and an even number of neighbours from 2 on",
    ),
    "a gossip run that leaves hostile open": (
        gossip(hostile=None),
        "a gossip run states `hostile`, and an even number of neighbours from 2 on",
    ),
    "gossip with the arithmetic of other runs": (
        gossip(self_test=self_test()),
        f"this machine's merge arithmetic gives {self_test_for(gossip=True).short}, the run asks for "
        f"{self_test().short}: install the pinned versions of numba, numpy and Waggle",
    ),
    "a neighbourhood that is too small": (
        gossip(hostile=2),
        "merge rule nna withstands 1 hostile among 3 inputs, not 2: it needs n > 2f",
    ),
    "a rule that needs more inputs": (
        opened(replace(MANIFEST, merge="trimmed-mean:f=2")),
        "merge rule trimmed-mean:f=2 can't run on 3 inputs: it needs n > 2f",
    ),
}


@pytest.mark.parametrize(("run", "expected"), REASONS.values(), ids=REASONS)
def test_an_unfit_node(blobs, run, expected):
    """It doesn't enter, and says the one thing that differs."""
    with pytest.raises(Unfit) as caught:
        enter(blobs, run)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("seats", "min_inputs", "hostile", "expected"),
    [
        (4, 3, None, (3, 1)),
        (4, 1, None, (3, 1)),
        (4, 4, 0, (4, 0)),
        (10, 8, None, (8, 3)),
        (1, 1, None, (1, 0)),
    ],
)
def test_the_least_case(seats, min_inputs, hostile, expected):
    """The rule must work on the fewest inputs that the contract lets through: 2f + 1 or more."""
    terms = replace(MANIFEST.terms, seats=seats, min_inputs=min_inputs)
    assert least_case(replace(MANIFEST, terms=terms, hostile=hostile)) == expected
