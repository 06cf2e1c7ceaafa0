"""Is a contract's code on the chain this release's?

Deployed code differs from one network to the next in its immutable values alone. Where these are, and
the hash of all the rest, is committed with the ABI. Each value must be one that this network's
contracts have, and none of those may lack.
"""

from __future__ import annotations

from collections.abc import Iterator

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from node.chain import contracts_of
from node.evm import artifact
from node.ledger import Address, Network

_DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_NAME, _VERSION = b"Waggle NodeRegistry", b"1"


def check_code(network: Network, address: Address, code: bytes) -> None:
    """Raises ValueError when the code isn't what this release deploys in such a network."""
    contract = contracts_of(network)[address]
    known, blank = artifact(contract), bytearray(code)
    for start, length in known["immutables"]:
        blank[start : start + length] = bytes(length)
    if keccak(bytes(blank)).hex() != known["deployedCodeHash"].removeprefix("0x"):
        raise ValueError(f"isn't this release's {contract}")
    values = {code[start : start + length] for start, length in known["immutables"]}
    if values != set(immutables(contract, network)):
        raise ValueError(f"is this release's {contract}, but deployed for another network")


def network_id(network: Network, before: bytes, salt: bytes) -> bytes:
    """The id that the registry gives itself when it is deployed in the block after `before`."""
    kinds = ("uint256", "address", "bytes32", "bytes32")
    return keccak(encode(kinds, (network.chain_id, network.registry, before, salt)))


def immutables(contract: str, network: Network) -> Iterator[bytes]:
    """The immutable values of a network's contract, 32 bytes each."""
    registry, chain = (
        encode((kind,), (value,))
        for kind, value in (("address", network.registry), ("uint256", network.chain_id))
    )
    yield network.network_id
    yield registry
    if contract == "NodeRegistry":
        yield chain
        for text in (_NAME, _VERSION):  # as OpenZeppelin's ShortStrings: the length in the last byte
            yield text.ljust(31, b"\0") + bytes([len(text)])
            yield keccak(text)
        yield keccak(keccak(text=_DOMAIN) + keccak(_NAME) + keccak(_VERSION) + chain + registry)
