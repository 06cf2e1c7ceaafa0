"""Salts that come back after a crash, nonces that never do."""

import hashlib
import hmac
from dataclasses import replace

import pytest

from node.contracts.chain import MemoryChain, memory_address
from node.digest import digest
from node.entropy import SeededEntropy, SystemEntropy

NETWORK = MemoryChain(memory_address("authority"), clock=lambda: 0).network
PLACE = {"network": NETWORK, "run": 1, "round_": 2, "base": digest(b"base"), "member": 3}
ELSEWHERE = {
    "network id": {"network": replace(NETWORK, network_id=b"n" * 32)},
    "ledger": {"network": replace(NETWORK, ledger=memory_address("another ledger"))},
    "run": {"run": 2},
    "round": {"round_": 3},
    "base": {"base": digest(b"another")},
    "member": {"member": 4},
}


def test_a_salt_comes_back():
    """After a restart the same secret gives the same 32 bytes."""
    first, again = (SystemEntropy(b"secret" * 6).salt(**PLACE) for _ in range(2))
    assert first == again
    assert len(first) == 32


def test_the_salt_is_what_the_docstring_says():
    """HMAC-SHA-256 over tag, network id, ledger, run, round, member and base, in this order."""
    numbers = b"".join(number.to_bytes(8, "big") for number in (1, 2, 3))
    text = b"waggle/salt/1" + NETWORK.network_id + bytes.fromhex(NETWORK.ledger[2:]) + numbers
    expected = hmac.digest(b"s" * 32, text + digest(b"base").raw, hashlib.sha256)
    assert SystemEntropy(b"s" * 32).salt(**PLACE) == expected


@pytest.mark.parametrize("change", ELSEWHERE.values(), ids=ELSEWHERE)
def test_salts_differ_elsewhere(change):
    """Another chain, run, round, base or member: another salt."""
    entropy = SystemEntropy(b"s" * 32)
    assert entropy.salt(**PLACE) != entropy.salt(**{**PLACE, **change})


def test_salts_differ_between_nodes():
    """Who doesn't know the secret can't compute the salt."""
    assert SystemEntropy(b"a" * 32).salt(**PLACE) != SystemEntropy(b"b" * 32).salt(**PLACE)


def test_nonces_are_fresh():
    """Even for the same place."""
    entropy = SystemEntropy(b"s" * 32)
    nonces = {entropy.nonce(1, 2, 3) for _ in range(10)}
    assert {len(nonce) for nonce in nonces} == {32}
    assert len(nonces) == 10


def test_seeded_entropy_is_the_same_for_the_same_seed():
    """On any chain: that is what `waggle up --seed` needs."""
    elsewhere = {**PLACE, **ELSEWHERE["network id"], **ELSEWHERE["base"]}
    assert SeededEntropy(7).salt(**PLACE) == SeededEntropy(7).salt(**elsewhere)
    assert SeededEntropy(7).nonce(1, 2, 3) == SeededEntropy(7).nonce(1, 2, 3)


def test_seeded_entropy_differs_otherwise():
    """By seed, run, round and member, and a salt is no nonce."""
    places = [(7, 1, 2, 3), (8, 1, 2, 3), (7, 2, 2, 3), (7, 1, 3, 3), (7, 1, 2, 4)]
    nonces = [SeededEntropy(seed).nonce(*place) for seed, *place in places]
    salts = [
        SeededEntropy(seed).salt(NETWORK, run, round_, digest(b"base"), member)
        for seed, run, round_, member in places
    ]
    assert len({*nonces, *salts}) == 10
