"""Reading the record from endpoints that hide, lag, differ or are reorganized meanwhile."""

from dataclasses import replace

import pytest
import trio

from authority.audit.coherence import contradictions
from authority.audit.reading import ATTEMPTS, Reader
from node.errors import BadAnswer, ChainUnreachable
from node.ledger import Address, Block, Committed, RunOpened
from node.transactions import Receipt
from tests.chains import MemoryWorld
from tests.rounds import Play

ALL = (1, 2, 3, 4)


class Told:
    """An endpoint that tells what a chain in memory says, or less."""

    def __init__(self, chain, name="here", hides=lambda logged: False, behind=0, restless=0):
        self._chain, self.name, self._hides = chain, name, hides
        self._behind, self._restless, self.asked = behind, restless, 0

    @property
    def network(self):
        """See Chain."""
        return self._chain.network

    async def head(self):
        """See Chain."""
        return await self.block(self._chain.head.number - self._behind)

    async def block(self, number):
        """See Chain; while restless, a block has another hash each time."""
        self._restless -= 1
        salt = max(self._restless, 0)
        found = self._chain.block(number)
        return Block(found.number, found.time, number.to_bytes(8, "big") + bytes([salt % 251]) * 24)

    async def events(self, first, last):
        """See Chain."""
        return [one for one in self._chain.events(first, last) if not self._hides(one)]

    async def receipt(self, transaction):
        """See Chain."""
        self.asked += 1
        return Receipt(transaction, 0, 7, True, None, "0x" + "11" * 20)


@pytest.fixture
def chain():
    """Two rounds of four."""
    world = trio.run(MemoryWorld.deployed)

    async def story():
        play = Play(world)
        await play.open(*ALL)
        await play.finish(*ALL)
        await play.finish(*ALL)

    trio.run(story)
    return world.chain


def read(*endpoints):
    """The record that they give."""
    return trio.run(Reader(endpoints).read)


def is_commitment(logged):
    """Whether it is the second member's, in round 1."""
    event = logged.event
    return isinstance(event, Committed) and (event.round, event.member) == (1, 2)


def test_all_that_is_on_the_chain_is_read(chain):
    """Logs, times, gas and senders; the record is coherent."""
    record = read(Told(chain))
    assert record.logged == tuple(chain.events(0, chain.head.number))
    assert record.head == chain.head.number
    assert set(record.gas.values()) == {7}
    assert set(record.senders.values()) == {Address("0x" + "11" * 20)}
    assert all(record.times[one.block] == chain.block(one.block).time for one in record.logged)
    assert contradictions(record) == ()


def test_endpoints_that_agree_have_no_differences(chain):
    """Also when one of them lags: then the record ends where it is."""
    record = read(Told(chain), Told(chain, "there", behind=5))
    assert (record.differences, record.head) == ((), chain.head.number - 5)


def test_an_endpoint_that_hides_a_log_is_named(chain):
    """With how many, and the first of them, whichever of the two hides it."""
    said = ("there lacks 1 of the logs that here has; the first is Committed in block",)
    found = read(Told(chain), Told(chain, "there", hides=is_commitment)).differences
    assert [one[: len(said[0])] for one in found] == list(said)
    (other,) = read(Told(chain, "there", hides=is_commitment), Told(chain)).differences
    assert other.startswith("there lacks 1 of the logs that here has")


def test_one_endpoint_alone_that_hides_a_log_contradicts_itself(chain):
    """No second endpoint is needed for what matters."""
    (finding,) = contradictions(read(Told(chain, hides=is_commitment)))
    assert (finding.run, finding.round) == (1, 1)


def test_endpoints_on_different_forks_are_named(chain):
    """Though their logs may be the same."""
    (fork,) = read(Told(chain), Told(chain, "there", restless=0), Forked(chain, "fork")).differences
    assert fork.startswith(f"block {chain.head.number} is 00000000 at here and ffffffff at fork")


class Forked(Told):
    """An endpoint of another fork."""

    async def block(self, number):
        """See Chain."""
        return replace(await super().block(number), hash=b"\xff" * 32)


def test_an_endpoint_that_dropped_old_logs_is_refused(chain):
    """In a line that names the log and the remedy."""
    with pytest.raises(
        BadAnswer, match=r"PhaseAdvanced\) tells of what no log before it told.*ask another"
    ):
        read(Told(chain, hides=lambda logged: isinstance(logged.event, RunOpened)))


def test_a_chain_reorganized_meanwhile_is_read_again(chain):
    """Until it holds still."""
    assert read(Told(chain, restless=5)).logged == tuple(chain.events(0, chain.head.number))


def test_a_chain_that_never_holds_still_is_given_up(chain):
    """After some attempts, with a line that says so."""
    with pytest.raises(ChainUnreachable, match=rf"reorganized {ATTEMPTS} times"):
        read(Told(chain, restless=10_000))


def test_what_was_asked_is_not_asked_again(chain):
    """Whoever follows a run asks for new transactions only."""
    endpoint = Told(chain)
    reader = Reader([endpoint])
    first = trio.run(reader.read)
    asked = endpoint.asked
    assert trio.run(reader.read) == first
    assert asked == endpoint.asked == len(first.gas)
