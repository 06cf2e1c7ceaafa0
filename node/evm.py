"""Calls, events and errors as the EVM has them: bytes in, bytes out, no network.

Everything is read from the committed ABIs in node/abi, so names and types are written down once. A
call's function is its class name in lower camel case, an event's dataclass is its own name; fields
are in the order of the Solidity parameters. tests/test_chain.py checks that nothing is missing.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, get_args

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from node.digest import Digest
from node.errors import LedgerRefusal, WrongUse
from node.exchange import PeerKey
from node.ledger import (
    AcceptAccount,
    Address,
    Admit,
    AdmitAuditor,
    AttestOwn,
    Call,
    CanonicalEvent,
    Close,
    Event,
    GossipEvent,
    Network,
    OpenGossip,
    OpenRun,
    Phase,
    ProposeAccount,
    RegistryEvent,
    Revoke,
    RevokeAuditor,
    RotatePeerKey,
    SharedEvent,
    Skip,
    Terms,
    is_gossip,
)

REGISTRY_CALLS = (
    Admit,
    Revoke,
    AdmitAuditor,
    RevokeAuditor,
    RotatePeerKey,
    ProposeAccount,
    AcceptAccount,
)
EVENTS: dict[str, tuple[type[Any], ...]] = {
    "NodeRegistry": get_args(RegistryEvent),
    "RoundLedger": (*get_args(SharedEvent), *get_args(CanonicalEvent)),
    "GossipLedger": (*get_args(SharedEvent), *get_args(GossipEvent)),
}
CONTRACTS = tuple(EVENTS)
_NAMES: dict[type[Any], str] = {OpenGossip: "openRun"}
"""Functions that two contracts have, for calls that don't name a run."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """What a transaction says: to whom, with what value in wei and gas limit."""

    to: str
    data: bytes
    value: int
    gas: int


@cache
def artifact(contract: str) -> dict[str, Any]:
    """The committed ABI and bytecode of a contract."""
    content: dict[str, Any] = json.loads((files("node") / "abi" / f"{contract}.json").read_text())
    return content


def encode_call(call: Call, network: Network) -> Encoded:
    """A call as a transaction to the contract that takes it."""
    name, contract = function_of(type(call)), contract_of(call)
    to = address_of(contract, network)
    value = call.funding if isinstance(call, Admit) else 0
    data = encode_function(contract, name, *_arguments(call, network))
    return Encoded(to, data, value, _gas(call))


def contract_of(call: Call) -> str:
    """The contract that takes a call."""
    if isinstance(call, REGISTRY_CALLS):
        return "NodeRegistry"
    if isinstance(call, OpenRun):
        return "RoundLedger"
    gossip = isinstance(call, OpenGossip | AttestOwn) or is_gossip(call.run)
    return "GossipLedger" if gossip else "RoundLedger"


def address_of(contract: str, network: Network) -> Address:
    """Where a contract is. Raises WrongUse for one that the network hasn't."""
    addresses = {
        "NodeRegistry": network.registry,
        "RoundLedger": network.ledger,
        "GossipLedger": network.gossip,
    }
    if not addresses[contract]:
        raise WrongUse("this network was deployed before there were gossip runs: deploy a new one")
    return addresses[contract]


def function_of(call: type[Any]) -> str:
    """The Solidity function that a call class stands for."""
    return _NAMES.get(call) or call.__name__[0].lower() + call.__name__[1:]


def encode_function(contract: str, name: str, *arguments: Any) -> bytes:
    """Selector and arguments of a function."""
    inputs = _entries(contract, "function")[name]["inputs"]
    return _id(name, inputs)[:4] + encode(_types(inputs), arguments)


def encode_deployment(contract: str, *arguments: Any) -> bytes:
    """Bytecode and constructor arguments of a contract."""
    found = artifact(contract)
    (constructor,) = [entry for entry in found["abi"] if entry["type"] == "constructor"]
    code = bytes.fromhex(found["bytecode"].removeprefix("0x"))
    return code + encode(_types(constructor["inputs"]), arguments)


def decode_result(contract: str, name: str, data: bytes) -> Any:
    """The single value that a view function returned. Raises ValueError."""
    try:
        (value,) = decode(_types(_entries(contract, "function")[name]["outputs"]), data)
    except (DecodingError, OverflowError) as error:
        raise ValueError(f"{name}: {error}") from None
    return value


