"""The ledger over any EVM JSON-RPC endpoint; the only module that imports web3.

Goals: one request per question, no client-specific method, a timeout on each, every failure one of
ours with a remedy. Non-goals: what calls and events look like (`node.evm`), nonces, fees and waiting
(`node.transactions`). web3's synchronous provider runs in worker threads, since web3 knows no trio.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import requests
import trio
from eth_account.signers.local import LocalAccount
from requests.adapters import HTTPAdapter
from web3 import HTTPProvider, Web3
from web3.eth import Eth
from web3.exceptions import ContractLogicError, TransactionNotFound, Web3Exception, Web3RPCError
from web3.providers import BaseProvider
from web3.providers.rpc.utils import ExceptionRetryConfiguration

from node.errors import ChainUnreachable, InfrastructureFault, LedgerRefusal, WrongUse
from node.evm import (
    Encoded,
    decode_error,
    decode_event,
    decode_result,
    encode_call,
    encode_deployment,
    encode_function,
)
from node.ledger import Address, Block, Call, Logged, Mined, Network
from node.network import address_from
from node.outbox import MemoryOutbox, Outbox
from node.transactions import Fees, Patience, Pooling, Receipt, RpcRefusal, Sender

T = TypeVar("T")

VERSION = "1"
_THREADS = 4
_RETRIES = 5
_DEPLOY_GAS = 12_000_000

# What the clients say when they don't pool a transaction: geth, Besu, Nethermind, anvil, py-evm.
_POOLING = {
    "already known": Pooling.TAKEN,
    "known transaction": Pooling.TAKEN,
    "already imported": Pooling.TAKEN,
    "alreadyknown": Pooling.TAKEN,
    "nonce too low": Pooling.SPENT,
    "oldnonce": Pooling.SPENT,
    "underpriced": Pooling.UNDERPRICED,
    "less than block base fee": Pooling.UNDERPRICED,
    "below configured minimum": Pooling.UNDERPRICED,
    "feetoolow": Pooling.UNDERPRICED,
}
# Nobody there, or somebody who doesn't speak JSON-RPC: web3 stumbles over such answers in any way.
_NO_SENSE = (
    Web3Exception,
    requests.RequestException,
    OSError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
)
_LONGEST = 500
"""Characters of an endpoint's own words that are passed on."""
_NO_FUNDS = ("insufficient funds", "upfront cost exceeds", "insufficientfunds")


class Endpoint:
    """One JSON-RPC endpoint: web3's requests with our errors, off the event loop.

    rpc: a URL, or a web3 provider such as py-evm's in tests.
    """

    def __init__(self, rpc: str | BaseProvider, patience: Patience) -> None:
        self.name = _without_secrets(rpc) if isinstance(rpc, str) else type(rpc).__name__
        provider = _http(rpc, patience) if isinstance(rpc, str) else rpc
        provider.global_ccip_read_enabled = False
        self._eth = Web3(provider, middleware=[]).eth
        self._limiter = trio.CapacityLimiter(_THREADS if isinstance(rpc, str) else 1)

    async def ask(self, request: Callable[[Eth], T]) -> T:
        """Run a request in a worker thread. Raises RpcRefusal, ChainUnreachable."""
        try:
            return await trio.to_thread.run_sync(
                request,
                self._eth,
                limiter=self._limiter,
                abandon_on_cancel=True,  # type: ignore[call-arg]  # trio-typing's stubs are older
            )
        except _NO_SENSE as error:
            raise_mapped(error, self.name)

    async def nonce(self, account: str) -> int:
        """Transactions mined from an account."""
        return await self.ask(lambda eth: eth.get_transaction_count(_address(account), "latest"))

    async def fees(self) -> Fees:
        """The base fee and the tip that the chain's node suggests, both zero on zero-gas chains."""
        price = await self.ask(lambda eth: eth.gas_price)
        base = (await self.ask(lambda eth: eth.get_block("latest"))).get("baseFeePerGas")
        return Fees(price if base is None else max(price - base, 0), base)

    async def submit(self, raw: bytes, account: str) -> Pooling:
        """Send a signed transaction."""
        try:
            await self.ask(lambda eth: eth.send_raw_transaction(raw))
        except RpcRefusal as refusal:
            return self._pooling(refusal, account)
        return Pooling.TAKEN

    def _pooling(self, refusal: RpcRefusal, account: str) -> Pooling:
        said = refusal.message.lower()
        if any(words in said for words in _NO_FUNDS):
            raise WrongUse(f"{account} has too little gas money on the chain: fund it") from None
        for words, pooling in _POOLING.items():
            if words in said:
                return pooling
        raise refusal

    async def receipt(self, hash_: bytes) -> Receipt | None:
        """What became of a transaction, or None until it is mined."""
        found = await self.ask(lambda eth: _found(eth, hash_))
        if found is None or found["blockNumber"] is None:
            return None
        return Receipt(
            hash=hash_,
            block=found["blockNumber"],
            gas=found["gasUsed"],
            succeeded=found["status"] == 1,
            contract=found.get("contractAddress"),
            sender=found.get("from", ""),
        )

    async def call(self, to: str, data: bytes) -> bytes:
        """What a view function returns."""
        return bytes(await self.ask(lambda eth: eth.call({"to": _address(to), "data": data})))

    async def revert_data(self, sender: str, call: Encoded, block: int) -> bytes | None:
        """What a call reverts with on the state after a block, or None when it doesn't revert."""
        fields = {
            "from": sender,
            "to": call.to,
            "data": call.data,
            "value": call.value,
            "gas": call.gas,
        }
        return await self.ask(lambda eth: _revert_data(eth, fields, block))


