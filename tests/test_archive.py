"""An archive beside a swarm: it keeps everything, whatever befalls it and whoever lies to it."""

from __future__ import annotations

from typing import ClassVar

import pytest
import trio
from click.testing import CliRunner

from authority.audit.archive import telling
from authority.audit.replay import replay
from node.blobs import DiskBlobs
from node.cli import node as node_command
from node.conduct import Conduct
from node.digest import digest
from node.erasure import erase
from node.errors import DiskFull, WrongUse
from node.exchange import PeerKey
from node.ledger import Phase
from node.progress import read_progress
from sim.adversary.over import OverBlobs, OverExchange
from tests.archives import Archived
from tests.swarm import FAREWELL_SECONDS, Swarm, garbage, on_virtual_time, quick_disk

__all__ = ["quick_disk"]
pytestmark = [pytest.mark.timeout(120), pytest.mark.usefixtures("quick_disk")]


TRAINING_SECONDS = 10
SLOW_SECONDS = 7


def archived(tmp_path, **options):
    """A swarm whose training takes a while, and an archive that isn't admitted yet."""
    (tmp_path / "swarm").mkdir()
    swarm = Swarm(tmp_path / "swarm", **options)
    for node in swarm.nodes.values():
        node.trainer.seconds = TRAINING_SECONDS
    return swarm, Archived(swarm, tmp_path / "archive")


async def whole_story(archive):
    """From the start until the run is over and everything is kept."""
    archive.admit()
    archive.start()
    await archive.swarm.until(lambda run: run.closed is not None)
    await archive.until_complete()
    archive.crash()


def confirmed(archive):
    """What an audit says of each merge, from the archive's folder alone."""
    run = archive.swarm.run
    return [one.good for one in replay(archive.swarm.record, run, [archive.home.blobs])]


@pytest.mark.parametrize("neighbours", [None, 2])
def test_it_keeps_all_of_a_run(tmp_path, neighbours):
    """Base, updates, models and receipts; so every merge can be redone from its folder alone."""

    @on_virtual_time
    async def test():
        merge = "trimmed-mean" if neighbours is None else "gossip"
        swarm, archive = archived(tmp_path, nodes=4, neighbours=neighbours, merge=merge, hostile=0)
        await swarm.play(story=lambda: whole_story(archive))
        assert (archive.missing, archive.ended) == ([], None)
        assert confirmed(archive) == [True] * (3 if neighbours is None else 12)

    test()


@on_virtual_time
async def test_its_status_is_never_old(tmp_path):
    """Two seconds after the last blob came the file says so."""
    swarm, archive = archived(tmp_path)

    async def story():
        archive.admit()
        archive.start()
        for rounds in (1, 2, 3):
            await swarm.until(lambda run, rounds=rounds: len(run.past) == rounds)
            await archive.until_complete()
            await trio.sleep(2)
            facts = read_progress(archive.home.status)
            assert (facts["missing"], facts["kept"]) == (0, len(archive.part.gatherer.kept))
        archive.crash()

    await swarm.play(story=story)


@on_virtual_time
async def test_it_asks_nobody_before_it_is_admitted(tmp_path):
    """It says so and waits; then it gets what was before, too."""
    swarm, archive = archived(tmp_path)

    async def story():
        archive.start()
        await swarm.until(lambda run: len(run.past) == 1)
        assert [line[:28] for line in archive.said] == ["this auditor isn't admitted,"]
        assert list(DiskBlobs(archive.home.blobs)) == []
        archive.admit()
        await swarm.until(lambda run: run.closed is not None)
        await archive.until_complete()
        archive.crash()

    await swarm.play(story=story)
    assert confirmed(archive) == [True] * 3


@on_virtual_time
async def test_it_goes_on_where_it_was_killed(tmp_path):
    """What was whole stays, and isn't fetched again; what was begun is."""
    swarm, archive = archived(tmp_path, rounds=4)

    async def story():
        archive.admit()
        archive.start()
        await swarm.until(lambda run: len(run.past) == 2)
        await archive.until_complete()
        archive.crash()
        kept = {path: path.stat().st_mtime_ns for path in archive.home.blobs.iterdir()}
        (archive.home.blobs / ".part-begun").write_bytes(b"half a blo")
        await swarm.until(lambda run: len(run.past) == 3)
        archive.start()
        await swarm.until(lambda run: run.closed is not None)
        await archive.until_complete()
        archive.crash()
        assert {path: path.stat().st_mtime_ns for path in kept} == kept

    await swarm.play(story=story)
    assert confirmed(archive) == [True] * 4
    assert not (archive.home.blobs / ".part-begun").exists()


class _Garbage(OverBlobs):
    """Offers the right outline, and sends other bytes."""

    def view(self, name):
        return memoryview(bytes(len(super().view(name))))


