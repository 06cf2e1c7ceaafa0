"""Passports of real chains: what py-evm and anvil answer becomes bytes that hash as the chain's do."""

from __future__ import annotations

from dataclasses import replace

import pytest
import rlp
import trio
from eth_utils.crypto import keccak

from authority.audit.passport import telling
from authority.audit.passport.checking import verify_passport
from authority.audit.passport.comparing import differences
from authority.audit.passport.encoding import header_bytes, receipt_bytes
from authority.audit.passport.frames import Kind
from authority.audit.passport.merkle import root_of
from authority.audit.passport.writing import write_passport
from authority.audit.reading import read_record
from node.errors import ChainUnreachable, WrongUse
from node.evidence import RpcEvidence
from tests.passports import PaperChain, export, parts, played, swarm
from tests.rounds import Play

__all__ = ["swarm"]
pytestmark = pytest.mark.timeout(60)


class PyEvmEvidence(RpcEvidence):
    """py-evm's blocks, whose headers eth-tester tells otherwise than they hash in some fields."""

    def __init__(self, world):
        super().__init__(world.provider)
        self._chain = world.tester.backend.chain

    async def block(self, number):
        """The same with these fields as they are."""
        header = self._chain.get_canonical_block_header_by_number(number)
        return {
            **await super().block(number),
            "logsBloom": header.bloom.to_bytes(256, "big"),
            "extraData": header.extra_data,
            "parentBeaconBlockRoot": header.parent_beacon_block_root,
        }


async def one_round(world):
    """A run with a finalized round, and one that goes on."""
    play = Play(world)
    await play.open(1, 2, 3, 4)
    await play.finish(1, 2, 3, 4)


async def test_anvil(anvil_world, tmp_path):
    """Record, gas and times are those that the endpoint tells itself; the code is proven."""
    with anvil_world.undone():
        await one_round(anvil_world)
        anvil_world.request("anvil_mine", hex(150))
        evidence = RpcEvidence(anvil_world.url)
        made = await write_passport(evidence, anvil_world.network, 1, tmp_path / "out")
        there = await read_record([anvil_world.url], anvil_world.network)
        found = verify_passport(tmp_path / "out")
        assert await differences(evidence, 31337, found.anchors) == ()

    def said(record):
        return [(one.block, one.index, record.gas[one.transaction], one.event) for one in record.logged]

    assert said(found.record) == said(there)
    assert (found.record.times, found.record.head) == (there.times, there.head)
    assert (telling.problems(found, ()), made.proven, len(found.codes)) == ([], True, 3)
    assert found.facts.salt == bytes(32)


async def test_the_beginning_is_found_by_the_registrys_first_log(anvil_world, tmp_path):
    """Who knows only addresses doesn't know where the network begins."""
    network = replace(anvil_world.network, deployed_block=0)
    with anvil_world.undone():
        await one_round(anvil_world)
        evidence = RpcEvidence(anvil_world.url)
        made = await write_passport(evidence, network, 1, tmp_path / "out")
    assert (made.facts.network, made.facts.salt) == (anvil_world.network, bytes(32))


def test_without_a_salt_the_beginning_is_said_to_be_unproven(swarm, tmp_path, monkeypatch):
    """A registry that a contract deployed shows its constructor's arguments to nobody."""

    async def nothing(self, transactions):
        return [b"" for _ in transactions]

    monkeypatch.setattr(PaperChain, "calldata", nothing)
    export(swarm, tmp_path / "out")
    found = verify_passport(tmp_path / "out")
    assert found.facts.salt == b""
    assert "that the contracts said nothing before block 1" in list(telling.unproven(found))


async def test_anvil_that_was_reorganized_differs(anvil_world, tmp_path):
    """A passport of blocks that the chain has dropped is noticed by comparing."""
    evidence = RpcEvidence(anvil_world.url)
    with anvil_world.undone():
        await one_round(anvil_world)
        await write_passport(evidence, anvil_world.network, 1, tmp_path / "out")
    found = verify_passport(tmp_path / "out")
    with anvil_world.undone():
        with pytest.raises(ChainUnreachable, match="ask when it has caught up"):
            await differences(evidence, 31337, found.anchors)
        anvil_world.request("anvil_mine", hex(100))
        [said] = await differences(evidence, 31337, found.anchors)
    assert said.startswith(f"block {found.facts.head} is ")


async def test_py_evm(pyevm_world, tmp_path):
    """A node without state proofs: everything but the code is proven."""
    with pyevm_world.undone():
        await one_round(pyevm_world)
        evidence = PyEvmEvidence(pyevm_world)
        made = await write_passport(evidence, pyevm_world.network, 1, tmp_path / "out")
        there = await pyevm_world.authority.events(0, made.facts.head)
    found = verify_passport(tmp_path / "out")
    assert [one.event for one in found.record.logged] == [one.event for one in there]
    assert (made.proven, telling.problems(found, ())) == (False, [])


