"""network.toml: written once, read whole, older ones too."""

import tomllib

import pytest
import tomli_w

from node.errors import WrongUse
from node.evm import encode_call
from node.ledger import FIRST_GOSSIP, Address, AttestOwn, Enter, Network, OpenGossip, OpenRun, Revoke
from node.network import load_network, save_network
from tests.rounds import BASE, TERMS

NETWORK = Network(
    chain_id=7,
    registry=Address("0x" + "01" * 20),
    ledger=Address("0x" + "02" * 20),
    network_id=bytes(range(32)),
    deployed_block=3,
    gossip=Address("0x" + "03" * 20),
)


def test_a_network_goes_there_and_back(tmp_path):
    """With both ledgers."""
    save_network(tmp_path / "network.toml", "http://x", NETWORK)
    assert load_network(tmp_path / "network.toml").network == NETWORK


def without_gossip(path):
    """The file as it was before there were gossip runs."""
    save_network(path, "http://x", NETWORK)
    fields = tomllib.loads(path.read_text())
    del fields["network"]["gossip"]
    path.write_text(tomli_w.dumps(fields))
    return load_network(path).network


def test_a_file_from_before_gossip_runs(tmp_path):
    """It is read as ever, and says what can't be done there."""
    network = without_gossip(tmp_path / "network.toml")
    assert (network.ledger, network.gossip) == (NETWORK.ledger, "")
    assert encode_call(OpenRun(TERMS, b"{}"), network).to == NETWORK.ledger
    with pytest.raises(WrongUse, match="before there were gossip runs"):
        encode_call(OpenGossip(TERMS, b"{}"), network)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (Enter(1), NETWORK.ledger),
        (Enter(FIRST_GOSSIP), NETWORK.gossip),
        (OpenRun(TERMS, b""), NETWORK.ledger),
        (OpenGossip(TERMS, b""), NETWORK.gossip),
        (AttestOwn(FIRST_GOSSIP, 0, 1, BASE, BASE), NETWORK.gossip),
        (Revoke(1, (1, FIRST_GOSSIP), 0), NETWORK.registry),
    ],
)
def test_a_call_goes_to_the_contract_that_its_run_is_in(call, expected):
    """The run's number says which."""
    assert encode_call(call, NETWORK).to == expected


def test_a_revocation_names_each_run_s_own_ledger():
    """So that a seat is taken out of runs of both kinds at once."""
    data = encode_call(Revoke(1, (1, FIRST_GOSSIP), 0), NETWORK).data.hex()
    assert ("02" * 20 in data, "03" * 20 in data) == (True, True)