@on_virtual_time
async def test_one_who_lies_costs_itself(tmp_path):
    """Garbage from a peer ends nothing; the others have what it has, but for its own update."""
    swarm, archive = archived(tmp_path)
    swarm[1].conduct = lambda: Conduct(serves=_Garbage)

    async def story():
        archive.admit()
        archive.start()
        await swarm.until(lambda run: run.closed is not None)
        await trio.sleep(FAREWELL_SECONDS - 5)
        archive.crash()

    await swarm.play(story=story)
    own = [r.revealed[1].digest for r in swarm.run.rounds if 1 in r.revealed]
    assert (archive.missing, archive.ended) == (own, None)
    assert confirmed(archive) == [True] * 3


@on_virtual_time
async def test_who_drips_keeps_nothing_from_the_archive(tmp_path):
    """Two of four never end what they send: the other two have it all, before they leave."""
    swarm, archive = archived(tmp_path)
    dripping = {swarm[1].key, swarm[2].key}

    class Dripping(OverExchange):
        async def fetch(self, name, peer, max_bytes):
            if peer in dripping:
                await trio.sleep_forever()
            await super().fetch(name, peer, max_bytes)

    archive.through = Dripping
    await swarm.play(story=lambda: whole_story(archive))
    assert (archive.missing, archive.ended) == ([], None)


@on_virtual_time
async def test_a_large_blob_on_a_slow_line_comes(tmp_path):
    """What came in one turn stays, and the next is longer."""
    swarm, archive = archived(tmp_path, rounds=1)

    class Slow(OverExchange):
        left: ClassVar = {}

        async def fetch(self, name, peer, max_bytes):
            began, seconds = trio.current_time(), self.left.get(name, SLOW_SECONDS)
            try:
                await trio.sleep(seconds)
            finally:
                self.left[name] = max(0, seconds - (trio.current_time() - began))
            await super().fetch(name, peer, max_bytes)

    archive.through = Slow
    await swarm.play(story=lambda: whole_story(archive))
    assert (archive.missing, archive.ended) == ([], None)


@on_virtual_time
async def test_an_update_that_only_its_author_has_and_keeps(tmp_path, monkeypatch):
    """It is said which one, and why; the rest is kept, and so it is in the status file."""
    monkeypatch.setattr(telling, "PATIENCE_SECONDS", 20.0)
    swarm, archive = archived(tmp_path)
    swarm[4].serves = False

    async def story():
        archive.admit()
        archive.start()
        await swarm.until(lambda run: run.closed is not None)
        await trio.sleep(FAREWELL_SECONDS - 5)
        archive.crash()

    await swarm.play(story=story)
    lost = {r.revealed[4].digest for r in swarm.run.rounds if 4 in r.revealed}
    assert set(archive.missing) == lost
    [line] = [line for line in archive.said if line.startswith("run 1 round 0: update of member 4")]
    assert "member 4: the peer won't serve" in line
    facts = read_progress(archive.home.status)
    assert (facts["missing"], facts["name"]) == (len(lost), "archive")
    assert len(facts["why"]) == len(lost)
    shown = CliRunner().invoke(node_command, ["status", str(archive.home.folder)]).output
    assert "\n  run 1 round 0: update of member 4" in shown


@on_virtual_time
async def test_a_mountain_of_junk_isn_t_fetched(tmp_path):
    """An update far larger than the run's model fills no auditor's disk."""
    swarm, archive = archived(tmp_path, rounds=1)
    planted = swarm[4].plant(0, garbage(4) + bytes(3 << 20))

    async def story():
        archive.admit()
        archive.start()
        await swarm.until(lambda run: run.closed is not None)
        await trio.sleep(FAREWELL_SECONDS - 5)
        archive.crash()

    await swarm.play(story=story)
    assert archive.missing == [planted]
    assert "can't have" in archive.part.gatherer.why[planted]["member 4"]


@on_virtual_time
async def test_peers_that_are_away_are_asked_again(tmp_path):
    """All of them are gone while rounds are missing; once one is back with its disk, it is complete."""
    swarm, archive = archived(tmp_path, rounds=2)

    async def story():
        await swarm.until(lambda run: run.closed is not None)
        await trio.sleep(2 * FAREWELL_SECONDS)
        archive.admit()
        archive.start()
        await trio.sleep(500)
        assert archive.missing[1:] != []
        swarm.start(3)
        await archive.until_complete()
        archive.crash()

    await swarm.play(story=story)
    assert confirmed(archive) == [True, True]


