"""Sending: one nonce per call whatever happens, on a pool in memory and a clock that jumps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
import trio.testing
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from node.errors import ChainUnreachable, InfrastructureFault, WrongUse
from node.evm import Encoded
from node.outbox import MemoryOutbox
from node.transactions import Fees, Patience, Pooling, Receipt, RpcRefusal, Sender

ACCOUNT = Account.from_key(bytes(31) + b"\x01")
CALL = Encoded(ACCOUNT.address, b"data", 0, 100_000)


def fields(raw: bytes) -> dict[str, Any]:
    """What a signed transaction says."""
    return dict(TypedTransaction.from_bytes(HexBytes(raw)).as_dict())


@dataclass
class Pool:
    """A chain's node: takes transactions in order of nonce, and mines those that pay enough."""

    least_tip: int = 0
    asks: Fees = field(default_factory=lambda: Fees(0, 0))
    mined: list[bytes] = field(default_factory=list)
    submitted: list[bytes] = field(default_factory=list)
    answer: Callable[[bytes], Pooling] | None = None

    async def nonce(self, account: str) -> int:
        await trio.lowlevel.checkpoint()
        return len(self.mined)

    async def fees(self) -> Fees:
        await trio.lowlevel.checkpoint()
        return self.asks

    async def submit(self, raw: bytes, account: str) -> Pooling:
        await trio.lowlevel.checkpoint()
        self.submitted.append(raw)
        if self.answer:
            return self.answer(raw)
        said = fields(raw)
        if said["nonce"] < len(self.mined):
            return Pooling.SPENT
        if said["nonce"] == len(self.mined) and said["maxPriorityFeePerGas"] >= self.least_tip:
            self.mined.append(raw)
        return Pooling.TAKEN

    async def receipt(self, hash_: bytes) -> Receipt | None:
        await trio.lowlevel.checkpoint()
        hashes = [keccak(raw) for raw in self.mined]
        if hash_ not in hashes:
            return None
        return Receipt(hash_, hashes.index(hash_), 1, True, None)


async def inline(method: Callable[..., Any], *arguments: Any) -> Any:
    """Run an outbox method here and now."""
    await trio.lowlevel.checkpoint()
    return method(*arguments)


def sender(pool: Pool, outbox: MemoryOutbox | None = None) -> Sender:
    """A sender as after a start."""
    return Sender(pool, ACCOUNT, 5, outbox or MemoryOutbox(), Patience(), inline)


def on_a_jumping_clock(story: Callable[[], Awaitable[None]]) -> None:
    """Run with time that passes when everybody sleeps."""
    trio.run(story, clock=trio.testing.MockClock(autojump_threshold=0))


async def test_calls_of_one_account_go_one_after_the_other() -> None:
    """Nonces count up, and nothing stays in the outbox."""
    pool, outbox = Pool(), MemoryOutbox()
    sending = sender(pool, outbox)
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(sending.send, CALL)
    assert [fields(raw)["nonce"] for raw in pool.mined] == [0, 1, 2, 3, 4]
    assert outbox.unsettled(ACCOUNT.address) == []


async def test_what_is_sent_was_stored_before() -> None:
    """A crash while sending finds the transaction in the outbox."""
    outbox = MemoryOutbox()
    stored: list[bool] = []

    def answer(raw: bytes) -> Pooling:
        stored.append(any(kept == raw for _, kept in outbox.unsettled(ACCOUNT.address)))
        raise ChainUnreachable("the cable is out")

    with pytest.raises(ChainUnreachable):
        await sender(Pool(answer=answer), outbox).send(CALL)
    assert stored == [True]
    assert len(outbox.unsettled(ACCOUNT.address)) == 1


async def test_after_a_crash_before_sending_the_stored_transaction_goes_first() -> None:
    """The earlier life's call keeps its nonce; the new call gets the next one."""
    outbox = MemoryOutbox()
    lost = Pool(answer=lambda raw: (_ for _ in ()).throw(ChainUnreachable("down")))
    with pytest.raises(ChainUnreachable):
        await sender(lost, outbox).send(CALL)
    pool = Pool()
    await sender(pool, outbox).send(Encoded(ACCOUNT.address, b"next", 0, 100_000))
    assert [bytes(fields(raw)["data"]) for raw in pool.mined] == [b"data", b"next"]
    assert outbox.unsettled(ACCOUNT.address) == []


async def test_after_a_crash_before_settling_nothing_is_sent_twice() -> None:
    """What was mined meanwhile is settled by looking."""
    pool, outbox = Pool(), MemoryOutbox()
    await sender(pool).send(CALL)
    outbox.save(ACCOUNT.address, 0, keccak(pool.mined[0]), pool.mined[0])
    pool.submitted.clear()
    await sender(pool, outbox).send(CALL)
    assert [fields(raw)["nonce"] for raw in pool.submitted] == [1]
    assert outbox.unsettled(ACCOUNT.address) == []


async def test_a_transaction_that_waits_for_a_forgotten_one_is_given_up() -> None:
    """A chain that lost nonce 0 never mines nonce 1: the next call takes nonce 0."""
    full, outbox = Pool(), MemoryOutbox()
    await sender(full).send(CALL)
    await sender(full).send(CALL)
    outbox.save(ACCOUNT.address, 1, keccak(full.mined[1]), full.mined[1])
    fresh = Pool()
    await sender(fresh, outbox).send(CALL)
    assert [fields(raw)["nonce"] for raw in fresh.mined] == [0]


