"""Peer ids and addresses as libp2p writes them, without libp2p: importing that takes a second.

Goals: exactly the peer ids of Ed25519 keys, and the multiaddresses that TCP peers are dialled at.
Non-goals: other keys, other transports, resolving names.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.errors import WrongUse
from node.exchange import PeerKey

ED25519_ID = bytes.fromhex("002408011220")
"""What a peer id starts with: identity multihash of 36 bytes, protobuf of an Ed25519 key."""

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_ID_LETTERS = 52


def peer_id_of(key: PeerKey) -> str:
    """The libp2p peer id of a key: 52 letters of base58 that start with 12D3Koo."""
    number, letters = int.from_bytes(ED25519_ID + key, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        letters = _BASE58[digit] + letters
    # The one leading zero byte of every such id.
    return "1" + letters


def key_of(peer_id: str) -> PeerKey:
    """The key in a libp2p peer id. Raises WrongUse when it isn't an Ed25519 one."""
    number = 0
    if len(peer_id) == _ID_LETTERS and set(peer_id) <= set(_BASE58):
        for letter in peer_id:
            number = number * 58 + _BASE58.index(letter)
    key = PeerKey((number % 2**256).to_bytes(32, "big"))
    if peer_id != peer_id_of(key):
        raise WrongUse(f"{peer_id!r} is not the peer id of an Ed25519 key: it starts with 12D3Koo")
    return key


def public_key_of(private_key: bytes) -> PeerKey:
    """The peer key that belongs to a 32-byte Ed25519 seed."""
    return PeerKey(Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw())


def parse_address(address: str) -> tuple[str, int, PeerKey | None]:
    """Host, port and peer of a multiaddress `/ip4/…/tcp/…[/p2p/…]`. Raises WrongUse."""
    match address.split("/"):
        case ["", "ip4" | "ip6" | "dns" | "dns4" | "dns6", host, "tcp", port] if _is_port(port):
            return host, int(port), None
        case ["", _, _, "tcp", _, "p2p", peer_id]:
            host, number, _ = parse_address(address.removesuffix(f"/p2p/{peer_id}"))
            return host, number, key_of(peer_id)
    raise WrongUse(f"address {address!r} should look like /ip4/192.0.2.1/tcp/4001/p2p/12D3Koo…")


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text[:6]) < 65_536


def write_address(host: str, port: int, key: PeerKey) -> str:
    """The multiaddress of a peer that listens on an IP address."""
    kind = "ip6" if ":" in host else "ip4"
    return f"/{kind}/{host}/tcp/{port}/p2p/{peer_id_of(key)}"