class Chain:
    """Implements `node.ledger.Ledger`. Made by `connect`, which checks what it is connected to."""

    def __init__(self, endpoint: Endpoint, network: Network, sender: Sender) -> None:
        self._endpoint = endpoint
        self._network = network
        self._contracts = contracts_of(network)
        self._sender = sender
        self._span = 1 << 62

    @property
    def name(self) -> str:
        """The endpoint, for messages: no secrets of its address."""
        return self._endpoint.name

    @property
    def network(self) -> Network:
        """Which chain and contracts this is."""
        return self._network

    @property
    def account(self) -> Address:
        """The account that sends calls."""
        return Address(self._sender.account.address)

    async def head(self) -> Block:
        """The newest block. Raises ChainUnreachable."""
        return _block(await self._endpoint.ask(lambda eth: eth.get_block("latest")))

    async def block(self, number: int) -> Block:
        """A block by its number. Raises ChainUnreachable."""
        return _block(await self._endpoint.ask(lambda eth: eth.get_block(number)))

    async def events(self, first: int, last: int) -> Sequence[Logged]:
        """Events of the contracts, in smaller ranges where the endpoint refuses large ones."""
        found: list[Logged] = []
        while first <= last:
            upto = min(last, first + self._span - 1)
            try:
                found += await self._events_at_once(first, upto)
            except RpcRefusal:
                if upto == first:
                    raise
                self._span = (upto - first + 1) // 2
            else:
                first = upto + 1
        return found

    async def _events_at_once(self, first: int, last: int) -> list[Logged]:
        addresses = [_address(address) for address in self._contracts]
        wanted: Any = {"fromBlock": first, "toBlock": last, "address": addresses}
        logs = await self._endpoint.ask(lambda eth: eth.get_logs(wanted))
        found = [logged for log in logs if (logged := self._logged(log)) is not None]
        return sorted(found, key=lambda logged: (logged.block, logged.index))

    def _logged(self, log: Any) -> Logged | None:
        try:
            # Two ledgers tell some things in the same words: whose it is, the address says.
            contract = self._contracts[Address(log["address"])]
            event = decode_event(contract, log["topics"], bytes(log["data"]))
        except (ValueError, KeyError) as error:
            raise ChainUnreachable(
                f"{self._endpoint.name} sent a log that makes no sense: {error}"
            ) from None
        if event is None or log.get("removed"):
            return None
        return Logged(log["blockNumber"], log["logIndex"], bytes(log["transactionHash"]), event)

    async def send(self, call: Call) -> Mined:
        """Send a call and wait until it is mined. Raises LedgerRefusal, ChainUnreachable, WrongUse."""
        encoded = encode_call(call, self._network)
        receipt = await self._sender.send(encoded)
        if not receipt.succeeded:
            raise await self._refusal(encoded, receipt)
        return Mined(receipt.block, receipt.gas, receipt.hash)

    async def receipt(self, transaction: bytes) -> Receipt | None:
        """What became of a transaction; None for one that the endpoint doesn't know."""
        return await self._endpoint.receipt(transaction)

    async def _refusal(self, call: Encoded, receipt: Receipt) -> LedgerRefusal | InfrastructureFault:
        """Why a call failed: it is run again after its block, then before it."""
        if receipt.gas >= call.gas:
            return InfrastructureFault(
                f"a call used all of its {call.gas} gas: this chain prices gas in another way than the "
                "one that node/abi/gas.json was measured on"
            )
        for block in (receipt.block, receipt.block - 1):
            data = await self._endpoint.revert_data(self.account, call, block)
            if data is not None:
                return decode_error(data)
        return LedgerRefusal("Unexplained")