def decode_event(contract: str, topics: Sequence[bytes], data: bytes) -> Event | None:
    """The event that a contract's log stands for, or None for none of ours. Raises ValueError."""
    found = _events(contract).get(bytes(topics[0])) if topics else None
    if found is None:
        return None
    kind, inputs = found
    if len(topics) != 1 + sum(i["indexed"] for i in inputs):
        raise ValueError(f"{kind.__name__} with {len(topics)} topics")
    indexed = iter(topics[1:])
    try:
        rest = iter(decode(_types([i for i in inputs if not i["indexed"]]), data))
        values = [decode([i["type"]], next(indexed))[0] if i["indexed"] else next(rest) for i in inputs]
    except (DecodingError, OverflowError) as error:
        raise ValueError(f"{kind.__name__}: {error}") from None
    event: Event = _built(kind, values)
    return event


def decode_error(data: bytes) -> LedgerRefusal:
    """The refusal that revert data stands for; `Unexplained` carries data that no ABI explains."""
    found = errors().get(data[:4])
    if found is None:
        return LedgerRefusal("Unexplained", data)
    name, inputs = found
    values = decode(_types(inputs), data[4:])
    kinds = [i["type"] for i in inputs]
    return LedgerRefusal(name, *map(_plain_value, kinds, values))


@cache
def errors() -> dict[bytes, tuple[str, list[dict[str, Any]]]]:
    """Every custom error of the contracts, and Solidity's own two, by selector."""
    own = [("Error", [{"type": "string"}]), ("Panic", [{"type": "uint256"}])]
    entries = [_entries(contract, "error").items() for contract in CONTRACTS]
    found = own + [(name, entry["inputs"]) for group in entries for name, entry in group]
    return {_id(name, inputs)[:4]: (name, inputs) for name, inputs in found}


@cache
def _events(contract: str) -> dict[bytes, tuple[type[Any], list[dict[str, Any]]]]:
    kinds = {kind.__name__: kind for kind in EVENTS[contract]}
    found = {name: entry["inputs"] for name, entry in _entries(contract, "event").items()}
    return {_id(name, found[name]): (kind, found[name]) for name, kind in kinds.items()}


@cache
def _entries(contract: str, kind: str) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in artifact(contract)["abi"] if entry["type"] == kind}


@cache
def _gas_limits() -> dict[str, int]:
    limits: dict[str, int] = json.loads((files("node") / "abi" / "gas.json").read_text())
    return limits


def _gas(call: Call) -> int:
    """The worst case that the contracts' gas tests measured, with room; never an estimate."""
    limits = _gas_limits()
    match call:
        case OpenRun(_, manifest) | OpenGossip(_, manifest):
            return limits["openRunBase"] + limits["openRunPerByte"] * len(manifest)
        case Revoke(_, runs):
            return limits["revoke"] + limits["revokePerRun"] * len(runs)
    return limits[function_of(type(call))]


def _id(name: str, inputs: Sequence[dict[str, Any]]) -> bytes:
    return keccak(text=f"{name}({','.join(_types(inputs))})")


def _types(inputs: Sequence[dict[str, Any]]) -> list[str]:
    return [_type(entry) for entry in inputs]


def _type(entry: dict[str, Any]) -> str:
    if not entry["type"].startswith("tuple"):
        return str(entry["type"])
    return f"({','.join(_types(entry['components']))}){entry['type'].removeprefix('tuple')}"


def _arguments(call: Call, network: Network) -> list[Any]:
    match call:
        case Admit(account, peer_key, organization):
            return [account, peer_key, organization]
        case Revoke(member, runs, reason):
            return [member, [(network.ledger_of(run), run) for run in runs], reason]
    return [_argument(value) for value in _fields(call)]


def _argument(value: Any) -> Any:
    if isinstance(value, Digest):
        return value.raw
    return tuple(map(_argument, _fields(value))) if isinstance(value, Terms) else value


def _fields(value: Any) -> list[Any]:
    return [getattr(value, field.name) for field in dataclasses.fields(value)]


_READ: dict[str, Callable[[Any], Any]] = {
    "int": int,
    "bytes": bytes,
    "Address": to_checksum_address,
    "Digest": Digest,
    "PeerKey": PeerKey,
    "Phase": Phase,
    "Skip": Skip,
    "Close": Close,
    "Terms": lambda values: _built(Terms, values),
}


def _built(kind: type[Any], values: Sequence[Any]) -> Any:
    """A dataclass from plain values, by the types that its fields are annotated with."""
    fields = dataclasses.fields(kind)
    return kind(*(_READ[str(f.type)](v) for f, v in zip(fields, values, strict=True)))


def _plain_value(kind: str, value: Any) -> Any:
    return to_checksum_address(value) if kind == "address" else value
