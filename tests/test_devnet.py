"""A chain on this machine that is shut down and started again, or frozen."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Event, Thread

import pytest

from node.errors import ChainUnreachable
from sim.anvil import request
from sim.devnet import devnet, free_ports, fund
from sim.guard import stop_mining
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


@pytest.mark.slow
def test_a_chain_shut_down_in_full_swing_knows_no_more_than_its_blocks(tmp_path: Path) -> None:
    """What anvil mines while it writes its state would be in the state, and in no block."""
    with devnet(tmp_path) as chain:
        payer, enough = request(chain.rpc, "eth_accounts")[0], Event()
        paying = Thread(target=_pay_on, args=(chain.rpc, payer, enough))
        paying.start()
        for _ in range(8):
            time.sleep(0.3)
            chain.stop()
            chain.start()
        enough.set()
        paying.join()
        stop_mining(chain.rpc)
        blocks = range(int(request(chain.rpc, "eth_blockNumber"), 16) + 1)
        counts = (request(chain.rpc, "eth_getBlockTransactionCountByNumber", hex(n)) for n in blocks)
        mined = sum(int(count, 16) for count in counts)
        known = int(request(chain.rpc, "eth_getTransactionCount", payer, "latest"), 16)
        assert mined == known > 50


def _pay_on(rpc: str, payer: str, enough: Event) -> None:
    """Send money, again and again, whether the chain is there or not."""
    while not enough.is_set():
        try:
            fund(rpc, SOMEBODY, 1)
        except ChainUnreachable:
            time.sleep(0.01)


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
