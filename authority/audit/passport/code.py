"""Is a contract's code on the chain this release's?

The committed bytecode is what deploys a contract: a constructor, then the code that it leaves on the
chain. That differs in the immutable values alone, which the constructor writes over 32 zero bytes after
a PUSH32: solc writes no other zeros so (a test compares with the compiler's own list). Each value that
was written must be one that this network's contracts have; together they are all of these.
"""

from __future__ import annotations

from collections.abc import Iterator

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from node.chain import contracts_of
from node.evm import artifact
from node.ledger import Address, Network

_HOLE = b"\x7f" + bytes(32)
_DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_NAME, _VERSION = b"Waggle NodeRegistry", b"1"


def check_code(network: Network, address: Address, code: bytes) -> None:
    """Raises ValueError when the code isn't what this release deploys in such a network."""
    contract = contracts_of(network)[address]
    template = _template(contract, len(code))
    values = {code[at : at + 32] for at in holes(template)}
    if _filled(template, code) != template:
        raise ValueError(f"isn't this release's {contract}")
    if values != set(_immutables(contract, network)):
        raise ValueError(f"is this release's {contract}, but deployed for another network")


def network_id(network: Network, before: bytes, salt: bytes) -> bytes:
    """The id that the registry gives itself when it is deployed in the block after `before`."""
    kinds = ("uint256", "address", "bytes32", "bytes32")
    return keccak(encode(kinds, (network.chain_id, network.registry, before, salt)))


def holes(template: bytes) -> Iterator[int]:
    """Where the constructor writes immutable values."""
    at = template.find(_HOLE)
    while at >= 0:
        yield at + 1
        at = template.find(_HOLE, at + len(_HOLE))


def _template(contract: str, length: int) -> bytes:
    """The code that a contract's constructor leaves: the end of what deploys it."""
    whole = bytes.fromhex(artifact(contract)["bytecode"].removeprefix("0x"))
    return whole[max(0, len(whole) - length) :]


def _filled(template: bytes, code: bytes) -> bytes:
    """The code with zeros where the template has holes."""
    blank = bytearray(code)
    for at in holes(template):
        blank[at : at + 32] = bytes(32)
    return bytes(blank)


def _immutables(contract: str, network: Network) -> Iterator[bytes]:
    yield network.network_id
    yield encode(("address",), (network.registry,))
    if contract == "NodeRegistry":
        chain = encode(("uint256",), (network.chain_id,))
        yield chain
        for text in (_NAME, _VERSION):  # as OpenZeppelin's ShortStrings: the length in the last byte
            yield text.ljust(31, b"\0") + bytes([len(text)])
            yield keccak(text)
        domain = keccak(text=_DOMAIN) + keccak(_NAME) + keccak(_VERSION) + chain
        yield keccak(domain + encode(("address",), (network.registry,)))