def test_a_stuck_transaction_pays_more_under_the_same_nonce() -> None:
    """A quarter more each time, until it is mined; every version is stored."""
    pool, outbox = Pool(least_tip=150, asks=Fees(100, 1000)), MemoryOutbox()

    async def story() -> None:
        receipt = await sender(pool, outbox).send(CALL)
        assert receipt.hash == keccak(pool.submitted[-1])

    on_a_jumping_clock(story)
    tips = [fields(raw)["maxPriorityFeePerGas"] for raw in pool.submitted]
    ceilings = [fields(raw)["maxFeePerGas"] for raw in pool.submitted]
    assert tips == [100, 125, 157]
    assert ceilings == [2100, 2625, 3282]
    assert {fields(raw)["nonce"] for raw in pool.submitted} == {0}
    assert {fields(raw)["data"] for raw in pool.submitted} == {HexBytes(b"data")}


def test_the_fee_of_a_transaction_from_an_earlier_life_is_raised_too() -> None:
    """Only the raw bytes are left of it."""
    outbox = MemoryOutbox()
    cheap = Pool(answer=lambda raw: Pooling.TAKEN, asks=Fees(100, 0))
    rich = Pool(least_tip=120)

    async def story() -> None:
        with trio.move_on_after(1):
            await sender(cheap, outbox).send(CALL)
        await sender(rich, outbox).send(CALL)

    rich.asks = Fees(200, 0)
    on_a_jumping_clock(story)
    assert [fields(raw)["maxPriorityFeePerGas"] for raw in rich.mined] == [125, 200]


def test_where_gas_is_free_the_same_transaction_is_sent_again() -> None:
    """A node that was restarted with an empty pool gets it again."""
    lost = iter([Pooling.TAKEN])
    pool = Pool()

    def answer(raw: bytes) -> Pooling:
        if next(lost, None) is None:
            pool.mined.append(raw)
        return Pooling.TAKEN

    pool.answer = answer

    async def story() -> None:
        await sender(pool).send(CALL)

    on_a_jumping_clock(story)
    assert len(pool.submitted) == 2
    assert pool.submitted[0] == pool.submitted[1]


def test_a_chain_without_blocks_is_given_up_in_bounded_time() -> None:
    """The transaction stays in the outbox for the next attempt."""
    outbox = MemoryOutbox()

    async def story() -> None:
        with pytest.raises(ChainUnreachable, match="not mined in 300 s"):
            await sender(Pool(answer=lambda raw: Pooling.TAKEN), outbox).send(CALL)
        assert trio.current_time() < 400

    on_a_jumping_clock(story)
    assert len(outbox.unsettled(ACCOUNT.address)) == 1


def test_an_account_used_elsewhere_is_noticed() -> None:
    """Its nonce is used up by a transaction that isn't ours."""
    outbox = MemoryOutbox()

    async def story() -> None:
        with pytest.raises(InfrastructureFault, match="another process used nonce 0"):
            await sender(Pool(answer=lambda raw: Pooling.SPENT), outbox).send(CALL)

    on_a_jumping_clock(story)
    assert outbox.unsettled(ACCOUNT.address) == []


@pytest.mark.parametrize("error", [WrongUse("no funds"), RpcRefusal("rpc", -32000, "no")])
async def test_what_is_refused_for_good_is_not_kept(error: Exception) -> None:
    """It must not be sent later, when nobody expects it any more."""
    outbox = MemoryOutbox()

    def answer(raw: bytes) -> Pooling:
        raise error

    with pytest.raises(type(error)):
        await sender(Pool(answer=answer), outbox).send(CALL)
    assert outbox.unsettled(ACCOUNT.address) == []


@pytest.mark.parametrize(
    ("error", "met"),
    [(WrongUse("no funds"), WrongUse), (RpcRefusal("rpc", -32005, "too many requests"), None)],
)
def test_what_an_earlier_life_sent_is_kept_though_it_is_refused_at_the_next_start(
    error: Exception, met: type[Exception] | None
) -> None:
    """It may be in the pool: forgotten here, the next call would have taken its nonce."""
    outbox, refuse = MemoryOutbox(), iter([error])
    lost = Pool(answer=lambda raw: Pooling.TAKEN)

    def answer(raw: bytes) -> Pooling:
        if found := next(refuse, None):
            raise found
        pool.answer = None
        pool.mined.append(raw)
        return Pooling.TAKEN

    pool = Pool(answer=answer)

    async def story() -> None:
        with trio.move_on_after(1):
            await sender(lost, outbox).send(CALL)
        if met:
            with pytest.raises(met):
                await sender(pool, outbox).send(CALL)
        await sender(pool, outbox).send(Encoded(ACCOUNT.address, b"next", 0, 100_000))

    on_a_jumping_clock(story)
    assert [bytes(fields(raw)["data"]) for raw in pool.mined] == [b"data", b"next"]


@pytest.mark.parametrize(("seconds", "times"), [(0, 2), (2, 1)])
async def test_fees_are_asked_for_again_after_some_blocks(seconds: float, times: int) -> None:
    """Not with each call, and not at once on a chain that makes many blocks in no time."""
    pool, asked = Pool(), 0
    fees = pool.fees

    async def counting() -> Fees:
        nonlocal asked
        asked += 1
        return await fees()

    pool.fees = counting  # type: ignore[method-assign]
    sending = sender(pool)
    sending.patience = Patience(fee_seconds=seconds)
    for _ in range(12):
        await sending.send(CALL)
    assert asked == times


@pytest.mark.parametrize(
    ("fees", "expected"),
    [
        (Fees(0, 0), {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0, "type": 2}),
        (Fees(3, 10), {"maxFeePerGas": 23, "maxPriorityFeePerGas": 3, "type": 2}),
        (Fees(7, None), {"gasPrice": 7}),
    ],
)
def test_fee_fields(fees: Fees, expected: dict[str, int]) -> None:
    """Zero gas, EIP-1559 and legacy chains."""
    assert fees.fields() == expected