@on_virtual_time
async def test_a_revoked_auditor_gets_nothing_more(tmp_path):
    """It is told, ends, and what it has it keeps; nobody serves it from that block on."""
    swarm, archive = archived(tmp_path)
    asked = []

    async def story():
        archive.admit()
        archive.start()
        await swarm.until(lambda run: len(run.past) == 1 and run.phase is Phase.COMMIT)
        await archive.until_complete()
        archive.revoke()
        before = set(DiskBlobs(archive.home.blobs))
        await swarm.until(lambda run: run.closed is not None)
        asked.append(set(DiskBlobs(archive.home.blobs)) - before)

    await swarm.play(story=story)
    assert asked == [set()]
    assert isinstance(archive.ended, WrongUse)
    assert "was revoked" in str(archive.ended)


@on_virtual_time
async def test_a_key_of_nobody_gets_nothing(tmp_path):
    """Asking under a key that was revoked, or never admitted, reaches no node."""
    swarm, archive = archived(tmp_path, rounds=1)
    stranger = Archived(swarm, tmp_path / "stranger", PeerKey(b"\xb0" * 32))

    async def story():
        archive.admit()
        archive.revoke()
        archive.start()
        stranger.start()
        await swarm.until(lambda run: run.closed is not None)
        archive.crash()
        stranger.crash()

    await swarm.play(story=story)
    found = [list(DiskBlobs(one.home.blobs)) for one in (archive, stranger)]
    assert found == [[], []]


@on_virtual_time
async def test_an_erased_blob_isn_t_fetched_again(tmp_path):
    """What was deleted on purpose stays deleted, and isn't called missing."""
    from datetime import UTC, datetime

    swarm, archive = archived(tmp_path)
    erased = []

    async def story():
        archive.admit()
        archive.start()
        await swarm.until(lambda run: len(run.past) == 1)
        await archive.until_complete()
        archive.crash()
        gone = swarm.run.past[0].revealed[2].digest
        erase(archive.home.blobs, gone, "consent withdrawn", datetime.now(UTC))
        erased.append(gone)
        archive.start()
        await swarm.until(lambda run: run.closed is not None)
        await trio.sleep(FAREWELL_SECONDS - 5)
        archive.crash()

    await swarm.play(story=story)
    assert (archive.missing, len(archive.part.gatherer.missing)) == (erased, 0)


@on_virtual_time
async def test_a_blob_that_the_disk_spoilt_is_fetched_again(tmp_path):
    """Found when the archive starts, and said."""
    swarm, archive = archived(tmp_path)

    async def story():
        archive.admit()
        archive.start()
        await swarm.until(lambda run: len(run.past) == 1)
        await archive.until_complete()
        archive.crash()
        spoilt = swarm.run.past[0].revealed[2].digest
        archive.path(spoilt).write_bytes(b"\x00" + archive.path(spoilt).read_bytes()[1:])
        archive.start()
        await swarm.until(lambda run: run.closed is not None)
        await archive.until_complete()
        archive.crash()
        assert digest(archive.path(spoilt).read_bytes()) == spoilt

    await swarm.play(story=story)
    assert len([line for line in archive.said if "it is damaged" in line]) == 1


@on_virtual_time
async def test_a_full_disk_ends_it_in_one_line(tmp_path, monkeypatch):
    """As one error, though several fetches ran into it."""
    swarm, archive = archived(tmp_path)

    async def story():
        archive.admit()
        archive.start()
        await swarm.until(lambda run: len(run.past) == 1)
        archive.part.blobs.partial = full
        await swarm.until(lambda run: run.closed is not None)

    def full(outline):
        raise DiskFull("no room left in archive: free some and start again")

    await swarm.play(story=story)
    assert str(archive.ended) == "no room left in archive: free some and start again"


@on_virtual_time
async def test_a_node_gets_from_it_what_no_member_has_any_more(tmp_path):
    """A node that lost its disk catches up from the archive, though no other node serves it."""
    swarm, archive = archived(tmp_path)

    async def story():
        archive.admit()
        archive.start()
        await swarm.until(lambda run: len(run.past) == 1 and run.phase is Phase.COMMIT)
        await archive.until_complete()
        swarm[4].crash()
        swarm[4].lose_disk()
        for member in (1, 2, 3):
            swarm[member].denies = swarm[4].key
        swarm.start(4)
        await swarm.until(lambda run: run.closed is not None)
        await archive.until_complete()
        archive.crash()

    await swarm.play(story=story)
    assert 4 in swarm.holders(swarm.run.model)


@on_virtual_time
async def test_another_archive_is_filled_from_the_first(tmp_path):
    """Auditors serve each other, long after the nodes are gone."""
    swarm, archive = archived(tmp_path, rounds=2)
    second = Archived(swarm, tmp_path / "second", PeerKey(b"\xb0" * 32))

    async def story():
        archive.admit()
        archive.start()
        await swarm.until(lambda run: run.closed is not None)
        await archive.until_complete()
        await trio.sleep(2 * FAREWELL_SECONDS)
        second.admit()
        second.start()
        await second.until_complete()
        archive.crash()
        second.crash()

    await swarm.play(story=story)
    assert confirmed(second) == [True, True]
