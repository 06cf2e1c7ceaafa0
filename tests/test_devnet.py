"""A chain on this machine that is shut down and started again, or frozen."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.errors import ChainUnreachable
from sim.anvil import request
from sim.devnet import devnet, free_ports, fund
from tests.e2e.conftest import eventually

pytestmark = [pytest.mark.timeout(60)]
SOMEBODY = "0x00000000000000000000000000000000000000aA"


def test_a_chain_that_was_shut_down_goes_on(tmp_path: Path) -> None:
    """At the same address, with every block and all that it knew."""
    with devnet(tmp_path) as chain:
        fund(chain.rpc, SOMEBODY, 5)
        eventually(lambda: request(chain.rpc, "eth_blockNumber") == "0x1", 10)
        block = request(chain.rpc, "eth_getBlockByNumber", "latest", False)
        chain.stop()
        assert (chain.running, chain.ended()) == (False, False)
        with pytest.raises(ChainUnreachable):
            request(chain.rpc, "eth_chainId")
        chain.start()
        assert chain.running
        assert request(chain.rpc, "eth_getBlockByNumber", "latest", False)["hash"] == block["hash"]
        assert request(chain.rpc, "eth_getBalance", SOMEBODY, "latest") == "0x5"
        fund(chain.rpc, SOMEBODY, 1)
        eventually(lambda: request(chain.rpc, "eth_blockNumber") == "0x2", 10)


def test_a_frozen_chain_goes_on(tmp_path: Path) -> None:
    """It answers nobody meanwhile."""
    with devnet(tmp_path) as chain:
        chain.freeze()
        assert not chain.ended()
        chain.thaw()
        assert request(chain.rpc, "eth_blockNumber") == "0x0"


def test_free_ports_differ() -> None:
    """So that no two clinics of a swarm get the same."""
    assert len(set(free_ports(200))) == 200