async def test_an_endpoint_that_tells_a_header_wrong_is_named(pyevm_world, tmp_path):
    """Whatever the reason, no file is written that wouldn't verify."""
    evidence = RpcEvidence(pyevm_world.provider)
    with pytest.raises(ChainUnreachable, match="otherwise than the block's hash"):
        await write_passport(evidence, pyevm_world.network, 1, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


# Endpoints that lie, lag or are of another chain.


class Lying(PaperChain):
    """A paper chain whose answers somebody changes: `lie` gets a block's receipts."""

    lie = staticmethod(lambda receipts: receipts)

    async def receipts(self, transactions):
        """The lie."""
        return self.lie(await super().receipts(transactions))


def without_a_log(receipts):
    """The first log of each receipt is hidden."""
    return [{**one, "logs": one["logs"][1:]} for one in receipts]


def test_an_endpoint_that_hides_logs_is_found_at_export(swarm, tmp_path):
    """Its own headers say that there is more."""
    chain = Lying(swarm)
    chain.lie = without_a_log
    with pytest.raises(ChainUnreachable, match="don't give the root in its header"):
        trio.run(write_passport, chain, chain.network, swarm.number, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_chain_reorganized_during_the_export_is_read_again(swarm, tmp_path):
    """Answers that contradict each other once may be two moments of one chain."""
    chain = Lying(swarm)
    lies = iter([without_a_log])
    chain.lie = lambda receipts: next(lies, lambda same: same)(receipts)
    trio.run(write_passport, chain, chain.network, swarm.number, tmp_path / "out")
    assert verify_passport(tmp_path / "out").record.chronicle == swarm.chronicle


def test_another_history_differs(swarm, tmp_path):
    """One log more or less, and no block after it has the same hash."""
    chain = PaperChain(swarm)
    made = trio.run(write_passport, chain, chain.network, swarm.number, tmp_path / "out")
    other = PaperChain(swarm, logged=(*swarm.logged[:9], *swarm.logged[10:]))
    same = trio.run(differences, chain, 31337, made.anchors)
    [differs] = trio.run(differences, other, 31337, made.anchors)
    assert (same, differs.startswith(f"block {made.facts.head} is ")) == ((), True)


def test_every_block_of_a_sparse_passport_is_compared(swarm, tmp_path):
    """Since no header names them."""
    chain = PaperChain(swarm)
    out = tmp_path / "out"
    trio.run(lambda: write_passport(chain, chain.network, swarm.number, out, sparse=True))
    anchors = verify_passport(out).anchors
    broken = (replace(anchors[3], hash=bytes(32)), *anchors[4:])
    [differs] = trio.run(differences, chain, 31337, broken)
    assert differs.startswith(f"block {anchors[3].number} is ")


def test_another_chain_is_wrong_use(swarm):
    """Whoever gives the wrong endpoint is told so, and not that the passport is bad."""
    chain = PaperChain(swarm, network=replace(swarm.chain.network, chain_id=5))
    with pytest.raises(WrongUse, match="paper is on chain 5, the passport's is chain 31337"):
        trio.run(differences, chain, 31337, ())


# Bytes.


NAMES = [
    "parentHash",
    "sha3Uncles",
    "miner",
    "stateRoot",
    "transactionsRoot",
    "receiptsRoot",
    "logsBloom",
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "extraData",
    "mixHash",
    "nonce",
    "baseFeePerGas",
    "withdrawalsRoot",
    "blobGasUsed",
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",
]


def block_of(fields, hashed):
    """What JSON-RPC says of a header, and the hash of another form of it."""
    return {**dict(zip(NAMES, fields, strict=False)), "hash": keccak(rlp.encode(hashed))}


HEADER = [
    *(bytes([n]) * 32 for n in (1, 2)), bytes(20), *(bytes([n]) * 32 for n in (3, 4, 5)), bytes(256),
    b"", b"\7", b"\1", b"", b"\2", b"extra", bytes(32), bytes(8),
]  # fmt: skip


@pytest.mark.parametrize(
    "more", [0, 1, 2, 5, 6], ids=["Paris", "London", "Shanghai", "Cancun", "Prague"]
)
def test_headers_of_every_fork(more):
    """Each fork appended fields; those that a header has are hashed."""
    fields = [*HEADER, *[b"\3", bytes(32), b"", b"", bytes(32), bytes(32)][:more]]
    assert header_bytes(block_of(fields, fields), "x") == rlp.encode(fields)


@pytest.mark.parametrize(
    "hashed", [[b"v", [b"a"], [], 0, []], [b"v", [b"a"], []]], ids=["QBFT", "IBFT 2"]
)
def test_headers_whose_hash_leaves_seals_out(hashed):
    """Besu's validators sign a block's hash, which can't hold their signatures."""
    told, meant = list(HEADER), list(HEADER)
    told[12] = rlp.encode([b"v", [b"a"], [], 3, [b"seal", b"seal"]])
    meant[12] = rlp.encode(hashed)
    assert header_bytes(block_of(told, meant), "x") == rlp.encode(meant)


def test_a_field_that_nobody_knows_is_said():
    """A later fork's header can't be hashed by this release."""
    fields = [*HEADER, b"\3", bytes(32), b"", b"", bytes(32), bytes(32)]
    with pytest.raises(ChainUnreachable, match="fields that this release doesn't know"):
        header_bytes(block_of(fields, [*fields, bytes(32)]), "x")


def test_a_receipt_without_sense_is_said():
    """Not a traceback."""
    with pytest.raises(ChainUnreachable, match="makes no sense"):
        receipt_bytes({"type": "0x2", "logs": [{}]}, "x")


def test_no_receipts_give_the_empty_root():
    """As every chain has it."""
    assert root_of([]) == keccak(rlp.encode(b""))


def test_gossip_logs_are_told_by_their_contract(tmp_path):
    """Two ledgers say some things in the same words: whose it is, the address says."""
    swarm = played(tmp_path, nodes=5, rounds=1, neighbours=2, merge="nna")
    chain = PaperChain(swarm)
    trio.run(write_passport, chain, chain.network, swarm.number, tmp_path / "out")
    found = verify_passport(tmp_path / "out")
    assert found.run == swarm.run
    assert len([one for one in parts(tmp_path / "out") if one[0] is Kind.CODE]) == 3