async def connect(
    rpc: str | BaseProvider,
    network: Network,
    account: LocalAccount,
    *,
    outbox: Outbox | None = None,
    outbox_limiter: trio.CapacityLimiter | None = None,
    patience: Patience | None = None,
) -> Chain:
    """A chain that is the network's, with the contracts that this node knows.

    outbox_limiter: shared with whoever else uses the outbox's database; one call at a time.
    Raises WrongUse, ChainUnreachable.
    """
    patience = patience or Patience()
    endpoint = Endpoint(rpc, patience)
    await _check(endpoint, network)
    sender = _sender(endpoint, account, network.chain_id, outbox, outbox_limiter, patience)
    return Chain(endpoint, network, sender)


async def deploy(
    rpc: str | BaseProvider,
    account: LocalAccount,
    admin_delay: int,
    salt: bytes,
    *,
    patience: Patience | None = None,
) -> Network:
    """Deploy the contracts with `account` as their admin; admin_delay in seconds, salt 32 bytes."""
    patience = patience or Patience()
    endpoint = Endpoint(rpc, patience)
    chain_id = await endpoint.ask(lambda eth: eth.chain_id)
    sender = _sender(endpoint, account, chain_id, None, None, patience)
    registry, block = await _deployed(
        sender, encode_deployment("NodeRegistry", account.address, admin_delay, salt)
    )
    ledger, _ = await _deployed(sender, encode_deployment("RoundLedger", registry))
    gossip, _ = await _deployed(sender, encode_deployment("GossipLedger", registry))
    network_id = await _view(endpoint, "NodeRegistry", registry, "networkId")
    return Network(chain_id, registry, ledger, network_id, block, gossip)


async def _deployed(sender: Sender, data: bytes) -> tuple[Address, int]:
    receipt = await sender.send(Encoded("", data, 0, _DEPLOY_GAS))
    if not receipt.succeeded or receipt.contract is None:
        raise WrongUse("the deployment failed: the chain must run the Cancun EVM or a later one")
    return Address(receipt.contract), receipt.block


def _sender(
    endpoint: Endpoint,
    account: LocalAccount,
    chain_id: int,
    outbox: Outbox | None,
    limiter: trio.CapacityLimiter | None,
    patience: Patience,
) -> Sender:
    run_outbox = partial(trio.to_thread.run_sync, limiter=limiter or trio.CapacityLimiter(1))
    return Sender(endpoint, account, chain_id, outbox or MemoryOutbox(), patience, run_outbox)


async def find_network(rpc: str | BaseProvider, ledger: Address, gossip: Address) -> Network:
    """The network that a ledger belongs to, for whoever knows its address only.

    gossip: the GossipLedger's address, or empty. Raises WrongUse, ChainUnreachable.
    """
    endpoint = Endpoint(rpc, Patience())
    chain_id = await endpoint.ask(lambda eth: eth.chain_id)
    await _check_contract(endpoint, "RoundLedger", ledger)
    registry = address_from(await _view(endpoint, "RoundLedger", ledger, "registry"))
    network_id = await _view(endpoint, "NodeRegistry", registry, "networkId")
    return Network(chain_id, registry, ledger, network_id, 0, gossip)


async def _check(endpoint: Endpoint, network: Network) -> None:
    """Is this the network's chain, and are these its contracts? Raises WrongUse."""
    chain_id = await endpoint.ask(lambda eth: eth.chain_id)
    if chain_id != network.chain_id:
        raise WrongUse(
            f"{endpoint.name} is on chain {chain_id}, the network on chain {network.chain_id}: "
            "give the endpoint of a node of that chain"
        )
    if network.gossip == network.ledger:
        raise WrongUse(f"{network.ledger} can't be both the RoundLedger and the GossipLedger")
    for address, contract in contracts_of(network).items():
        await _check_contract(endpoint, contract, address)
        await _check_registry(endpoint, contract, address, network.registry)
    found = await _view(endpoint, "NodeRegistry", network.registry, "networkId")
    if found != network.network_id:
        raise WrongUse(
            f"the registry at {network.registry} is of network {found.hex()[:8]}, not "
            f"{network.network_id.hex()[:8]}: the chain was started anew; enrol again"
        )


