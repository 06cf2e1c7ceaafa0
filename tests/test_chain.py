"""What node.chain adds to the ledger suite: complete mappings, and errors that name a remedy."""

from __future__ import annotations

import dataclasses
import inspect
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, get_args

import pytest
import trio
import web3.exceptions
from eth_abi.abi import decode, encode
from eth_account import Account
from eth_keys.backends import CoinCurveECCBackend
from eth_utils.crypto import keccak

from node import evm
from node.chain import Chain, Endpoint, connect, contracts_of, find_network, raise_mapped
from node.digest import Digest
from node.errors import ChainUnreachable, InfrastructureFault, LedgerRefusal, WaggleError, WrongUse
from node.exchange import PeerKey
from node.ledger import (
    Address,
    Advance,
    Call,
    Enter,
    Event,
    Network,
    OpenRun,
    Revoke,
    RotatePeerKey,
    Terms,
)
from node.transactions import Patience, RpcRefusal
from tests.chains import RICH, AnvilWorld, PyEvm, PyEvmWorld
from tests.rounds import MANIFEST, TERMS, refusal

HASTY = Patience(request=0.2)

# OpenZeppelin's, about roles: governance reads them, rounds don't.
FOREIGN_EVENTS = {
    "DefaultAdminDelayChangeCanceled",
    "DefaultAdminDelayChangeScheduled",
    "DefaultAdminTransferCanceled",
    "DefaultAdminTransferScheduled",
    "EIP712DomainChanged",
    "RoleAdminChanged",
    "RoleGranted",
    "RoleRevoked",
}


def abi(kind: str) -> list[dict[str, Any]]:
    """Entries of one kind in both ABIs."""
    return [e for contract in evm.CONTRACTS for e in evm.artifact(contract)["abi"] if e["type"] == kind]


def zero(kind: str) -> Any:
    """Some value of an ABI type."""
    if kind == "string":
        return ""
    if kind == "address":
        return "0x" + "00" * 20
    return bytes(32) if kind.startswith("bytes") else 0


def snake(name: str) -> str:
    """manifestDigest -> manifest_digest; the trailing underscore of now_ goes."""
    return re.sub(r"(?<!^)([A-Z])", lambda found: "_" + found[1].lower(), name).strip("_")


@pytest.mark.parametrize("entry", abi("error"), ids=lambda entry: entry["name"])
def test_every_custom_error_becomes_a_refusal_with_its_name_and_values(entry: dict[str, Any]) -> None:
    """Also OpenZeppelin's."""
    kinds = [i["type"] for i in entry["inputs"]]
    values = [zero(kind) for kind in kinds]
    selector = keccak(text=f"{entry['name']}({','.join(kinds)})")[:4]
    found = evm.decode_error(selector + encode(kinds, values))
    assert (found.name, list(found.values)) == (entry["name"], values)


def test_every_event_has_a_dataclass_with_the_same_fields_in_order() -> None:
    """And every dataclass an event."""
    entries = {e["name"]: [snake(i["name"]) for i in e["inputs"]] for e in abi("event")}
    own = {name: fields for name, fields in entries.items() if name not in FOREIGN_EVENTS}
    kinds = {
        kind.__name__: [f.name for f in dataclasses.fields(kind)]
        for union in get_args(Event)
        for kind in (get_args(union) or (union,))
    }
    assert kinds == own


@pytest.mark.parametrize("data", [b"", b"\xff" * 400])
@pytest.mark.parametrize("topics", [0, 1, 3])
def test_a_log_that_breaks_its_abi_is_a_value_error(topics: int, data: bytes) -> None:
    """Whoever sends it, it is refused, not a bug of ours."""
    inputs = evm._entries("RoundLedger", "event")["Committed"]["inputs"]
    first = evm._id("Committed", inputs)
    with pytest.raises(ValueError, match="Committed"):
        evm.decode_event("RoundLedger", [first, *[b"\xff" * 32] * topics], data)


def test_terms_are_those_of_the_contract() -> None:
    """Field by field."""
    for entry in (e for e in abi("event") if e["name"] == "RunOpened"):
        (terms,) = [i for i in entry["inputs"] if i["type"] == "tuple"]
        assert [snake(c["name"]) for c in terms["components"]] == [
            f.name for f in dataclasses.fields(Terms)
        ]


def calls() -> list[Any]:
    """Every class of Call."""
    return [
        kind for union in get_args(Call) for kind in (get_args(union) if get_args(union) else (union,))
    ]


SOME: dict[str, Any] = {
    "int": 3,
    "bytes": bytes(32),
    "Digest": Digest(bytes(32)),
    "Address": Address("0x" + "00" * 20),
    "PeerKey": PeerKey(bytes(32)),
    "Terms": TERMS,
    "tuple[int, ...]": (1, 2),
}
SOMEWHERE = Network(
    1, Address("0x" + "01" * 20), Address("0x" + "02" * 20), bytes(32), 0, Address("0x" + "03" * 20)
)


