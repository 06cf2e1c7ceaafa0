"""Entering trio: one error leaves as itself."""

import pytest
import trio

from node.errors import DiskFull, WrongUse
from node.running import run


async def in_nurseries(*errors):
    """Raise errors from the tasks of a nursery within a nursery."""

    async def fail(error):
        raise error

    async with trio.open_nursery() as outer:
        async with trio.open_nursery() as inner:
            for error in errors:
                inner.start_soon(fail, error)
        outer.cancel_scope.cancel()


def test_a_result_is_handed_on():
    """Arguments go in, the result comes out."""

    async def work(number):
        return number + 1

    assert run(work, 1) == 2


def test_a_single_error_is_itself():
    """However many nurseries it went through."""
    with pytest.raises(WrongUse, match="home"):
        run(in_nurseries, WrongUse("home"))


def test_several_errors_stay_together():
    """None is lost."""
    with pytest.raises(ExceptionGroup) as raised:
        run(in_nurseries, WrongUse("one"), WrongUse("two"))
    assert {str(error) for error in raised.value.exceptions} == {"one", "two"}


def test_several_that_say_the_same_are_one():
    """A full disk fails every fetch that writes at the moment: one line for whoever frees some room."""
    with pytest.raises(DiskFull, match="no room"):
        run(in_nurseries, *(DiskFull("no room left in blobs") for _ in range(3)))


def test_an_interruption_wins():
    """Ctrl-C is no failure, whatever fails on the way out."""
    with pytest.raises(KeyboardInterrupt):
        run(in_nurseries, KeyboardInterrupt(), WrongUse("while stopping"))