def contracts_of(network: Network) -> dict[Address, str]:
    """The network's contracts by address."""
    found = {network.registry: "NodeRegistry", network.ledger: "RoundLedger"}
    return found | ({network.gossip: "GossipLedger"} if network.gossip else {})


_OWN: dict[str, tuple[Any, ...]] = {
    "NodeRegistry": ("networkId",),
    "RoundLedger": ("finalizedOf", 0, 0),
    "GossipLedger": ("modelOf", 0, 0),
}
"""What only a contract of its kind answers: the two ledgers have much in common."""


async def _check_contract(endpoint: Endpoint, contract: str, address: Address) -> None:
    if not await endpoint.ask(lambda eth: eth.get_code(_address(address))):
        raise WrongUse(
            f"there is no contract at {address} ({contract}) on {endpoint.name}: the chain was "
            "started anew, or the address is of another network"
        )
    await _view(endpoint, contract, address, *_OWN[contract])
    version = await _view(endpoint, contract, address, "version")
    if version != VERSION:
        raise WrongUse(
            f"the {contract} at {address} has version {version}, this node knows {VERSION}: install "
            "the release that fits the network"
        )


async def _check_registry(endpoint: Endpoint, contract: str, address: str, registry: Address) -> None:
    """Does a ledger go by this registry? Raises WrongUse."""
    if contract == "NodeRegistry":
        return
    found = address_from(await _view(endpoint, contract, address, "registry"))
    if found != registry:
        raise WrongUse(f"the {contract} at {address} goes by the registry {found}, not {registry}")


async def _view(endpoint: Endpoint, contract: str, address: str, name: str, *arguments: int) -> Any:
    try:
        answer = await endpoint.call(address, encode_function(contract, name, *arguments))
        return decode_result(contract, name, answer)
    except (ValueError, RpcRefusal, LedgerRefusal):
        raise WrongUse(
            f"what is at {address} is not a {contract}: check the network's addresses"
        ) from None


def raise_mapped(error: Exception, name: str) -> NoReturn:
    """Raise one of our errors for one of web3's or of the transport's."""
    if isinstance(error, ContractLogicError):
        raise LedgerRefusal("Unexplained", str(error.message)) from None
    if isinstance(error, Web3RPCError):
        details: Any = (error.rpc_response or {}).get("error")
        details = details if isinstance(details, dict) else {}
        code, message = details.get("code", 0), details.get("message", str(error.message))
        raise RpcRefusal(name, code, str(message)[:_LONGEST]) from None
    raise ChainUnreachable(
        f"{name} doesn't answer as an Ethereum node ({type(error).__name__}): see that the chain's "
        "node runs there and that the rpc setting names it"
    ) from error


def _http(url: str, patience: Patience) -> HTTPProvider:
    """A provider with one kept connection per thread, web3's own bounded retries, and timeouts."""
    retries = ExceptionRetryConfiguration(
        errors=(requests.ConnectionError, requests.Timeout, requests.HTTPError), retries=_RETRIES
    )
    return HTTPProvider(
        url,
        request_kwargs={"timeout": patience.request},
        session=_session(url),
        exception_retry_configuration=retries,
    )


def _session(url: str) -> requests.Session:
    """Proxies and certificates come from the environment once, not again with each request."""
    session = requests.Session()
    settings = session.merge_environment_settings(url, {}, False, None, None)
    session.proxies, session.verify = settings["proxies"], settings["verify"]
    session.trust_env = False
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=_THREADS)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def _without_secrets(url: str) -> str:
    """Scheme, host and port: user names, tokens in paths and queries don't belong into messages.

    Raises WrongUse for what is no such address.
    """
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        parts, port = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WrongUse("the chain's address (rpc) must be like http://127.0.0.1:8545 or https://HOST")
    return f"{parts.scheme}://{parts.hostname}{port}"


def _block(found: Any) -> Block:
    return Block(found["number"], found["timestamp"], bytes(found["hash"]))


def _found(eth: Eth, hash_: bytes) -> Any:
    try:
        return eth.get_transaction_receipt(hash_)  # type: ignore[arg-type]
    except TransactionNotFound:
        return None


def _revert_data(eth: Eth, fields: Any, block: int) -> bytes | None:
    try:
        eth.call(fields, block)
    except ContractLogicError as error:
        data = error.data if isinstance(error.data, str) else ""
        text = data.removeprefix("Reverted ").removeprefix("0x")
        return bytes.fromhex(text) if len(text) >= 8 and text != "no data" else b""
    return None


def _address(text: str) -> Any:
    """Our checksummed addresses, as web3's type."""
    return text
