"""The wide-area network of the end-to-end tests does to packets what it says; no root needed."""

import os
import socket
from contextlib import ExitStack

import pytest

from tests.e2e.lan import Hub, Lan, Wire

HOSTS = A, B, C = ("10.77.0.1", "10.77.0.2", "10.77.0.3")
SIZE = 1250
STEP = 8 * SIZE / 20e6
"""Seconds that a packet takes on a line."""
PERFECT = Wire(loss=0)


def packet(target, size=SIZE, mark=0):
    """An IPv4 packet for a host."""
    header = bytes([0x45, 0]) + bytes(14) + socket.inet_aton(target)
    return header + mark.to_bytes(4, "big") + bytes(size - 24)


def marks(lan, now):
    """Which packets arrive by now, and where."""
    return [(host, int.from_bytes(data[20:24], "big")) for host, data in lan.arrivals(now)]


def test_a_packet_takes_its_time():
    """Its own length on both lines, and the delay between them; not a moment less."""
    lan = Lan(HOSTS, PERFECT)
    lan.send(10.0, A, packet(B))
    at = 10.0 + STEP + 0.05 + STEP
    assert list(lan.arrivals(at - 1e-6)) == []
    assert lan.next_at() == pytest.approx(at)
    assert list(lan.arrivals(at + 1e-6)) == [(B, packet(B))]


def test_a_line_takes_so_many_bits_a_second():
    """Packets that are sent at once arrive one after another, in their order."""
    lan = Lan(HOSTS, PERFECT)
    for mark in range(100):
        lan.send(0.0, A, packet(B, mark=mark))
    assert marks(lan, 0.05 + 50.5 * STEP) == [(B, mark) for mark in range(49)]
    assert marks(lan, 0.05 + 101.5 * STEP) == [(B, mark) for mark in range(49, 100)]


def test_two_senders_share_the_line_of_whom_they_send_to():
    """Both have lines of their own up, and one down."""
    lan = Lan(HOSTS, PERFECT)
    for _ in range(50):
        lan.send(0.0, A, packet(C))
        lan.send(0.0, B, packet(C))
    assert len(marks(lan, 0.05 + 50.5 * STEP)) == 49
    assert len(marks(lan, 0.05 + 101.5 * STEP)) == 51


def test_a_queue_overflows():
    """What comes on top of it is dropped, and only while it is full."""
    lan = Lan(HOSTS, Wire(loss=0, queue=10 * SIZE + 1))
    for _ in range(30):
        lan.send(0.0, A, packet(B))
    assert (len(marks(lan, 1.0)), lan.counts["overflowed"]) == (10, 20)
    lan.send(1.0, A, packet(B))
    assert len(marks(lan, 2.0)) == 1


def lost(seed):
    """Which of ten thousand packets get lost."""
    lan = Lan(HOSTS, Wire(loss=0.01), seed)
    for mark in range(10_000):
        lan.send(float(mark), A, packet(B, mark=mark))
    return set(range(10_000)) - {mark for _, mark in marks(lan, 1e9)}


def test_some_packets_get_lost():
    """As many as asked for, and with one seed the same ones."""
    assert 70 < len(lost(1)) < 130
    assert lost(1) == lost(1) != lost(2)


def test_a_host_is_cut_off_and_back():
    """Nothing from or to it arrives, what is on its way included; the others don't notice."""
    lan = Lan(HOSTS, PERFECT)
    lan.send(0.0, A, packet(B, mark=1))
    lan.cut(B)
    lan.send(0.0, B, packet(A, mark=2))
    lan.send(0.0, A, packet(C, mark=3))
    assert marks(lan, 1.0) == [(C, 3)]
    lan.mend(B)
    lan.send(1.0, A, packet(B, mark=4))
    assert marks(lan, 2.0) == [(B, 4)]


@pytest.mark.parametrize("data", [b"", b"\x45", packet("192.0.2.1"), b"\x60" + bytes(60)])
def test_what_is_for_none_of_them_goes_nowhere(data):
    """Other addresses, other protocols, and no packets at all."""
    lan = Lan(HOSTS, PERFECT)
    lan.send(0.0, A, data)
    assert (list(lan.arrivals(1e9)), lan.counts["for nobody"]) == ([], 1)


def test_the_hub_carries_packets_between_descriptors():
    """One read is one packet; it is written when the time has come, on a clock of the test's."""
    with ExitStack() as stack:
        pairs = {host: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for host in HOSTS}
        for end in (end for pair in pairs.values() for end in pair):
            end.setblocking(False)
            stack.enter_context(end)
        now = [0.0]
        ends = {host: pair[0].fileno() for host, pair in pairs.items()}
        hub = Hub(Lan(HOSTS, PERFECT), ends, clock=lambda: now[0])
        stack.callback(hub.close)

        pairs[A][1].send(packet(B, mark=7))
        hub.step(0)
        with pytest.raises(BlockingIOError):
            os.read(pairs[B][1].fileno(), 4096)
        now[0] = 1.0
        hub.step(0)
        assert os.read(pairs[B][1].fileno(), 4096) == packet(B, mark=7)
