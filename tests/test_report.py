"""The report: the right words for what was found, everything escaped, nothing loaded from elsewhere."""

import re
from dataclasses import replace

import pytest

from authority.audit.checked import Checked, check
from authority.audit.place import Place
from authority.audit.receipts import receipts_in
from authority.audit.replay import replay
from authority.audit.report.answers import UNPROVEN, answers, findings, verdict
from authority.audit.report.lineage import kinds, lineage
from authority.audit.report.page import page
from authority.audit.subject import Subject
from authority.figure_style import svg
from node.digest import digest
from node.ledger import Attest, Enter
from tests.swarm import played, quick_disk

__all__ = ["quick_disk"]
pytestmark = [pytest.mark.timeout(90), pytest.mark.usefixtures("quick_disk")]

WILD = "<script>alert(1)</script>"


def checked(swarm, *without, differences=()):
    """All that an audit looks at, with one node's blobs; one member has a wild name."""
    for name in without:
        swarm[1].blob(name).unlink()
    record = replace(swarm.record, differences=differences)
    place = Place(("http://127.0.0.1:1",), record.network, (swarm[1].blobs,), names={2: WILD})
    return check(Subject(record, swarm.run, place))


def html(found):
    """The page, models unmeasured."""
    return page(found, None, "the task isn't here", "waggle audit report runs/x --out report.html")


def test_a_good_run_is_told_as_one(tmp_path):
    """The verdict, the answers and what is not proven are all on the page."""
    found = checked(played(tmp_path))
    assert found.good
    text = html(found)
    assert verdict(found).startswith("This run is what its record says")
    for words in (verdict(found), *answers(found), *UNPROVEN):
        assert words.replace("'", "&#39;") in text
    assert "Findings" not in text
    assert "Not measured: the task isn&#39;t here." in text


def test_names_are_escaped_and_nothing_is_loaded(tmp_path):
    """No script, no address but data; the page's own policy forbids both."""
    text = html(checked(played(tmp_path)))
    assert WILD not in text
    assert "&lt;script&gt;" in text
    assert set(re.findall(r"(?:src|href)=\"(\w+):", text)) == {"data"}
    assert "default-src 'none'" in text


def test_findings_come_on_top(tmp_path):
    """A missing update, endpoints that differ, a dispute: each with where it is."""

    def prepare(swarm):
        lie = digest(b"another")
        swarm[3].line.forge = lambda call: (
            replace(call, merged=lie) if isinstance(call, Attest) and call.round == 1 else call
        )

    swarm = played(tmp_path, prepare)
    found = checked(swarm, swarm.run.rounds[0].revealed[2].digest, differences=("a lacks 2 logs",))
    assert not found.good
    assert verdict(found) == "Something is wrong: see the findings."
    where = [place for place, _ in findings(found)]
    assert where == ["endpoints", "round 0", "round 1"]
    text = html(found)
    assert text.index("Findings") < text.index("Lineage")
    assert "no copy was found" in text


def test_who_was_absent_is_drawn_so(tmp_path):
    """A mark for each part: merged, waited for in vain."""

    def prepare(swarm):
        swarm[4].line.crash_after = Enter

    swarm = played(tmp_path, prepare)
    run, receipts = swarm.run, receipts_in([swarm[1].blobs])
    assert [list(kinds(run, run.rounds[0], m, receipts)) for m in (1, 4)] == [["merged"], ["absent"]]


def test_a_run_of_gossip_has_a_page_too(tmp_path):
    """Without a curve of one model, which it hasn't."""
    swarm = played(tmp_path, nodes=6, merge="nna", hostile=1, neighbours=2)
    place = Place((), swarm.record.network, tuple(n.blobs for n in swarm.nodes.values()))
    replayed = replay(swarm.record, swarm.run, place.blobs)
    text = html(Checked(Subject(swarm.record, swarm.run, place), (), replayed))
    assert "12 of 12 merges were redone" in text
    assert "Accuracy over rounds" not in text
    assert ">initial model<" in text


def test_the_picture_of_a_gossip_run_has_no_row_of_models(tmp_path):
    """There is none that all agreed on; a run of one model has such a row above the members."""
    gossip = played(tmp_path, nodes=6, merge="nna", hostile=1, neighbours=2)
    (axes,) = lineage(gossip.run, receipts_in([]), str).axes
    assert (axes.get_xlabel(), axes.get_ylim()[1]) == ("round", -0.6)


def test_a_name_is_no_formula_in_the_picture(tmp_path):
    """Signs of money are in names, too."""
    swarm = played(tmp_path)
    figure = lineage(swarm.run, receipts_in([]), lambda member: r"a $\frac{$ b")
    assert r"\frac{$ b" in svg(figure).decode()


def test_a_run_without_a_round_has_a_page_too(tmp_path):
    """Nothing was merged yet."""
    swarm = played(tmp_path)
    empty = replace(swarm.run, past=(), round=None)
    place = Place((), swarm.record.network, (swarm[1].blobs,))
    found = Checked(Subject(swarm.record, empty, place), (), ())
    assert "Nothing was merged yet" in html(found)


def test_a_long_name_leaves_room_for_the_picture(tmp_path):
    """The table has it in full."""
    (axes,) = lineage(played(tmp_path).run, receipts_in([]), lambda member: "x" * 90).axes
    assert {label.get_text() for label in axes.get_yticklabels()} == {"x" * 25 + "..."}


def test_only_what_grows_with_the_run_scrolls(tmp_path):
    """The lineage, on a narrow screen; curves always fit."""
    text = html(checked(played(tmp_path)))
    assert text.count('class="broad"') == 1
    assert text.index("Lineage") < text.index('class="broad"') < text.index("Accuracy over rounds")


def test_a_run_whose_rounds_were_all_skipped_has_a_page_too(tmp_path):
    """Nobody committed: there is no model, and nothing to measure."""

    def prepare(swarm):
        for node in swarm.nodes.values():
            node.trainer.fails = True

    found = checked(played(tmp_path, prepare))
    assert found.problems == ("nothing was merged: there is nothing to redo",)
    text = html(found)
    assert "Rounds that ended without a merge: 0, 1." in text
    assert "Not measured: the task isn&#39;t here." in text
