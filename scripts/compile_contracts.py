#!/usr/bin/env python3
"""Compile the contracts and write what a node needs of them to node/abi, or check what is there.

The committed artifacts let a node run without a compiler; `--check` compiles again and compares, so
that they can't drift from the sources. Equal sources give equal bytes: settings come from
contracts/foundry.toml, no path of the machine goes in, and the compiler's metadata is left out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import solcx
from eth_utils.crypto import keccak

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = ROOT / "contracts"
ABI = ROOT / "node" / "abi"
NAMES = ("NodeRegistry", "RoundLedger", "GossipLedger")
OUTPUTS = [
    "abi",
    "metadata",
    "evm.bytecode.object",
    "evm.deployedBytecode.object",
    "evm.deployedBytecode.immutableReferences",
]


def main() -> int:
    parser = argparse.ArgumentParser(description="Compile the contracts into node/abi.")
    parser.add_argument("--check", action="store_true", help="compare only; exit code 1 if different")
    check = parser.parse_args().check
    artifacts = compile_contracts()
    if check:
        different = stale(artifacts)
        if different:
            what = ", ".join(different)
            print(f"{what}: not what the sources compile to; run scripts/compile_contracts.py")
        return 1 if different else 0
    for path, text in artifacts.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


def compile_contracts() -> Mapping[Path, str]:
    """The text of each artifact, by the path it belongs at."""
    settings = foundry_settings()
    output = solcx.compile_standard(
        {
            "language": "Solidity",
            "sources": {f"src/{name}.sol": {"content": source(f"src/{name}.sol")} for name in NAMES},
            "settings": {**settings, "outputSelection": {"*": {"*": OUTPUTS}}},
        },
        base_path=CONTRACTS,
        allow_paths=[CONTRACTS, ROOT / "node_modules"],
        solc_binary=CONTRACTS / "solc.js",
    )
    return {
        ABI / f"{name}.json": artifact(name, output["contracts"][f"src/{name}.sol"][name], settings)
        for name in NAMES
    }


def stale(artifacts: Mapping[Path, str]) -> list[str]:
    """Paths, from the root, whose committed text differs."""
    return [
        str(path.relative_to(ROOT))
        for path, text in artifacts.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def foundry_settings() -> dict[str, Any]:
    """The compiler's settings, from the profile that the tests run with."""
    profile = tomllib.loads((CONTRACTS / "foundry.toml").read_text("utf-8"))["profile"]["default"]
    return {
        "evmVersion": profile["evm_version"],
        "metadata": {"appendCBOR": profile["cbor_metadata"], "bytecodeHash": profile["bytecode_hash"]},
        "optimizer": {"enabled": profile["optimizer"], "runs": profile["optimizer_runs"]},
        "remappings": profile["remappings"],
        "viaIR": profile["via_ir"],
    }


def source(name: str) -> str:
    """A source by the name that the compiler knows it under."""
    return (CONTRACTS / name).read_text(encoding="utf-8")


def artifact(name: str, compiled: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """One contract's artifact as JSON.

    deployedCodeHash is the Keccak-256 of the deployed code with zeros in place of the immutables,
    whose byte ranges are listed: zero them in the code on a chain before comparing.
    """
    metadata = json.loads(compiled["metadata"])
    deployed = compiled["evm"]["deployedBytecode"]
    ranges = [r for places in deployed["immutableReferences"].values() for r in places]
    content = {
        "contract": name,
        "abi": compiled["abi"],
        "bytecode": "0x" + compiled["evm"]["bytecode"]["object"],
        "deployedCodeHash": "0x" + keccak(hexstr=deployed["object"]).hex(),
        "immutables": sorted([r["start"], r["length"]] for r in ranges),
        "compiler": metadata["compiler"]["version"],
        "settings": settings,
        "sources": {path: digest(path) for path in sorted(metadata["sources"])},
    }
    return json.dumps(content, indent=1) + "\n"


def digest(name: str) -> str:
    """SHA-256 of a source."""
    return hashlib.sha256(source(name).encode("utf-8")).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
