"""What the authority decides, on the chain in memory."""

import pytest

from authority.governance import (
    REASONS,
    admit,
    admit_auditor,
    chronicle_of,
    close_run,
    evict,
    hidden,
    open_run,
    revoke,
    revoke_auditor,
)
from node.card import AUDITS, Card
from node.contracts.chain import MemoryChain, memory_address
from node.errors import LedgerRefusal, WrongUse
from node.exchange import PeerKey
from node.ledger import Block, Close, Enter, MemberRevoked, Revoke
from tests.test_entry import MANIFEST

AUTHORITY = memory_address("authority")


def card(number):
    """A clinic's card."""
    return Card(f"clinic {number}", memory_address(f"node {number}"), bytes([number]) * 32, ())


@pytest.fixture
def chain():
    """A chain without members."""
    return MemoryChain(AUTHORITY, clock=lambda: 1_800_000_000)


async def with_a_run(chain):
    """Two members in a run."""
    ledger = chain.ledger(AUTHORITY)
    members = [await admit(ledger, card(number), bytes(32)) for number in (1, 2)]
    run = await open_run(ledger, MANIFEST)
    for number in members:
        await chain.ledger(card(number).account).send(Enter(run))
    return ledger, run


async def test_members_are_numbered(chain):
    """In the order of admission, from 1."""
    ledger = chain.ledger(AUTHORITY)
    assert [await admit(ledger, card(number), bytes(32)) for number in (5, 6)] == [1, 2]


async def test_only_the_authority_admits(chain):
    """Anybody else is refused by the contract."""
    with pytest.raises(LedgerRefusal, match="NotAuthority"):
        await admit(chain.ledger(memory_address("somebody")), card(1), bytes(32))


async def test_runs_are_numbered(chain):
    """Two runs with the same manifest are two runs; each call answers with its own."""
    ledger = chain.ledger(AUTHORITY)
    assert [await open_run(ledger, MANIFEST) for _ in range(2)] == [1, 2]
    assert (await chronicle_of(ledger)).runs[2].manifest == MANIFEST.to_bytes()


async def test_a_revocation_reaches_every_open_run(chain):
    """The member's seat is out of all runs that it entered and that still go on."""
    ledger, run = await with_a_run(chain)
    later = await open_run(ledger, MANIFEST)
    await chain.ledger(card(2).account).send(Enter(later))
    closed = await open_run(ledger, MANIFEST)
    await chain.ledger(card(2).account).send(Enter(closed))
    await close_run(ledger, closed)
    assert await revoke(ledger, 2, "consent") == (run, later)
    chronicle = await chronicle_of(ledger)
    assert [chronicle.runs[n].evicted for n in (run, later)] == [{2}, {2}]
    assert [m.number for m in chronicle.active()] == [1]


async def test_a_reason_is_a_number_on_the_chain(chain):
    """Its words stay off it."""
    ledger, _ = await with_a_run(chain)
    await revoke(ledger, 1, "misbehaviour")
    said = [one.event for one in chain.events(0, chain.head.number)]
    assert [e.reason for e in said if isinstance(e, MemberRevoked)] == [REASONS["misbehaviour"]]


async def test_nobody_to_revoke(chain):
    """An unknown member, and one revoked already, are told apart."""
    ledger, _ = await with_a_run(chain)
    with pytest.raises(WrongUse, match=r"there is no member 9: there are \[1, 2\]"):
        await revoke(ledger, 9, "left")
    await revoke(ledger, 1, "left")
    with pytest.raises(WrongUse, match="member 1 is revoked already"):
        await revoke(ledger, 1, "left")


async def test_a_seat_that_a_revocation_missed(chain):
    """Anybody can take a revoked member's seat out of a run afterwards."""
    ledger, run = await with_a_run(chain)
    await ledger.send(Revoke(1, (), 0))
    await evict(chain.ledger(memory_address("anybody")), run, 1)
    assert (await chronicle_of(ledger)).runs[run].evicted == {1}


async def test_a_run_is_closed(chain):
    """By the authority, which is on record."""
    ledger, run = await with_a_run(chain)
    await close_run(ledger, run)
    assert (await chronicle_of(ledger)).runs[run].closed is Close.BY_AUTHORITY


async def test_no_run_to_close(chain):
    """One that is closed, or never was, is named."""
    ledger, run = await with_a_run(chain)
    with pytest.raises(WrongUse, match="there is no run 9"):
        await close_run(ledger, 9)
    await close_run(ledger, run)
    with pytest.raises(WrongUse, match="closed already"):
        await close_run(ledger, run)


AUDITOR = Card("archive", AUDITS, PeerKey(bytes([77]) * 32), ())


async def test_an_auditor_is_admitted_and_revoked(chain):
    """By the card of an auditor's home; it is no member."""
    ledger, _ = await with_a_run(chain)
    await admit_auditor(ledger, AUDITOR, bytes(32))
    assert (await chronicle_of(ledger)).auditors == (AUDITOR.peer_key,)
    with pytest.raises(WrongUse, match="archive is an auditor already"):
        await admit_auditor(ledger, AUDITOR, bytes(32))
    await revoke_auditor(ledger, AUDITOR.peer_key)
    chronicle = await chronicle_of(ledger)
    assert (chronicle.auditors, sorted(chronicle.members)) == ((), [1, 2])
    with pytest.raises(WrongUse, match="is no auditor's key: there are none"):
        await revoke_auditor(ledger, AUDITOR.peer_key)


async def test_cards_of_nodes_and_auditors_aren_t_mixed_up(chain):
    """Neither gets the other's role by a slip."""
    ledger = chain.ledger(chain.authority)
    with pytest.raises(WrongUse, match="archive's is an auditor's card: run `waggle authority admit-"):
        await admit(ledger, AUDITOR, bytes(32))
    with pytest.raises(WrongUse, match="clinic 1's is a node's card: an auditor has a home and a key"):
        await admit_auditor(ledger, card(1), bytes(32))


class _Old:
    """A chain whose registry knows no auditors."""

    network = MemoryChain(memory_address("authority"), clock=lambda: 0).network

    async def head(self):
        """See Ledger."""
        return Block(0, 0)

    async def events(self, first, last):
        """See Ledger."""
        return []

    async def send(self, call):
        """A function that isn't there reverts without a word."""
        raise LedgerRefusal("Unexplained", b"")


async def test_a_network_from_before_auditors():
    """It says so, and goes on as ever."""
    with pytest.raises(WrongUse, match="before there were auditors"):
        await admit_auditor(_Old(), AUDITOR, bytes(32))


def test_names_are_hidden():
    """The same name with another salt is another hash of 32 bytes."""
    one, other = (hidden("Charité", bytes([n]) * 32) for n in (1, 2))
    assert one == hidden("Charité", bytes([1]) * 32)
    assert (len(one), one == other) == (32, False)