@pytest.mark.parametrize("kind", calls(), ids=lambda kind: kind.__name__)
def test_every_call_has_a_function_with_its_arguments_and_a_gas_limit(kind: Any) -> None:
    """The right contract, selector and number of arguments."""
    call = kind(*(SOME[str(f.type)] for f in dataclasses.fields(kind)))
    encoded = evm.encode_call(call, SOMEWHERE)
    contract = contracts_of(SOMEWHERE)[Address(encoded.to)]
    name = evm.function_of(kind)
    (entry,) = [e for e in evm.artifact(contract)["abi"] if e.get("name") == name]
    kinds = [evm._type(i) for i in entry["inputs"]]
    assert encoded.data[:4] == keccak(text=f"{name}({','.join(kinds)})")[:4]
    assert len(decode(kinds, encoded.data[4:])) == len(entry["inputs"])
    assert encoded.gas > 0


def test_gas_limits_grow_with_what_a_call_carries() -> None:
    """A longer manifest, more runs."""
    small = evm.encode_call(OpenRun(TERMS, b"x"), SOMEWHERE).gas
    large = evm.encode_call(OpenRun(TERMS, b"x" * 1001), SOMEWHERE).gas
    assert large - small == 1000 * evm._gas_limits()["openRunPerByte"]
    one = evm.encode_call(Revoke(1, (1,), 0), SOMEWHERE).gas
    assert evm.encode_call(Revoke(1, (1, 2), 0), SOMEWHERE).gas > one


WEB3_EXCEPTIONS = [
    kind
    for _, kind in inspect.getmembers(web3.exceptions, inspect.isclass)
    if issubclass(kind, web3.exceptions.Web3Exception)
]


@pytest.mark.parametrize("kind", WEB3_EXCEPTIONS, ids=lambda kind: kind.__name__)
def test_every_exception_of_web3_becomes_one_of_ours(kind: Any) -> None:
    """An upgrade that brings another kind can't let it through."""
    error = kind.__new__(kind)
    error.args = ("what it says",)
    error.message, error.data, error.rpc_response = "what it says", None, None
    with pytest.raises(WaggleError):
        raise_mapped(error, "here")


def test_signing_is_native() -> None:
    """coincurve, not the pure Python backend that takes a hundred times as long."""
    assert isinstance(RICH._key_obj.backend, CoinCurveECCBackend)


# Connecting.


async def test_no_node_at_the_url_is_said_without_its_secrets() -> None:
    """Cause and remedy in one line; user, password, path and query stay out."""
    url = "http://user:hunter2@127.0.0.1:1/v3/secret?key=secret"
    with pytest.raises(ChainUnreachable) as raised:
        await connect(url, SOMEWHERE, RICH, patience=HASTY)
    text = str(raised.value)
    assert "http://127.0.0.1:1 doesn't answer" in text
    assert "hunter2" not in text
    assert "secret" not in text
    assert "\n" not in text


@pytest.mark.parametrize("answer", [b"<html>", b"\xff\xfe", b"{}", b"[]", b"null", b'{"result":"x"}'])
async def test_a_server_that_is_no_ethereum_node_is_named(answer: bytes) -> None:
    """Whatever it answers, it is one of our errors."""
    with web_server(answer) as url, pytest.raises(WaggleError) as raised:
        await connect(url, SOMEWHERE, RICH, patience=HASTY)
    assert url in str(raised.value)


