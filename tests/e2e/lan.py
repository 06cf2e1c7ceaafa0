"""A wide-area network in one process: packets between hosts are late, queue up, and sometimes get lost.

Each host has a line to the middle: so many bits a second each way, before which a bounded queue forms.
In between, a packet takes its time. `Lan` says when which packet arrives, from the packets, their times
and a seed alone; `Hub` moves them between file descriptors. Both take packets of IPv4 and know hosts by
address; what isn't for one of theirs goes nowhere.

Non-goals: jitter and reordering; where packets come from (`tests/e2e/hosts.py`).
"""

from __future__ import annotations

import heapq
import itertools
import math
import os
import random
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

IPV4_HEADER = 20
LONGEST_PACKET = 65_535
READS_IN_A_ROW = 64
"""Packets taken from one host before the others have their turn."""


@dataclass(frozen=True, slots=True)
class Wire:
    """What lies between any two hosts.

    delay: seconds, one way. rate: bits a second, of each host and direction. loss: share of packets.
    queue: bytes that wait for a line at most; what comes on top is dropped.
    """

    delay: float = 0.05
    rate: float = 20e6
    loss: float = 0.01
    queue: int = 256 << 10


class _Line:
    """One direction of a host's line: one packet after another."""

    def __init__(self, wire: Wire) -> None:
        self._wire, self._free = wire, 0.0

    def through(self, now: float, size: int) -> float | None:
        """When a packet of `size` bytes is through; None when the queue is full."""
        begins = max(now, self._free)
        if (begins - now) * self._wire.rate / 8 + size > self._wire.queue:
            return None
        self._free = begins + 8 * size / self._wire.rate
        return self._free


@dataclass(order=True, slots=True)
class _Flight:
    """A packet on its way. last: the line of its destination is all that is behind it at `at`."""

    at: float
    turn: int
    last: bool = field(compare=False)
    ends: tuple[str, str] = field(compare=False)
    packet: bytes = field(compare=False)


class Lan:
    """When which packet arrives. counts: what became of the packets so far."""

    def __init__(self, hosts: Iterable[str], wire: Wire, seed: int = 0) -> None:
        self._wire, self._random = wire, random.Random(seed)
        self._up = {host: _Line(wire) for host in hosts}
        self._down = {host: _Line(wire) for host in self._up}
        self._flights: list[_Flight] = []
        self._turns = itertools.count()
        self._cut: frozenset[str] = frozenset()
        self.counts: Counter[str] = Counter()

    def cut(self, host: str) -> None:
        """Nothing from or to this host arrives any more, what is on its way included."""
        self._cut |= {host}

    def mend(self, host: str) -> None:
        """The host's line works again."""
        self._cut -= {host}

    def send(self, now: float, source: str, packet: bytes) -> None:
        """A host hands a packet over."""
        ends = (source, _destination(packet))
        if ends[1] not in self._down:
            self.counts["for nobody"] += 1
        elif (through := self._up[source].through(now, len(packet))) is None:
            self.counts["overflowed"] += 1
        elif self._random.random() < self._wire.loss:
            self.counts["lost"] += 1
        else:
            self._fly(through + self._wire.delay, False, ends, packet)

    def arrivals(self, now: float) -> Iterator[tuple[str, bytes]]:
        """The packets that have arrived by now, each with the host that gets it."""
        while self._flights and self._flights[0].at <= now:
            flight = heapq.heappop(self._flights)
            if self._cut & set(flight.ends):
                self.counts["cut"] += 1
            elif flight.last:
                self.counts["arrived"] += 1
                yield flight.ends[1], flight.packet
            else:
                self._queue_down(flight)

    def next_at(self) -> float:
        """When the next thing happens that `arrivals` should see."""
        return self._flights[0].at if self._flights else math.inf

    def _queue_down(self, flight: _Flight) -> None:
        through = self._down[flight.ends[1]].through(flight.at, len(flight.packet))
        if through is None:
            self.counts["overflowed"] += 1
        else:
            self._fly(through, True, flight.ends, flight.packet)

    def _fly(self, at: float, last: bool, ends: tuple[str, str], packet: bytes) -> None:
        heapq.heappush(self._flights, _Flight(at, next(self._turns), last, ends, packet))


class Hub:
    """Takes packets from hosts' file descriptors, and gives them to others when the Lan says so."""

    def __init__(
        self, lan: Lan, ends: Mapping[str, int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`ends`: a descriptor by host, from which one read is one packet; they don't block."""
        self._lan, self._ends, self._clock = lan, ends, clock
        self._ready = selectors.DefaultSelector()
        for host, end in ends.items():
            self._ready.register(end, selectors.EVENT_READ, host)

    def step(self, longest: float) -> None:
        """Move what there is to move; wait for it so many seconds at most."""
        patience = min(longest, max(self._lan.next_at() - self._clock(), 0))
        for key, _ in self._ready.select(patience):
            self._take(key.data, key.fd)
        for host, packet in self._lan.arrivals(self._clock()):
            self._give(self._ends[host], packet)

    def close(self) -> None:
        """Leave the descriptors alone from now on."""
        self._ready.close()

    def _take(self, host: str, end: int) -> None:
        for _ in range(READS_IN_A_ROW):
            try:
                packet = os.read(end, LONGEST_PACKET)
            except BlockingIOError:
                return
            self._lan.send(self._clock(), host, packet)

    def _give(self, end: int, packet: bytes) -> None:
        try:
            os.write(end, packet)
        except BlockingIOError:
            self._lan.counts["overflowed"] += 1


def _destination(packet: bytes) -> str:
    """The address that an IPv4 packet is for; empty for anything else."""
    if len(packet) < IPV4_HEADER or packet[0] >> 4 != 4:
        return ""
    return socket.inet_ntoa(packet[16:20])
