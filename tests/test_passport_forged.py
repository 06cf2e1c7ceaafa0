"""Whoever forges a passport, with checksums and seal as they must be, is found, and told where."""

from __future__ import annotations

from dataclasses import replace

import pytest
import rlp

from authority.audit.passport import telling
from authority.audit.passport.checking import verify_passport
from authority.audit.passport.facts import Facts
from authority.audit.passport.frames import Kind
from node.digest import digest
from node.errors import BadAnswer
from node.ledger import Revealed, RunOpened
from tests import passports
from tests.passports import Mined, export, forged, parts, passport, receipt, swarm

__all__ = ["passport", "swarm"]
pytestmark = pytest.mark.timeout(60)

ROOT = "don't give the root in its header"


@pytest.fixture
def found(passport):
    """The entries of a good passport, for a test to alter."""
    return parts(passport)


@pytest.fixture
def said(tmp_path):
    """Gives what is said of a passport of such entries."""

    def finding(altered):
        with pytest.raises(BadAnswer) as caught:
            verify_passport(forged(tmp_path / "forged", altered))
        return str(caught.value)

    return finding


def place(found, kind, which=0):
    """The position of the nth entry of a kind, from 0."""
    return [at for at, one in enumerate(found) if one[0] is kind][which]


def put(found, at, content):
    """Another content for the entry there; its block."""
    kind, number, _ = found[at]
    found[at] = (kind, number, content)
    return number


def with_field(raw, position, value):
    """A header with another field."""
    fields = rlp.decode(raw)
    fields[position] = value
    return rlp.encode(fields)


def several(found):
    """The receipts of a block in which a transaction said several things: position, receipts, which."""
    for at, (kind, _, content) in enumerate(found):
        for which, one in enumerate(rlp.decode(content) if kind is Kind.RECEIPTS else ()):
            if one[:1] == b"\2" and len(rlp.decode(one[1:])[3]) > 1:
                return at, rlp.decode(content), which
    raise AssertionError


@pytest.mark.parametrize(
    "change",
    [
        lambda logs: logs[1:],
        lambda logs: [*logs, logs[0]],
        lambda logs: logs[::-1],
        lambda logs: [[*logs[0][:2], logs[0][2][:-1] + b"?"], *logs[1:]],
        lambda logs: [[b"x" * 20, *logs[0][1:]], *logs[1:]],
    ],
    ids=["removed", "added", "reordered", "altered", "another contract's"],
)
def test_a_changed_log_is_found_in_its_block(found, said, change):
    """Removed, added, reordered or altered: the block is named."""
    at, receipts, which = several(found)
    status, used, bloom, logs = rlp.decode(receipts[which][1:])
    receipts[which] = b"\2" + rlp.encode([status, used, bloom, change(logs)])
    block = put(found, at, rlp.encode(receipts))
    words = said(found)
    assert f"(the receipts of block {block})" in words
    assert ROOT in words


def test_a_receipt_put_in_is_found(found, said):
    """One transaction more in a block gives another root."""
    at = place(found, Kind.RECEIPTS, 3)
    more = receipt(Mined(b"", 2, 1, ()), 10**6)
    put(found, at, rlp.encode([*rlp.decode(found[at][2]), more]))
    assert ROOT in said(found)


def test_receipts_of_another_block_are_found(found, said):
    """True receipts in the wrong place prove nothing."""
    put(found, place(found, Kind.RECEIPTS, 2), found[place(found, Kind.RECEIPTS, 3)][2])
    assert ROOT in said(found)


def test_receipts_left_out_are_found(found, said):
    """The header's bloom says that there must be some."""
    at = place(found, Kind.RECEIPTS, 3)
    _, block, _ = found.pop(at)
    assert f"is where the receipts of block {block} belongs" in said(found)


def test_receipts_of_a_silent_block_are_refused(found, said):
    """What nothing asks for is no part of a passport."""
    found.insert(place(found, Kind.HEADER, 2), (Kind.RECEIPTS, 2, rlp.encode([])))
    assert "(the receipts of block 2) is where the header of block 3 belongs" in said(found)


def test_a_replaced_header_is_found(found, said):
    """Its successor names another parent."""
    at = place(found, Kind.HEADER, 7)
    put(found, at, with_field(found[at][2], 11, b"\1"))
    assert "block 9 names another parent than block 8" in said(found)


def test_a_header_of_another_block_is_found(found, said):
    """A header says which block it is of."""
    put(found, place(found, Kind.HEADER, 7), found[place(found, Kind.HEADER, 8)][2])
    assert "the header of block 8 is that of block 9" in said(found)


def test_a_replaced_head_shows_as_another_hash(found, passport, tmp_path):
    """Nothing names the head: its hash is what has to be compared."""
    at = place(found, Kind.HEADER, -1)
    put(found, at, with_field(found[at][2], 12, b"forged"))
    forgery = verify_passport(forged(tmp_path / "forged", found))
    assert forgery.anchors[-1].hash != verify_passport(passport).anchors[-1].hash


def test_a_head_with_a_state_of_its_own_proves_no_code(found, said):
    """The contracts' accounts hang on the head's state root."""
    at = place(found, Kind.HEADER, -1)
    put(found, at, with_field(found[at][2], 3, b"s" * 32))
    assert "the code of NodeRegistry isn't proven by its account" in said(found)


def test_a_block_left_out_is_found(found, said):
    """With its receipts, so that what was said in it seems never to have been."""
    at = place(found, Kind.RECEIPTS, 5)
    block = found[at][1]
    del found[at - 1 : at + 1]
    assert f"is where the header of block {block} belongs" in said(found)


def test_a_silent_block_left_out_is_found(found, said):
    """Unless the passport says that it is sparse."""
    del found[place(found, Kind.HEADER, 1)]
    assert "(the header of block 3) is where the header of block 2 belongs" in said(found)


