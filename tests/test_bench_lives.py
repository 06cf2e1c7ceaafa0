"""What a soak sees of processes, and what it calls growing."""

import os
import socket
import threading

import pytest

from sim.bench.lives import Life, Watcher, grows, held_by, judged


def life(name="clinic-1", seconds=100, **held):
    """A process looked at 40 times; each figure is a function of the share of its life."""
    flat = {"memory": 1e8, "files": 30.0, "sockets": 20.0, "threads": 6.0}
    samples = [
        (seconds * n / 39, {**flat, **{k: float(grow(n / 39)) for k, grow in held.items()}})
        for n in range(40)
    ]
    return Life(name, 1, samples)


def test_what_stays_level_has_not_grown():
    """Also what comes and goes."""
    (found,) = judged([life(threads=lambda t: 6 + (int(40 * t) % 3))], 100)
    assert (found["grown"], found["memory"]) == ([], {"middle": 1e8, "end": 1e8})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("memory", lambda t: 1e8 * (1 + t)),
        ("files", lambda t: 30 + 20 * t),
        ("sockets", lambda t: 20 + 20 * t),
        ("threads", lambda t: 6 + 10 * t),
    ],
)
def test_what_goes_on_growing_is_named(name, value):
    """Each figure by itself."""
    (found,) = judged([life(**{name: value})], 100)
    assert found["grown"] == [name]


def test_what_is_taken_at_the_start_is_no_growth():
    """Caches fill in the first quarter."""
    (found,) = judged([life(memory=lambda t: 1e8 + 5e7 * min(5 * t, 1))], 100)
    assert found["grown"] == []


def test_short_lives_say_nothing():
    """Less than half of the whole, or too few looks."""
    seldom = Life("clinic-2", 2, life().samples[:5])
    assert judged([life(seconds=49), seldom], 100) == []


def test_slack_is_so_much_or_such_a_share():
    """The larger of the two."""
    assert [grows("files", 30, 34), grows("files", 30, 35), grows("files", 100, 110)] == [
        False,
        True,
        False,
    ]


def test_a_process_is_seen():
    """A socket and a thread more are a file, a socket and a thread more."""
    before, done = held_by(os.getpid()), threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    with socket.socket():
        after = held_by(os.getpid())
    done.set()
    thread.join()
    assert {name: after[name] - before[name] for name in ("files", "sockets", "threads")} == {
        "files": 1,
        "sockets": 1,
        "threads": 1,
    }
    assert after["memory"] > 0


def test_lives_are_told_apart_by_process():
    """A clinic that was started again is another life."""
    watcher = Watcher()
    watcher.look(0.0, {"clinic-1": os.getpid()})
    watcher.look(1.0, {"clinic-1": os.getppid()})
    watcher.look(2.0, {"clinic-1": 2**22 + 1})
    assert [(one.name, one.pid) for one in watcher.lives()] == [
        ("clinic-1", os.getpid()),
        ("clinic-1", os.getppid()),
    ]
