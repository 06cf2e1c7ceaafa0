"""The contracts on py-evm, call by call at exact times: no blocks mined, no pool, no polling.

Goals: thousands of calls, each in milliseconds; times that are exactly the caller's; no chance.
Non-goals: nonces, fees, receipts, logs in blocks: `tests.chains.PyEvmWorld` has the whole chain.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Self

from eth.chains.base import MiningChain
from eth.db.atomic import AtomicDB
from eth.vm.forks.cancun import CancunVM
from eth.vm.spoof import SpoofTransaction
from eth_utils.address import to_canonical_address, to_checksum_address

from node import evm
from node.ledger import Address, Call, Event, Network, is_gossip

CHAIN_ID = 31337
GENESIS_TIME = 1_800_000_000
_DEPLOY_GAS = 12_000_000
_RICH = {"balance": 10**24, "nonce": 0, "code": b"", "storage": {}}


class Contracts:
    """The contracts after the calls so far."""

    def __init__(self, chain: Any, header: Any, network: Network) -> None:
        self.network = network
        self._chain, self._header = chain, header
        self._vm = chain.get_vm(header)

    @classmethod
    def deployed(cls, authority: Address, accounts: Collection[Address]) -> Self:
        """The contracts with nobody admitted; all accounts can pay for their calls."""
        chain = _chain({authority, *accounts})
        nowhere = Network(CHAIN_ID, Address(""), Address(""), bytes(32), 0)
        found = cls(chain, chain.header, nowhere)
        registry = found._deploy(authority, "NodeRegistry", authority, 3600, bytes(32))
        ledger = found._deploy(authority, "RoundLedger", registry)
        gossip = found._deploy(authority, "GossipLedger", registry)
        network_id = found._view("NodeRegistry", registry, "networkId")
        found.network = Network(CHAIN_ID, registry, ledger, network_id, 0, gossip)
        return found

    def fork(self) -> Self:
        """The same state, to go on from on its own."""
        self._vm.state.persist()
        header = self._header.copy(state_root=self._vm.state.state_root)
        return type(self)(self._chain, header, self.network)

    def call(self, caller: Address, call: Call, now: int) -> list[Event]:
        """What the contracts say to a call at a time. Raises LedgerRefusal."""
        computation = self._applied(caller, evm.encode_call(call, self.network), now)
        return [event for log in computation.get_log_entries() if (event := self._event(*log))]

    def state_of(self, run: int) -> dict[str, Any]:
        """What a run's ledger says of it, by field."""
        contract = "GossipLedger" if is_gossip(run) else "RoundLedger"
        (entry,) = [e for e in evm.artifact(contract)["abi"] if e.get("name") == "stateOf"]
        names = [component["name"] for component in entry["outputs"][0]["components"]]
        return dict(zip(names, self.ask(contract, "stateOf", run), strict=True))

    def ask(self, contract: str, name: str, *arguments: Any) -> Any:
        """What a view function returns."""
        return self._view(contract, evm.address_of(contract, self.network), name, *arguments)

    def _event(self, address: bytes, topics: Sequence[int], data: bytes) -> Event | None:
        names = {to_canonical_address(evm.address_of(c, self.network)): c for c in evm.CONTRACTS}
        return evm.decode_event(names[address], [_word(topic) for topic in topics], data)

    def _deploy(self, sender: Address, contract: str, *arguments: Any) -> Address:
        data = evm.encode_deployment(contract, *arguments)
        computation = self._applied(sender, evm.Encoded("", data, 0, _DEPLOY_GAS), GENESIS_TIME)
        return Address(to_checksum_address(computation.msg.storage_address))

    def _view(self, contract: str, address: Address, name: str, *arguments: Any) -> Any:
        to = to_canonical_address(address)
        computation = self._vm.execute_bytecode(
            origin=to,
            gas_price=0,
            gas=10**7,
            to=to,
            sender=to,
            value=0,
            data=evm.encode_function(contract, name, *arguments),
            code=self._vm.state.get_code(to),
        )
        return evm.decode_result(contract, name, computation.output)

    def _applied(self, sender: Address, encoded: evm.Encoded, now: int) -> Any:
        """Apply a transaction as one of many in a block, but at a time of its own."""
        header = self._header.copy(timestamp=now)
        state = self._vm.state
        state.execution_context = self._vm.create_execution_context(header, (), self._vm.chain_context)
        state.lock_changes()
        computation = state.apply_transaction(_transaction(self._vm, sender, encoded))
        if computation.is_error:
            raise evm.decode_error(bytes(computation.output))
        return computation


def _chain(accounts: Collection[Address]) -> Any:
    kind = MiningChain.configure("Exact", vm_configuration=((0, CancunVM),), chain_id=CHAIN_ID)
    genesis = {"difficulty": 0, "gas_limit": 30_000_000, "timestamp": GENESIS_TIME}
    state = {to_canonical_address(account): _RICH for account in accounts}
    return kind.from_genesis(AtomicDB(), genesis, state)


def _transaction(vm: Any, sender: Address, encoded: evm.Encoded) -> SpoofTransaction:
    """A transaction that needs no signature."""
    account = to_canonical_address(sender)
    unsigned = vm.get_transaction_builder().new_unsigned_dynamic_fee_transaction(
        chain_id=CHAIN_ID,
        nonce=vm.state.get_nonce(account),
        max_priority_fee_per_gas=0,
        max_fee_per_gas=vm.get_header().base_fee_per_gas,
        gas=encoded.gas,
        to=to_canonical_address(encoded.to) if encoded.to else b"",
        value=encoded.value,
        data=encoded.data,
        access_list=(),
    )
    return SpoofTransaction(unsigned, from_=account)


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")