@contextmanager
def web_server(answer: bytes) -> Iterator[str]:
    """An HTTP server that gives everybody the same answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"chain_id": 7}, "is on chain 131277322940537, the network on chain 7"),
        ({"ledger": Address("0x" + "11" * 20)}, "there is no contract at 0x1111"),
        ({"network_id": bytes(32)}, "not 00000000"),
    ],
)
async def test_another_network_is_noticed(
    pyevm_world: PyEvmWorld, change: dict[str, Any], said: str
) -> None:
    """Wrong chain, no contract, another registry: each names what was found and expected."""
    network = dataclasses.replace(pyevm_world.network, **change)
    with pytest.raises(WrongUse, match=said):
        await connect(pyevm_world.rpc, network, RICH)


async def test_another_contract_is_noticed(pyevm_world: PyEvmWorld) -> None:
    """Code is there, but it isn't a ledger that gives the network's id."""
    network = pyevm_world.network
    swapped = dataclasses.replace(network, registry=network.ledger, ledger=network.registry)
    with pytest.raises(WrongUse, match="is not a NodeRegistry"):
        await connect(pyevm_world.rpc, swapped, RICH)


async def test_a_ledger_of_the_other_kind_is_noticed(pyevm_world: PyEvmWorld) -> None:
    """Most of what both answer is alike; whoever mixes them up would look at an empty record."""
    network = pyevm_world.network
    with pytest.raises(WrongUse, match="can't be both"):
        await connect(pyevm_world.rpc, dataclasses.replace(network, gossip=network.ledger), RICH)
    with pytest.raises(WrongUse, match="is not a RoundLedger"):
        await find_network(pyevm_world.rpc, network.gossip, Address(""))
    with pytest.raises(WrongUse, match="is not a GossipLedger"):
        await connect(pyevm_world.rpc, dataclasses.replace(network, gossip=network.registry), RICH)


async def test_an_answer_too_short_for_its_type_is_no_contracts() -> None:
    """An endpoint that answers everything with 1 is named, in one line."""
    answer = b'{"jsonrpc": "2.0", "id": 0, "result": "0x1"}'
    with web_server(answer) as rpc, pytest.raises(WrongUse, match="is not a RoundLedger"):
        await find_network(rpc, Address("0x" + "11" * 20), Address(""))


def test_an_endpoints_own_words_are_passed_on_in_short() -> None:
    """It may answer with megabytes."""
    error = web3.exceptions.Web3RPCError("x", rpc_response={"error": {"message": "no" * 5000}})
    with pytest.raises(RpcRefusal) as raised:
        raise_mapped(error, "there")
    assert len(str(raised.value)) < 600


# Sending.


async def test_an_account_without_gas_money_is_named(anvil_world: AnvilWorld) -> None:
    """And what to do about it."""
    poor = Account.from_key(b"\x77" * 32)
    chain = await connect(anvil_world.rpc, anvil_world.network, poor)
    with pytest.raises(WrongUse, match=f"{poor.address} has too little gas money"):
        await chain.send(Enter(1))


async def test_a_call_that_needs_more_gas_than_its_limit_is_no_refusal(
    pyevm_world: PyEvmWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The contract didn't refuse: the chain prices gas differently."""
    limits = evm._gas_limits() | {"openRunBase": 60_000}
    monkeypatch.setattr(evm, "_gas_limits", lambda: limits)
    with pyevm_world.undone(), pytest.raises(InfrastructureFault, match="used all of its"):
        await pyevm_world.authority.send(OpenRun(TERMS, MANIFEST))


async def test_a_refusal_by_the_registry_comes_through(pyevm_world: PyEvmWorld) -> None:
    """Values decoded: bytes, numbers, addresses."""
    taken = PeerKey(bytes([102]) * 32)
    with pyevm_world.undone():
        found = await refusal(pyevm_world.nodes[0].send(RotatePeerKey(taken)))
    assert found == ("PeerKeyTaken", taken, 2)


async def test_a_refusal_knows_the_time_of_its_block(pyevm_world: PyEvmWorld) -> None:
    """Not that of a later one: `advance` is refused with the time at which it was."""
    with pyevm_world.undone():
        await pyevm_world.authority.send(OpenRun(TERMS, MANIFEST))
        with pytest.raises(LedgerRefusal, match="TooEarly"):
            await pyevm_world.authority.send(Advance(1))


# Reading.


class Bounded(PyEvm):
    """An endpoint that gives logs of a few blocks at a time."""

    def __init__(self, whole: PyEvm, blocks: int) -> None:
        super().__init__()
        self.ethereum_tester = whole.ethereum_tester
        self.blocks = blocks
        self.requests = 0

    def make_request(self, method: Any, params: Any) -> Any:
        """One request."""
        if method == "eth_getLogs":
            self.requests += 1
            if params[0]["to_block"] - params[0]["from_block"] >= self.blocks:
                return {
                    "jsonrpc": "2.0",
                    "id": 1,
                    "error": {"code": -32005, "message": "range too large"},
                }
        return super().make_request(method, params)


async def test_large_ranges_are_asked_for_in_parts(pyevm_world: PyEvmWorld) -> None:
    """All events in order, whatever an endpoint gives at a time."""
    head = (await pyevm_world.authority.head()).number
    whole = await pyevm_world.authority.events(0, head)
    bounded = Bounded(pyevm_world.provider, blocks=3)
    chain = await connect(bounded, pyevm_world.network, RICH)
    assert await chain.events(0, head) == whole
    assert await chain.events(0, head) == whole  # the second time without trying large ranges
    assert bounded.requests <= 2 + 2 * (head // 2 + 1)


async def test_a_range_refused_down_to_one_block_is_an_error(pyevm_world: PyEvmWorld) -> None:
    """No endless halving."""
    chain = await connect(Bounded(pyevm_world.provider, blocks=0), pyevm_world.network, RICH)
    with pytest.raises(InfrastructureFault, match="range too large"):
        await chain.events(0, 5)


async def test_a_lost_connection_is_tried_again_and_then_named(anvil_url: str) -> None:
    """Bounded: a dead endpoint is reported, it doesn't hang."""
    endpoint = Endpoint("http://127.0.0.1:1", HASTY)
    with trio.fail_after(10), pytest.raises(ChainUnreachable):
        await endpoint.ask(lambda eth: eth.chain_id)
    alive = Endpoint(anvil_url, HASTY)
    assert await alive.ask(lambda eth: eth.chain_id) == 31337


def test_a_chain_is_a_ledger() -> None:
    """Same public names as the protocol."""
    assert {"network", "account", "head", "events", "send"} <= set(dir(Chain))
