"""What the passport's tests share: a chain of paper with true headers, tries and proofs, and forgeries.

`PaperChain` tells what a swarm on memory seams said as an Ethereum node would: blocks that hash,
receipts tries, a state trie with the contracts' code. So passports with real blobs are made in no time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import rlp
import trio
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from trie.hexary import HexaryTrie

from authority.audit.passport.blocks import bloom_of
from authority.audit.passport.code import immutables, network_id
from authority.audit.passport.frames import Kind, Writer, content_of, entries
from authority.audit.passport.writing import Exported, write_passport
from node import evm
from node.chain import contracts_of
from node.contracts.chain import MemoryChain, memory_address
from node.digest import Digest
from node.ledger import Address, Logged, Network
from node.transactions import RpcRefusal
from tests import swarm as swarms
from tests.swarm import Swarm, on_virtual_time

SALT = bytes(range(32))
STRANGER = to_checksum_address(keccak(text="a stranger's contract")[12:])
_GENESIS = [
    bytes(32), bytes(32), bytes(20), bytes(32), bytes(32), bytes(32), bytes(256),
    b"", b"", b"", b"", b"", b"paper", bytes(32), bytes(8),
]  # fmt: skip
_NAMES = (
    "parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom",
    "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce",
    "baseFeePerGas",
)  # fmt: skip


def paper_network() -> Network:
    """A network whose id follows from the paper chain's first block, as the registry makes it."""
    plain = Network(
        31337,
        memory_address("registry"),
        memory_address("ledger"),
        b"",
        1,
        memory_address("gossip"),
    )
    return replace(plain, network_id=network_id(plain, keccak(rlp.encode(_GENESIS)), SALT))


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction of the paper chain."""

    hash: bytes
    kind: int
    gas: int
    logs: tuple[tuple[str, tuple[bytes, ...], bytes], ...]


class PaperChain:
    """Implements `authority.audit.passport.evidence.Evidence`.

    Block n of the memory chain is block 2n-1; blocks between hold what strangers say, or nothing.
    """

    name = "paper"

    def __init__(
        self,
        swarm: Swarm,
        *,
        network: Network | None = None,
        logged: Sequence[Logged] | None = None,
        proofs: bool = True,
    ) -> None:
        self.network = network = network or swarm.chain.network
        logged = swarm.logged if logged is None else logged
        self._proofs, self._times = proofs, [block.time for block in swarm.chain._blocks]
        self._codes = {address: deployed(address, network) for address in contracts_of(network)}
        self._state = HexaryTrie({})
        for address, code in {**self._codes, Address(STRANGER): b"?"}.items():
            self._state[keccak(raw(address))] = rlp.encode([b"\1", b"", bytes(32), keccak(code)])
        self._blocks: list[dict[str, Any]] = []
        self._mined: dict[bytes, tuple[Mined, int]] = {}
        self._add(_GENESIS)
        head = 2 * logged[-1].block + 2
        for number in range(1, head + 1):
            self._mine(number, [one for one in logged if 2 * one.block - 1 == number])

    async def chain_id(self) -> int:
        """See Evidence."""
        return self.network.chain_id

    async def height(self) -> int:
        """See Evidence."""
        return len(self._blocks) - 1

    async def block(self, number: int) -> Mapping[str, Any]:
        """See Evidence."""
        return self._blocks[number]

    async def receipts(self, transactions: Sequence[bytes]) -> list[Mapping[str, Any]]:
        """See Evidence."""
        return [self._receipt(*self._mined[one]) for one in transactions]

    async def calldata(self, transactions: Sequence[bytes]) -> list[bytes]:
        """See Evidence: all transactions end as a deployment does."""
        return [b"paid" + SALT for _ in transactions]

    async def first_log(self, address: Address) -> int:
        """See Evidence."""
        return 1

    async def code(self, address: Address, block: int) -> tuple[bytes, tuple[bytes, ...]]:
        """See Evidence."""
        if not self._proofs:
            raise RpcRefusal(self.name, -32601, "no such method")
        nodes = self._state.get_proof(keccak(raw(address)))
        return self._codes[address], tuple(rlp.encode(node) for node in nodes)

    def _mine(self, number: int, said: Sequence[Logged]) -> None:
        logs = tuple(_log(self.network, one) for one in said)
        mined = [Mined(keccak(text=f"ours {number}"), 2, 60_000 + number, logs)] if logs else []
        if number % 3 == 0:
            words = ((STRANGER, (), b"first"),) if number % 9 == 0 else ()
            mined.insert(0, Mined(keccak(text=f"before {number}"), 0, 21_000, words))
        if number % 4 == 0:
            words = ((STRANGER, (bytes([number]) * 32,), b"anything"),)
            mined.append(Mined(keccak(text=f"after {number}"), 1, 30_000, words))
        used, receipts = 0, HexaryTrie({})
        for position, one in enumerate(mined):
            used += one.gas
            self._mined[one.hash] = (one, used)
            receipts[rlp.encode(position)] = receipt(one, used)
        fields = list(_GENESIS)
        fields[0], fields[3] = self._blocks[-1]["hash"], self._state.root_hash
        fields[5] = receipts.root_hash
        fields[6] = bloom_of((raw(a), topics) for one in mined for a, topics, _ in one.logs)
        fields[8], fields[11] = (
            big(number),
            big(self._times[min((number + 1) // 2, len(self._times) - 1)]),
        )
        self._add([*fields, big(7)], mined)

    def _add(self, fields: Sequence[bytes], mined: Sequence[Mined] = ()) -> None:
        block = dict(zip(_NAMES, fields, strict=False))
        hashes = [one.hash for one in mined]
        self._blocks.append({**block, "hash": keccak(rlp.encode(fields)), "transactions": hashes})

    @staticmethod
    def _receipt(one: Mined, used: int) -> dict[str, Any]:
        logs = [{"address": a, "topics": list(topics), "data": data} for a, topics, data in one.logs]
        return {"type": one.kind, "status": 1, "cumulativeGasUsed": used, "logs": logs}


def receipt(one: Mined, used: int) -> bytes:
    """A receipt as it is in a trie."""
    logs = [[raw(address), list(topics), data] for address, topics, data in one.logs]
    bloom = bloom_of((address, topics) for address, topics, _ in logs)
    return (bytes([one.kind]) if one.kind else b"") + rlp.encode([1, used, bloom, logs])


def deployed(address: Address, network: Network) -> bytes:
    """A contract's code as its constructor leaves it in such a network."""
    contract = contracts_of(network)[address]
    found = evm.artifact(contract)
    whole = bytes.fromhex(found["bytecode"].removeprefix("0x"))
    code = bytearray(whole[whole.index(b"\xfe\x60\x80") + 1 :])
    assert keccak(bytes(code)).hex() == found["deployedCodeHash"].removeprefix("0x")
    # Which value stands where is the compiler's business: all of them, over and over.
    values = cycle(immutables(contract, network))
    for (start, length), value in zip(found["immutables"], values, strict=False):
        code[start : start + length] = value
    return bytes(code)


