"""Follows a chain's blocks, one header after the other, and keeps what the contracts said in them.

Each header names the hash of the one before, so the last block's hash stands for all; a header's bloom
says in which blocks the contracts can have said something; the receipts of such a block give the root
that its header names, so none is missing, added, altered or elsewhere. The same steps judge what an
endpoint answers while a passport is written and what a passport says when it is verified.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from eth_utils.crypto import keccak

from authority.audit.passport.blocks import Header, TransactionLogs, read_header, read_receipts
from authority.audit.passport.code import network_id
from authority.audit.passport.facts import Facts
from authority.audit.passport.merkle import account_code_hash, byte_strings, root_of
from authority.audit.record import Record, folded
from node.chain import contracts_of
from node.errors import BadAnswer
from node.evm import decode_event
from node.ledger import Logged

OnBlock = Callable[[int, int], None]
"""Told of blocks done, and of how many there are."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A block whose hash has to be compared with another node's, since no later header names it."""

    number: int
    hash: bytes


class Trail:
    """The blocks of a passport so far."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._contracts = contracts_of(facts.network)
        self._addresses = {bytes.fromhex(address[2:]): address for address in self._contracts}
        self._last: Header | None = None
        self._owing = False
        self._anchors: list[Anchor] = []
        self._logged: list[Logged] = []
        self._gas: dict[bytes, int] = {}
        self._times: dict[int, int] = {}
        self.blocks = 0

    @property
    def owes_receipts(self) -> bool:
        """Whether the receipts of the last header are still to come, since its bloom has a contract."""
        return self._owing

    @property
    def last(self) -> Header:
        """The header that came last."""
        assert self._last is not None
        return self._last

    @property
    def done(self) -> bool:
        """Whether the last header was the head's."""
        return self._last is not None and self._last.number == self.facts.head

    def may_speak(self, raw: bytes) -> bool:
        """Whether one of the contracts can have said something in the block of a header."""
        return read_header(raw).may_hold(self._addresses)

    def header(self, number: int, raw: bytes | memoryview) -> Header:
        """The next header. Raises BadAnswer."""
        self._settle()
        try:
            header = read_header(raw)
        except ValueError as error:
            raise BadAnswer(f"the header of block {number} can't be read: {error}") from None
        if header.number != number:
            raise BadAnswer(f"the header of block {number} is that of block {header.number}")
        self._follow(header)
        self._last, self.blocks = header, self.blocks + 1
        self._owing = header.may_hold(self._addresses)
        return header

    def receipts(self, number: int, raw: bytes | memoryview) -> None:
        """All receipts of the block whose header came last. Raises BadAnswer."""
        what = f"the receipts of block {number}"
        if not self._owing or number != self.last.number:
            raise BadAnswer(f"{what} don't belong here")
        try:
            receipts = byte_strings(raw)
            if root_of(receipts) != self.last.receipts_root:
                raise BadAnswer(
                    f"{what} don't give the root in its header: a log was removed, added, altered or "
                    "moved, or they are of another block"
                )
            for said in read_receipts(receipts):
                self._keep(said)
        except ValueError as error:
            raise BadAnswer(f"{what} can't be read: {error}") from None
        self._owing = False

    def code(self, number: int, code: bytes, account: bytes | memoryview) -> None:
        """A contract's code, proven by its account in the head's state. Raises BadAnswer."""
        address = list(self._addresses)[number]
        what = f"the code of {self._contracts[self._addresses[address]]}"
        try:
            proven = account_code_hash(self.last.state_root, address, byte_strings(account))
        except ValueError as error:
            raise BadAnswer(f"{what} isn't proven by its account: {error}") from None
        if proven != keccak(code):
            raise BadAnswer(f"{what} isn't the code that its account names")

    def anchors(self) -> tuple[Anchor, ...]:
        """Blocks whose hashes have to be compared; of a passport with all blocks, the head alone."""
        return (*self._anchors, Anchor(self.last.number, self.last.hash))

    def record(self) -> Record:
        """All that the contracts said, of proven bytes only. Raises BadAnswer."""
        self._settle()
        logged = tuple(self._logged)
        return Record(
            self.facts.network, self.last.number, logged, self._gas, folded(logged), self._times
        )

    def _settle(self) -> None:
        if self._owing:
            raise BadAnswer(
                f"the receipts of block {self.last.number} are missing: by its bloom, the contracts "
                "may have said something"
            )

    def _follow(self, header: Header) -> None:
        if self._last is None:
            self._begin(header)
        elif header.number > self.facts.head:
            raise BadAnswer(f"block {header.number} is above the head, {self.facts.head}")
        elif header.number == self._last.number + 1:
            if header.parent != self._last.hash:
                raise BadAnswer(
                    f"block {header.number} names another parent than block {self._last.number}: one "
                    "of the two headers was replaced"
                )
        elif header.number <= self._last.number or not self.facts.sparse:
            raise BadAnswer(f"block {header.number} follows block {self._last.number}: one is left out")
        else:
            self._anchors.append(Anchor(self._last.number, self._last.hash))

    def _begin(self, header: Header) -> None:
        network, salt = self.facts.network, self.facts.salt
        if header.number != network.deployed_block:
            raise BadAnswer(
                f"the first header is of block {header.number}, the registry was deployed in block "
                f"{network.deployed_block}"
            )
        if salt and network_id(network, header.parent, salt) != network.network_id:
            raise BadAnswer(
                f"block {header.number} is not the one in which the registry got its network id: its "
                "header was replaced, or blocks before it are left out"
            )

    def _keep(self, said: TransactionLogs) -> None:
        """The contracts' events of one transaction."""
        block = self.last
        # A receipt doesn't hold its transaction's hash: the place in the chain stands for it.
        place = block.number.to_bytes(16, "big") + said.position.to_bytes(16, "big")
        for logged in self._events(said, place):
            self._logged.append(logged)
            self._gas[place] = said.gas
            self._times[block.number] = block.time

    def _events(self, said: TransactionLogs, place: bytes) -> Iterator[Logged]:
        for log in said.logs:
            if log.address not in self._addresses:
                continue
            contract = self._contracts[self._addresses[log.address]]
            event = decode_event(contract, log.topics, log.data)
            if event is not None:
                yield Logged(self.last.number, log.index, place, event)
