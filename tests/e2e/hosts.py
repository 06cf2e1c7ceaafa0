"""Hosts of their own on this machine: network namespaces, joined by a `Lan` and by nothing else.

Each has a TUN device with an address, whose other end is a descriptor here, and a thread carries
packets between those. Goals: nothing to install, nothing left behind: a namespace is a descriptor, too,
and goes with the last process that has it. Non-goals: files and processes of their own.

Needs the right to make namespaces and TUN devices; `refusal` says what is missing.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.e2e.lan import Hub, Lan, Wire

T = TypeVar("T")

CONGESTION = "reno"
"""How TCP reacts to loss: what every kernel has and lets a namespace choose. Over such a wire cubic,
which most machines use, isn't meant to be faster; bbr is."""

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_TUN, _NO_HEADER = 0x0001, 0x1000
_SET_TUN, _SET_FLAGS, _SET_ADDRESS, _SET_MASK = 0x400454CA, 0x8914, 0x8916, 0x891C
_UP = 0x1
_STEP_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Host:
    """A host. wire: the packets that it sends and gets. namespace: keeps it alive."""

    address: str
    wire: int
    namespace: int

    @property
    def path(self) -> str:
        """The namespace, for `enter` in whatever process, and for nsenter."""
        return f"/proc/{os.getpid()}/fd/{self.namespace}"


def refusal() -> str:
    """Why there can be no hosts here; empty when there can."""
    try:
        with ExitStack() as stack:
            _host("10.77.0.1", stack)
    except OSError as error:
        return f"no network namespaces with TUN devices here: {error}"
    return ""


@contextmanager
def hosts(count: int, wire: Wire, seed: int = 0) -> Iterator[tuple[list[Host], Lan]]:
    """So many hosts at 10.77.0.1 and on, joined by a Lan, while the context is open."""
    with ExitStack() as stack:
        found = [_host(f"10.77.0.{number}", stack) for number in range(1, count + 1)]
        lan = Lan([host.address for host in found], wire, seed)
        hub = Hub(lan, {host.address: host.wire for host in found})
        stack.callback(hub.close)
        stack.enter_context(_turning(hub))
        yield found, lan


def enter(path: str) -> None:
    """Let this thread be on another host, and what it starts."""
    namespace = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("setns", namespace, _NEW_NETWORK)
    finally:
        os.close(namespace)


def inside(path: str, work: Callable[..., T], *args: object) -> T:
    """What a function returns on another host: for processes that do nothing else."""
    enter(path)
    return work(*args)


@contextmanager
def _turning(hub: Hub) -> Iterator[None]:
    stop = threading.Event()

    def turn() -> None:
        while not stop.is_set():
            hub.step(_STEP_SECONDS)

    thread = threading.Thread(target=turn, name="hub")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _host(address: str, stack: ExitStack) -> Host:
    """A thread of its own makes it, since a namespace is a thread's: ours stays where we are."""
    host = _in_thread(lambda: _made(address))
    stack.callback(os.close, host.namespace)
    stack.callback(os.close, host.wire)
    return host


def _made(address: str) -> Host:
    _call("unshare", _NEW_NETWORK)
    Path("/proc/sys/net/ipv4/tcp_congestion_control").write_text(CONGESTION)
    wire = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(wire, _SET_TUN, _request("wan", struct.pack("H", _TUN | _NO_HEADER)))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            _set_up(control, "lo")
            fcntl.ioctl(control, _SET_ADDRESS, _request("wan", _address(address)))
            fcntl.ioctl(control, _SET_MASK, _request("wan", _address("255.255.255.0")))
            _set_up(control, "wan")
        return Host(address, wire, os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
    except BaseException:
        os.close(wire)
        raise


def _set_up(control: socket.socket, device: str) -> None:
    fcntl.ioctl(control, _SET_FLAGS, _request(device, struct.pack("H", _UP)))


def _request(device: str, value: bytes) -> bytes:
    """struct ifreq: a device's name and what to set."""
    return struct.pack("16s24s", device.encode(), value)


def _address(text: str) -> bytes:
    """struct sockaddr_in."""
    return struct.pack("HH4s8s", socket.AF_INET, 0, socket.inet_aton(text), b"")


def _call(name: str, *args: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*args) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _in_thread(work: Callable[[], T]) -> T:
    """What a function returns, or raises, in a thread that ends with it."""
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:
            result.set_exception(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return result.result()