def test_a_head_cut_off_is_found(found, said):
    """The facts say how far the passport goes."""
    _, head, _ = found.pop(place(found, Kind.HEADER, -1))
    assert f"is where the header of block {head} belongs" in said(found)


def test_a_beginning_cut_off_is_found(found, said):
    """The network id follows from the first block's parent: there is no starting later."""
    facts = Facts.from_bytes(found[0][2])
    network = replace(facts.network, deployed_block=3)
    put(found, 0, replace(facts, network=network).to_bytes())
    del found[1 : place(found, Kind.HEADER, 2)]
    assert "is not the one in which the registry got its network id" in said(found)


def test_a_manifest_altered_is_found(found, said, swarm):
    """Its bytes are in a log, like everything else."""
    manifest = swarm.run.manifest
    at = next(at for at, (_, _, content) in enumerate(found) if manifest in content)
    put(found, at, found[at][2].replace(b'"seed":7', b'"seed":8'))
    assert ROOT in said(found)


def test_a_run_that_never_was_is_found(found, said):
    """The facts may not speak of what the logs don't tell."""
    put(found, 0, replace(Facts.from_bytes(found[0][2]), run=9).to_bytes())
    assert "the passport says that it is of run 9: there is no run 9" in said(found)


def test_a_chain_made_up_against_the_contracts_rules_is_found(swarm, tmp_path):
    """An update that was never revealed can't be an input: no contract of ours says so."""
    reveal = next(at for at, one in enumerate(swarm.logged) if isinstance(one.event, Revealed))
    made_up = (*swarm.logged[:reveal], *swarm.logged[reveal + 1 :])
    export(swarm, tmp_path / "out", blobs=True, logged=made_up)
    found = verify_passport(tmp_path / "out")
    [said, *_] = telling.problems(found, ())
    assert said.startswith("the record: ")
    assert found.replayed is None


def test_a_manifest_of_another_digest_is_found(swarm, tmp_path):
    """A true contract takes the digest itself, a made-up chain need not."""
    made_up = [
        replace(one, event=replace(one.event, manifest=one.event.manifest + b" "))
        if isinstance(one.event, RunOpened)
        else one
        for one in swarm.logged
    ]
    export(swarm, tmp_path / "out", logged=made_up)
    with pytest.raises(BadAnswer, match="manifest of run 1 doesn't have the digest"):
        verify_passport(tmp_path / "out")


# The contracts' code.


def test_altered_code_is_found(found, said):
    """Its hash is not the one in the account that the head's state proves."""
    at = place(found, Kind.CODE, 1)
    put(found, at, found[at][2][:-1] + b"?")
    words = said(found)
    assert "(the account proof of contract 1)" in words
    assert "the code of RoundLedger isn't the code that its account names" in words


def test_an_account_proof_of_another_contract_is_found(found, said):
    """Proofs lead to one account each."""
    other = found[place(found, Kind.ACCOUNT, 1)][2]
    put(found, place(found, Kind.ACCOUNT, 0), other)
    assert "the code of NodeRegistry isn't proven by its account" in said(found)


@pytest.mark.parametrize(
    ("byte", "what"),
    [(0, "isn't this release's RoundLedger"), (-1, "deployed for another network")],
    ids=["code", "immutable"],
)
def test_a_contract_of_another_making_is_a_finding(swarm, tmp_path, monkeypatch, byte, what):
    """A chain whose contract isn't this release's proves its logs, but not what these mean."""
    true = passports.deployed
    at = 0 if byte == 0 else sum(passports.evm.artifact("RoundLedger")["immutables"][0]) - 1

    def other(address, network):
        code = true(address, network)
        if address != network.ledger:
            return code
        return code[:at] + bytes([code[at] ^ 1]) + code[at + 1 :]

    monkeypatch.setattr(passports, "deployed", other)
    export(swarm, tmp_path / "out")
    [finding] = telling.problems(verify_passport(tmp_path / "out"), ())
    assert "the code of RoundLedger" in finding
    assert what in finding


# Blobs.


@pytest.fixture
def problems(found, tmp_path):
    """Gives what is wrong with a passport in which a blob's entry has another content."""

    def of(name, content):
        at = next(at for at, one in enumerate(found) if one[2][:32] == name.raw)
        number = put(found, at, content)
        first, *rest = telling.problems(verify_passport(forged(tmp_path / "forged", found)), ())
        return [first.removeprefix(f"entry {at + 1} (blob {number}) "), *rest]

    return of


def test_an_update_replaced_by_another_valid_one_is_found(problems, swarm):
    """Both are updates of the run; only one is the one that was revealed."""
    one, other = (swarm.run.rounds[r].revealed[2].digest for r in (0, 1))
    assert [
        f"isn't member 2's update of round 0 ({one.short}): its bytes have digest {other.short}",
        "1 of 2 merges have findings",
    ] == problems(one, one.raw + swarm[1].blob(other).read_bytes())


def test_a_blob_of_nobody_is_found(problems, swarm):
    """A blob that no log names doesn't belong into a passport."""
    one, stray = swarm.run.rounds[0].revealed[2].digest, digest(b"stray")
    assert [
        f"has digest {stray.short}, which no log of the run names",
        "1 of 2 merges have findings",
    ] == problems(one, stray.raw + b"stray")


def test_a_flipped_receipt_is_found(problems, swarm):
    """A merge's receipt in the file is held against what was attested."""
    name = swarm.run.rounds[1].finalized.receipt
    content = swarm[1].blob(name).read_bytes().replace(b'"used":true', b'"used":1234', 1)
    [first] = problems(name, name.raw + content)
    assert first.startswith(f"isn't the receipt of round 1 ({name.short})")
