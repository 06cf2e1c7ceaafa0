"""The world: it repeats to the letter, its parts fail as they should, its command tells what it saw."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
import trio
from click.testing import CliRunner

from node.contracts.chain import memory_address
from node.ledger import Admit
from node.state import Chronicle, apply_all
from node.transactions import Pooling
from sim.simulate import simulate
from sim.world import seeded
from sim.world.chain import WorldChain
from sim.world.fold import Fold
from sim.world.life import CIRCLE, LIVING, Gone, Life, Steps
from sim.world.promises import broken
from sim.world.signatures import Signatures
from sim.world.story import Story, story_of
from sim.world.switch import Switch
from sim.world.wires import PATIENCE, Wires
from sim.world.world import play

pytestmark = pytest.mark.timeout(120)

AUTHORITY = memory_address("authority")


def test_a_world_without_faults() -> None:
    """Every round is finalized and every promise holds."""
    evidence = play(Story(1, rounds=6))
    assert [r.finalized is not None for r in evidence.run.rounds] == [True] * 6
    assert broken(evidence) == ()


def test_the_same_seed_is_the_same_world() -> None:
    """Step by step: the timelines are equal."""
    one, two = (play(story_of(11)).timeline.entries for _ in range(2))
    assert one == two


def test_clocks_differ() -> None:
    """Each node has its own, as far ahead of the true time as the story says."""
    nodes = play(Story(1, rounds=6, ahead={1: 2.5, 3: -3.0})).nodes
    assert [nodes[member].clock_ahead for member in (1, 2, 3)] == [2.5, 0.0, -3.0]


def test_a_fold_is_shared_by_whoever_was_told_the_same() -> None:
    """It is the fold of production; chains that differ never get each other's."""
    one, other = (play(Story(seed, rounds=6)).chain.logged for seed in (1, 2))
    fold = Fold()
    for logged in (one, other):
        events = [entry.event for entry in logged]
        whole = fold(Chronicle(), events)
        assert whole == apply_all(Chronicle(), events)
        assert fold(fold(Chronicle(), events[:9]), events[9:]) is whole


def test_another_seed_is_another_world() -> None:
    """Else one world would be as good as a thousand."""
    assert play(Story(1, rounds=6)).timeline.entries != play(Story(2, rounds=6)).timeline.entries


@pytest.mark.parametrize("nodes", [4, 7, 10])
def test_never_more_hostile_than_a_round_withstands(nodes: int) -> None:
    """The bound that the promises assume."""
    most = max(len(story_of(seed, nodes).hostile) for seed in range(200))
    assert most == (nodes - 1) // 3


def test_time_jumps_and_wakes_in_order() -> None:
    """Whoever sleeps shorter wakes first, and the clock shows virtual seconds."""
    woken: list[tuple[float, float]] = []

    async def sleeper(seconds: float) -> None:
        await seeded.sleep(seconds)
        woken.append((seconds, trio.current_time()))

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for seconds in (3600.0, 1.0, 60.0):
                nursery.start_soon(sleeper, seconds)

    seeded.run(1, main)
    assert woken == [(1.0, 1.0), (60.0, 60.0), (3600.0, 3600.0)]


def test_a_life_ends_at_its_step_and_cleans_nothing_up() -> None:
    """What a `finally` does through a seam is refused: a dead process couldn't do it."""
    said: list[str] = []
    life = Life("node", Switch(), lambda: said.append("cut off"))

    async def work() -> None:
        LIVING.set(life)
        try:
            with life.scope:
                while True:
                    await trio.lowlevel.checkpoint()
        finally:
            try:
                life.check()
            except Gone:
                said.append("refused")

    life.die_in(20)
    seeded.run(1, work, [Steps()])
    assert (said, life.steps) == (["cut off", "refused"], 20)


def test_a_process_that_goes_round_in_circles_is_ended() -> None:
    """Many steps at one instant would hang the world for ever; the same number over time is work."""

    async def steps(pause: float) -> Life:
        life = Life("node", Switch(), lambda: None)
        for number in range(3 * CIRCLE):
            if not number % 1000:
                await seeded.sleep(pause)
            life.step()
        return life

    circling = [seeded.run(1, lambda pause=pause: steps(pause)).circling for pause in (0.0, 0.1)]  # type: ignore[misc]
    assert circling == [True, False]


def test_a_cut_wire_is_noticed_after_a_while() -> None:
    """In one direction only, and only as long as it is cut."""

    async def main() -> list[object]:
        wires = Wires(Random(1))
        wires.cut({1}, {2})
        lost, begun = await wires.ask(1, 2, lambda: "answer"), trio.current_time()
        wires.cut({1}, {2}, -1)
        return [lost, begun >= PATIENCE, await wires.ask(1, 2, lambda: "answer")]

    assert seeded.run(1, main) == [None, True, "answer"]


def test_a_reorganized_chain_says_what_its_new_blocks_say() -> None:
    """Blocks below stay; what was taken back is pending again, mined anew, or forgotten."""

    async def main() -> tuple[int, int, set[int]]:
        signatures, chain = Signatures(), WorldChain(AUTHORITY, trio.current_time, Random(3))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(chain.run, 0)
            for nonce in range(6):
                call = Admit(memory_address(f"node {nonce}"), bytes([nonce + 1]) * 32, bytes(32))  # type: ignore[arg-type]
                raw = signatures.sign(AUTHORITY, nonce, signatures.write(call))
                assert chain.submit(signatures.read(raw)) is Pooling.TAKEN
                await seeded.sleep(2)
            before = chain.logged[:3]
            chain.reorganize(3)
            nursery.cancel_scope.cancel()
        assert chain.logged[:3] == before
        return chain.height, chain.nonce(AUTHORITY), {one.block for one in chain.logged[:3]}

    height, nonce, blocks = seeded.run(1, main)
    assert (height, blocks) == (6, {1, 2, 3})
    assert 3 <= nonce <= 6


def test_one_world_on_the_command_line() -> None:
    """Its timeline and verdict, as JSON."""
    done = CliRunner().invoke(simulate, ["world", "--seed", "3", "--json"])
    found = json.loads(done.stdout)
    assert (done.exit_code, found["seed"], found["broken"]) == (0, 3, [])
    assert {"at", "who", "what"} == found["timeline"][0].keys()


def test_too_few_rounds_are_refused() -> None:
    """Nothing would be left between the faults and the quiet."""
    done = CliRunner().invoke(simulate, ["world", "--rounds", "3"])
    assert done.exit_code == 2


@pytest.mark.slow
def test_two_processes_tell_the_same_story() -> None:
    """Whatever Python's hashes are in each: a failing seed can be repeated anywhere."""
    command = [Path(sys.executable).with_name("waggle"), "simulate", "world", "--seed", "11", "--json"]
    told = {
        subprocess.run(
            command,
            env={**os.environ, "PYTHONHASHSEED": hashes},
            capture_output=True,
            check=True,
            timeout=100,
        ).stdout
        for hashes in ("1", "2")
    }
    assert len(told) == 1


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_200_worlds() -> None:
    """What CI plays: every promise holds in every one."""
    done = CliRunner().invoke(simulate, ["world", "--seeds", "200", "--json"])
    found = json.loads(done.stdout)
    assert (found["failed"], found["worlds"], done.exit_code) == ([], 200, 0)
