"""The committed contract artifacts are what the sources compile to, and say what a node expects.

The contracts' behaviour is tested in Solidity, by forge (contracts/test).
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from eth_utils.crypto import keccak

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = ("NodeRegistry", "RoundLedger", "GossipLedger")
INTERFACES = (
    ("INodeRegistry", "NodeRegistry"),
    ("IRounds", "RoundLedger"),
    ("IRoundLedger", "RoundLedger"),
    ("IGossipLedger", "GossipLedger"),
)


@cache
def script(name: str) -> ModuleType:
    """A script of ours as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def committed(name: str) -> dict[str, Any]:
    """A committed artifact."""
    content: dict[str, Any] = json.loads((ROOT / "node" / "abi" / f"{name}.json").read_text())
    return content


@cache
def compiled() -> dict[str, str]:
    """The artifacts as compiled now, by file name."""
    return {path.name: text for path, text in script("compile_contracts").compile_contracts().items()}


needs_compiler = pytest.mark.skipif(
    not (ROOT / "node_modules" / "solc").exists(), reason="npm packages are not installed"
)


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("name", CONTRACTS)
def test_artifact_is_what_the_sources_compile_to(name: str) -> None:
    """Compiling again gives the committed bytes."""
    assert compiled()[f"{name}.json"] == (ROOT / "node" / "abi" / f"{name}.json").read_text()


@needs_compiler
def test_a_stale_artifact_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--check` says which file differs."""
    module = script("compile_contracts")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    stale = tmp_path / "RoundLedger.json"
    stale.write_text("{}")
    assert module.stale({stale: "other", tmp_path / "gone.json": "x"}) == [
        "RoundLedger.json",
        "gone.json",
    ]


@needs_compiler
def test_forge_passes_its_exit_code_on() -> None:
    """The npm package's launcher doesn't, so that failing tests would look like passing ones."""
    forge = ROOT / "contracts" / "forge.js"
    assert subprocess.run([forge, "--version"], capture_output=True).returncode == 0
    assert subprocess.run([forge, "no-such-command"], capture_output=True).returncode != 0


@pytest.mark.parametrize("name", CONTRACTS)
def test_sources_are_those_of_the_artifact(name: str) -> None:
    """The digests of our own sources are the committed ones: checked without a compiler."""
    digest = script("compile_contracts").digest
    ours = {p: d for p, d in committed(name)["sources"].items() if p.startswith("src/")}
    assert ours == {path: digest(path) for path in ours}


@pytest.mark.parametrize("name", CONTRACTS)
def test_code_is_within_the_limit_of_a_contract(name: str) -> None:
    """EIP-170 allows 24,576 bytes; the creation code holds the deployed code."""
    assert len(bytes.fromhex(committed(name)["bytecode"][2:])) < 24_576


def test_gas_limits_and_tables_follow_from_the_snapshots() -> None:
    """docs/gas.md and node/abi/gas.json are what scripts/gas_tables.py makes of the snapshots."""
    tables = script("gas_tables")
    found = tables.measured()
    limits = json.loads((ROOT / "node" / "abi" / "gas.json").read_text())
    assert limits == tables.limits(found)
    page = tables.PAGE.read_text(encoding="utf-8")
    assert page == tables.with_tables(page, tables.tables(found))


def test_every_call_of_a_node_has_a_gas_limit() -> None:
    """Each function that changes the contracts has a limit; roles are the administrator's matter."""
    limits = json.loads((ROOT / "node" / "abi" / "gas.json").read_text())
    ours = {
        entry["name"]
        for source, contract in INTERFACES
        for entry in committed(contract)["abi"]
        if entry["type"] == "function"
        and entry["stateMutability"] in ("nonpayable", "payable")
        and f"function {entry['name']}("
        in (ROOT / "contracts" / "src" / "interfaces" / f"{source}.sol").read_text()
    }
    assert ours - {"openRun"} <= set(limits)
    assert {"openRunBase", "openRunPerByte", "revokePerRun"} <= set(limits)


def test_commitment_formula_of_the_node_is_the_contract_s() -> None:
    """The contract, on py-evm, hashes a commitment as node.commitment does."""
    eth_tester = pytest.importorskip("eth_tester")
    from web3 import EthereumTesterProvider, Web3

    from node.commitment import Claims, commitment
    from node.digest import Digest
    from node.ledger import Address, Network

    web3 = Web3(EthereumTesterProvider(eth_tester.EthereumTester()))
    admin = web3.eth.accounts[0]

    def deploy(name: str, *arguments: Any) -> Any:
        factory = web3.eth.contract(abi=committed(name)["abi"], bytecode=committed(name)["bytecode"])
        receipt = web3.eth.wait_for_transaction_receipt(
            factory.constructor(*arguments).transact({"from": admin})
        )
        return web3.eth.contract(address=receipt["contractAddress"], abi=committed(name)["abi"])

    registry = deploy("NodeRegistry", admin, 0, b"\1" * 32)
    ledger = deploy("RoundLedger", registry.address)
    network = Network(
        chain_id=web3.eth.chain_id,
        registry=Address(registry.address),
        ledger=Address(ledger.address),
        network_id=registry.functions.networkId().call(),
        deployed_block=0,
    )
    base, update, salt = Digest(b"\2" * 32), Digest(b"\3" * 32), b"\4" * 32
    theirs = ledger.functions.commitmentOf(7, 8, base.raw, 9, update.raw, 64, 5, salt).call()
    assert commitment(network, 7, 8, base, 9, update, Claims(64, 5), salt) == theirs


@pytest.mark.parametrize("name", CONTRACTS)
def test_deployed_code_has_the_committed_hash(name: str) -> None:
    """Code on a chain, its immutables zeroed, hashes to what the artifact says."""
    eth_tester = pytest.importorskip("eth_tester")
    from web3 import EthereumTesterProvider, Web3

    web3 = Web3(EthereumTesterProvider(eth_tester.EthereumTester()))
    admin = web3.eth.accounts[0]
    artifacts = [committed("NodeRegistry")] + [committed(name)] * (name != "NodeRegistry")
    address = admin
    arguments: tuple[Any, ...] = (admin, 0, b"\1" * 32)
    for artifact in artifacts:
        factory = web3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"])
        transaction = factory.constructor(*arguments).transact({"from": admin})
        address = web3.eth.wait_for_transaction_receipt(transaction)["contractAddress"]
        arguments = (address,)
    code = bytearray(web3.eth.get_code(address))
    for start, length in committed(name)["immutables"]:
        code[start : start + length] = bytes(length)
    assert "0x" + keccak(bytes(code)).hex() == committed(name)["deployedCodeHash"]