def raw(address: str) -> bytes:
    """An address in 20 bytes."""
    return bytes.fromhex(address[2:])


def big(number: int) -> bytes:
    """A number as RLP has it."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _log(network: Network, logged: Logged) -> tuple[str, tuple[bytes, ...], bytes]:
    event = logged.event
    run = getattr(event, "run", None)
    address = network.registry if run is None else network.ledger_of(run)
    contract = contracts_of(network)[address]
    name = type(event).__name__
    inputs = evm._entries(contract, "event")[name]["inputs"]
    values = [bytes(v) if isinstance(v, bytes) else evm._argument(v) for v in evm._fields(event)]
    pairs = list(zip(inputs, values, strict=True))
    topics = [encode([i["type"]], [value]) for i, value in pairs if i["indexed"]]
    rest = [(i, value) for i, value in pairs if not i["indexed"]]
    data = encode(evm._types([i for i, _ in rest]), [value for _, value in rest])
    return address, (evm._id(name, inputs), *topics), data


def played(folder: Path, **given: Any) -> Swarm:
    """A swarm on the paper network, whose rounds are over."""
    found: list[Swarm] = []

    @on_virtual_time
    async def play() -> None:
        found.append(Swarm(folder, **given))
        await found[0].play()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(swarms, "MemoryChain", partial(MemoryChain, network=paper_network()))
        patch.setattr("os.fsync", lambda fd: None)
        play()
    return found[0]


@pytest.fixture(scope="module")
def swarm(tmp_path_factory: pytest.TempPathFactory) -> Swarm:
    """A swarm whose two rounds are over."""
    return played(tmp_path_factory.mktemp("swarm"), rounds=2)


@pytest.fixture(scope="module")
def passport(swarm: Swarm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The passport of its run, with blobs."""
    out = tmp_path_factory.mktemp("passport") / "run.passport"
    export(swarm, out, blobs=True)
    return out


def export(
    swarm: Swarm,
    out: Path,
    *,
    blobs: bool = False,
    sparse: bool = False,
    without: Digest | None = None,
    **paper: Any,
) -> Exported:
    """The passport of a swarm's run, with all nodes' blobs but one if there is one to do without."""

    def find(digest: Digest) -> bytes | None:
        paths = (node.blob(digest) for node in swarm.nodes.values() if digest != without)
        return next((path.read_bytes() for path in paths if path.exists()), None)

    chain = PaperChain(swarm, **paper)
    write = partial(write_passport, find=find if blobs else None, sparse=sparse)
    return trio.run(write, chain, chain.network, swarm.number, out)


Parts = list[tuple[Kind, int, bytes]]
"""Entries of a passport: kind, number, content."""


def parts(path: Path) -> Parts:
    """A passport's entries, but for the end."""
    found = [(one.kind, one.number, bytes(one.content)) for one in entries(content_of(path))]
    return found[:-1]


def forged(path: Path, entries_: Parts) -> Path:
    """A passport of these entries, with checksums and seal as they must be for them."""
    with path.open("wb") as file:
        writer = Writer(file)
        for kind, number, content in entries_:
            writer.add(kind, number, content)
        writer.end()
    return path
