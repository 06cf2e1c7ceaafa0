"""docs/formats.md is enough to verify a passport: a reader made from the page, without our code."""

from __future__ import annotations

import hashlib
import json

import pytest
import rlp
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from trie.hexary import HexaryTrie

from node.evm import artifact
from tests.passports import export, passport, swarm

__all__ = ["passport", "swarm"]
pytestmark = pytest.mark.timeout(60)


def read(data):
    """Kind, number, content of each entry, checksums and seal checked."""
    assert data.startswith(b"waggle passport 1\n")
    data, seal = data[18:], hashlib.sha256()
    while data:
        length = int.from_bytes(data[9:17], "big")
        head, checksum, content = data[:17], data[17:49], data[49 : 49 + length]
        assert hashlib.sha256(head + content).digest() == checksum
        if data[:1] == b"E":
            assert (content, data[81:]) == (seal.digest(), b"")
        seal.update(checksum)
        yield data[:1], int.from_bytes(data[1:9], "big"), content
        data = data[49 + length :]


def in_bloom(bloom, address):
    """Whether a bloom has an address: three bits of 2048, from pairs of its Keccak-256's bytes."""
    hashed, bits = keccak(address), int.from_bytes(bloom, "big")
    return all(bits >> (int.from_bytes(hashed[i : i + 2], "big") % 2048) & 1 for i in (0, 2, 4))


def proven_logs(entries, facts):
    """Addresses and topics of all logs, from headers and receipts that hang together."""
    network, logs, parent, wanted = facts["network"], [], None, False
    contracts = [bytes.fromhex(network[name][2:]) for name in ("registry", "ledger", "gossip")]
    for kind, number, content in entries:
        if kind == b"H":
            header = rlp.decode(content)
            values = (network["chain_id"], network["registry"], header[0], bytes.fromhex(facts["salt"]))
            network_id = keccak(encode(("uint256", "address", "bytes32", "bytes32"), values))
            assert not wanted
            assert header[0] == parent if parent else network_id.hex() == network["network_id"]
            assert int.from_bytes(header[8], "big") == number
            parent, wanted = keccak(content), any(in_bloom(header[6], one) for one in contracts)
        elif kind == b"R":
            trie, wanted = HexaryTrie({}), False
            for position, receipt in enumerate(rlp.decode(content)):
                trie[rlp.encode(position)] = receipt
                said = rlp.decode(receipt[receipt[0] < 0x80 :])[3]
                logs += [log for log in said if log[0] in contracts]
            assert trie.root_hash == header[5]
    assert number_of_head(entries) == facts["head"]
    return logs, header[3], contracts


def number_of_head(entries):
    """The last header's block."""
    return [number for kind, number, _ in entries if kind == b"H"][-1]


def check_code(contract, address, code, nodes, state_root):
    """The account has the code's hash; the code is the committed one, but for the immutables."""
    nodes = [rlp.decode(node) for node in rlp.decode(nodes)]
    account = HexaryTrie.get_from_proof(state_root, keccak(address), nodes)
    assert rlp.decode(account)[3] == keccak(code)
    blank, known = bytearray(code), artifact(contract)
    for start, length in known["immutables"]:
        blank[start : start + length] = bytes(length)
    assert "0x" + keccak(bytes(blank)).hex() == known["deployedCodeHash"]


def test_the_page_is_enough_to_verify_a_passport(passport, swarm):
    """Entries, chain of headers, beginning, receipts, code and blobs, by the page alone."""
    entries = list(read(passport.read_bytes()))
    facts = json.loads(entries[0][2])
    logs, state_root, contracts = proven_logs(entries, facts)
    assert len(logs) == len(swarm.logged)
    codes, accounts = ([c for k, _, c in entries if k == kind] for kind in (b"C", b"A"))
    names = ("NodeRegistry", "RoundLedger", "GossipLedger")
    for name, address, code, nodes in zip(names, contracts, codes, accounts, strict=True):
        check_code(name, address, code, nodes, state_root)
    for blob in [content for kind, _, content in entries if kind == b"B"]:
        name, content = blob[:32], blob[32:]  # all of one chunk
        whole = b"waggle/blob/1\0" + len(content).to_bytes(8, "big") + hashlib.sha256(content).digest()
        assert hashlib.sha256(whole).digest() == name


def test_a_sparse_passport_has_first_last_and_speaking_blocks(swarm, tmp_path):
    """As the page says."""
    export(swarm, tmp_path / "out", sparse=True)
    entries = list(read((tmp_path / "out").read_bytes()))
    head = json.loads(entries[0][2])["head"]
    headers = [number for kind, number, _ in entries if kind == b"H"]
    speaking = [number for kind, number, _ in entries if kind == b"R"]
    assert set(headers) == {1, head, *speaking}
