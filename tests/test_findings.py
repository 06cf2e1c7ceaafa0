"""What results say: intervals, verdicts, which rule they support, CSV, words."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from pathlib import Path

import pytest

from authority.interval import Interval, interval, quantile
from sim.matrix import tidy
from sim.matrix.advice import equals, standings
from sim.matrix.findings import BROKE, HELD, UNCLEAR, Finding, Setting, judge
from sim.matrix.plan import LeftOut, Matrix
from sim.matrix.report import results_of
from sim.matrix.sight import sights
from sim.matrix.words import listed, sentences
from sim.scenario import Scenario
from sim.trace import Trace
from tests.fake_arena import trace

BASE = Scenario(
    nodes=10,
    byzantine=2,
    rounds=2,
    rule="trimmed-mean",
    heterogeneity="label-sorted",
    attack="alie",
)
SETTING = Setting(10, 2, "label-sorted")


def seeds(scenario: Scenario, *scores: float, backdoor: float | None = None) -> list[Trace]:
    """A trace for each seed, which ends with this score."""
    return [
        trace(replace(scenario, seed=seed), 0.1, score, backdoor=backdoor)
        for seed, score in enumerate(scores)
    ]


def reference(*scores: float) -> list[Trace]:
    """The mean with nobody attacking."""
    return seeds(replace(BASE, rule="mean", attack="none", hostile=0), *scores)


def found(*traces: Trace) -> Finding:
    """What they say of their last combination."""
    return judge(traces)[-1]


@pytest.mark.parametrize(("count", "t"), [(2, 12.706), (3, 4.303), (5, 2.776), (30, 2.045)])
def test_students_quantiles(count: int, t: float) -> None:
    """As in the table that every textbook has."""
    assert t == pytest.approx(quantile(count), abs=5e-4)


def test_an_interval_by_hand() -> None:
    """1, 2, 3: mean 2, s = 1, t = 4.303: 2 ± 4.303 / sqrt(3)."""
    made = interval([1.0, 2.0, 3.0])
    assert (made.mean, made.count) == (2.0, 3)
    assert (made.low, made.high) == pytest.approx((2 - 2.4842, 2 + 2.4842), abs=1e-3)


def test_one_seed_has_no_interval() -> None:
    """It says nothing of the spread."""
    assert interval([0.5]) == Interval(0.5, -math.inf, math.inf, 1)
    assert str(interval([0.5])) == "0.500 (one seed)"
    with pytest.raises(ValueError, match="needs values"):
        interval([])


def test_differences_are_paired_by_seed() -> None:
    """Seeds that differ a lot, and a rule that always loses 0.01: the difference is sure."""
    finding = found(*reference(0.7, 0.8, 0.9), *seeds(BASE, 0.69, 0.79, 0.89))
    assert finding.difference is not None
    assert (finding.difference.low, finding.difference.high) == pytest.approx((-0.01, -0.01))
    assert finding.score.high - finding.score.low > 0.4


@pytest.mark.parametrize(
    ("scores", "verdict"),
    [
        ((0.90, 0.90, 0.90), HELD),
        ((0.86, 0.86, 0.86), HELD),
        ((0.84, 0.84, 0.84), BROKE),
        ((0.95, 0.90, 0.80), UNCLEAR),
        ((0.90,), UNCLEAR),
        ((math.nan, math.nan, math.nan), BROKE),
        ((math.inf, math.inf, math.inf), BROKE),
    ],
)
def test_verdicts(scores: tuple[float, ...], verdict: str) -> None:
    """Against 0.9: all of the interval above -0.05, all below, or neither; no number counts as 0."""
    assert found(*reference(0.9, 0.9, 0.9), *seeds(BASE, *scores)).verdict == verdict


@pytest.mark.parametrize(
    ("share", "alone", "verdict"),
    [(0.1, 0.0, HELD), (0.6, 0.5, HELD), (0.3, 0.0, BROKE), (0.1, None, UNCLEAR)],
)
def test_a_backdoor_that_opens_is_no_rule_that_held(
    share: float, alone: float | None, verdict: str
) -> None:
    """However good the score; but what the mark does by itself is not the attackers' doing."""
    attack = replace(BASE, attack="backdoor")
    opened = seeds(attack, 0.9, 0.9, backdoor=share)
    by_itself = seeds(replace(attack, rule="mean", byzantine=0), 0.9, 0.9, backdoor=alone)
    assert (
        found(*reference(0.9, 0.9), *(by_itself if alone is not None else []), *opened).verdict
        == verdict
    )


def test_only_the_reference_tells_what_a_mark_does_by_itself() -> None:
    """Where a matrix has a swarm without attackers, its other rules have the backdoor's mark too."""
    attack = replace(BASE, attack="backdoor")
    nobody = replace(attack, byzantine=0)
    by_itself = seeds(replace(nobody, rule="mean"), 0.9, 0.9, backdoor=0.0)
    others = seeds(replace(nobody, rule="krum"), 0.9, 0.9, backdoor=0.9)
    opened = seeds(attack, 0.9, 0.9, backdoor=0.9)
    assert found(*reference(0.9, 0.9), *by_itself, *others, *opened).verdict == BROKE


def test_without_a_reference_nothing_held() -> None:
    """Another setting's reference is none."""
    elsewhere = [trace(replace(t.scenario, nodes=11), 0.9, 0.9) for t in reference(0.9, 0.9)]
    assert found(*elsewhere, *seeds(BASE, 0.9, 0.9)).verdict == UNCLEAR


def test_where_the_reference_never_merged_nothing_held() -> None:
    """As with a loss that is never finite: every score is the untrained model's."""
    idle = [
        replace(made, points=tuple(replace(point, merged=0) for point in made.points))
        for made in (*reference(0.5, 0.5), *seeds(BASE, 0.5, 0.5))
    ]
    assert found(*idle).verdict == UNCLEAR


def test_a_rule_is_as_good_as_its_worst_case() -> None:
    """Better on average isn't enough; what broke comes after what didn't."""
    steady = [
        *seeds(replace(BASE, rule="steady"), 0.88, 0.88),
        *seeds(replace(BASE, rule="steady", attack="ipm"), 0.88, 0.88),
    ]
    moody = [
        *seeds(replace(BASE, rule="moody"), 0.99, 0.99),
        *seeds(replace(BASE, rule="moody", attack="ipm"), 0.80, 0.80),
    ]
    half_tried = seeds(replace(BASE, rule="half"), 0.99, 0.99)
    ranked = standings(judge([*reference(0.9, 0.9), *moody, *steady, *half_tried]), [SETTING])

    assert [s.rule for s in ranked] == ["steady", "moody"]
    assert (ranked[1].worst.combination.attack, ranked[1].broke, ranked[1].held) == ("ipm", 1, 1)
    assert equals(ranked) == ()


def test_a_rule_that_promises_nothing_comes_last() -> None:
    """A mean that weak attacks didn't harm is no advice, nor as good as the first."""
    lucky = seeds(replace(BASE, rule="gossip", hostile=0), 0.95, 0.95)
    robust = seeds(replace(BASE, rule="robust"), 0.88, 0.89)
    ranked = standings(judge([*reference(0.9, 0.9), *lucky, *robust]), [SETTING])
    assert [s.rule for s in ranked] == ["robust", "gossip"]
    assert equals(ranked) == ()


def test_an_open_backdoor_is_no_advice() -> None:
    """A rule that held throughout comes before one with a better score and a backdoor."""
    attack = replace(BASE, attack="backdoor")
    alone = seeds(replace(attack, rule="mean", byzantine=0), 0.9, 0.9, backdoor=0.0)
    safe = seeds(replace(attack, rule="safe"), 0.87, 0.87, backdoor=0.1)
    fooled = seeds(replace(attack, rule="fooled"), 0.90, 0.90, backdoor=0.9)
    ranked = standings(judge([*reference(0.9, 0.9), *alone, *fooled, *safe]), [SETTING])

    assert [s.rule for s in ranked] == ["safe", "fooled"]
    assert equals(ranked) == ()


def test_what_broke_is_told_from_what_did_not() -> None:
    """Even if its worst case has an interval so wide that it reaches the best rule's."""
    best = [seeds(replace(BASE, rule="best", attack=a), 0.88, 0.87, 0.80) for a in ("alie", "ipm")]
    other = replace(BASE, rule="other")
    wide, broke = seeds(other, 0.9, 0.5, 0.1), seeds(replace(other, attack="ipm"), 0.6, 0.6, 0.6)
    ranked = standings(judge([*reference(0.9, 0.9, 0.9), *best[0], *best[1], *wide, *broke]), [SETTING])

    assert [(s.rule, s.broke) for s in ranked] == [("best", 0), ("other", 1)]
    assert equals(ranked) == ()


def test_what_the_results_cant_tell_apart() -> None:
    """Worst cases whose intervals overlap."""
    one = seeds(replace(BASE, rule="one"), 0.90, 0.89, 0.88)
    other = seeds(replace(BASE, rule="other"), 0.89, 0.89, 0.88)
    ranked = standings(judge([*reference(0.9, 0.9, 0.9), *one, *other]), [SETTING])
    assert {ranked[0].rule, *(s.rule for s in equals(ranked))} == {"one", "other"}


def test_what_commit_and_reveal_adds() -> None:
    """The same cells both ways, paired by seed."""
    blind = seeds(BASE, 0.9, 0.8)
    seeing = seeds(replace(BASE, commit_reveal=False), 0.7, 0.6)
    (sight,) = sights(judge([*blind, *seeing]))
    assert (sight.gain.mean, sight.sure) == (pytest.approx(0.2), True)


def test_the_csv_has_every_round() -> None:
    """A row for each cell and round, equal to what was put in."""
    traces = [
        *seeds(BASE, 0.5, 0.75),
        *seeds(replace(BASE, attack="backdoor:a=1,b=2"), 0.25, backdoor=0.5),
    ]
    rows = list(csv.DictReader(io.StringIO(tidy.results(traces))))

    assert len(rows) == 6
    assert rows[3] == {
        "cell": traces[1].scenario.digest.hex,
        "rule": "trimmed-mean",
        "attack": "alie",
        "heterogeneity": "label-sorted",
        "nodes": "10",
        "byzantine": "2",
        "commit_reveal": "True",
        "topology": "complete",
        "seed": "1",
        "metric": "balanced_accuracy",
        "round": "2",
        "score": "0.75",
        "worst": "0.74",
        "disagreement": "0.0",
        "merged": "8",
        "backdoor": "",
    }
    assert (rows[5]["attack"], rows[5]["backdoor"]) == ("backdoor:a=1,b=2", "0.5")


def test_the_csv_of_combinations() -> None:
    """A row for each combination, with its interval and verdict."""
    findings = judge([*reference(0.9, 0.9), *seeds(BASE, 0.5, 0.5)])
    reference_row, row = csv.DictReader(io.StringIO(tidy.summary(findings)))

    assert (reference_row["rule"], reference_row["attack"], reference_row["verdict"]) == (
        "mean",
        "none",
        "held",
    )
    assert (row["seeds"], row["verdict"], row["score"], row["score_low"]) == (
        "2",
        "broke",
        "0.5",
        "0.5",
    )
    assert float(row["difference"]) == pytest.approx(-0.4)
    assert row["backdoor"] == ""


def test_words_claim_no_more_than_the_results() -> None:
    """What is unclear isn't said to have held, and one seed proves nothing."""
    text = words([*reference(0.9, 0.9), *seeds(replace(BASE, rule="median"), 0.99, 0.80)], 2)
    assert "held in 0, broke in 0, and 1 are unclear" in text
    assert "no rule held under every attack" in text
    alone = words([*reference(0.9), *seeds(replace(BASE, rule="median"), 0.9)], 1)
    assert "on one seed, which proves nothing" in alone


def test_words_on_a_rule_whose_cells_failed() -> None:
    """It held under one attack of two, and nobody knows of the other."""
    both = [replace(BASE, rule="median"), replace(BASE, rule="median", attack="ipm")]
    half = replace(BASE, rule="krum")
    traces = [trace for one in (*both, half) for trace in seeds(one, 0.9, 0.9)]
    text = words([*reference(0.9, 0.9), *traces], 2)
    assert "2 of 10, label-sorted: median held under every attack." in text


def test_words_name_what_broke() -> None:
    """Rule, attack and setting."""
    text = words([*reference(0.9, 0.9), *seeds(replace(BASE, rule="median"), 0.5, 0.5)], 2)
    assert "2 of 10, label-sorted" in text
    assert "Broke: median under every attack." in text


@pytest.mark.parametrize(
    ("names", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), ([*"abc"], "a, b and c")]
)
def test_lists_in_words(names: list[str], text: str) -> None:
    """As people write them."""
    assert listed(names) == text


def test_the_command_that_runs_it_again() -> None:
    """Quoted for a shell."""
    matrix = Matrix(
        base=BASE, attacks=("alie",), rules=("median",), heterogeneities=("iid",), swarms=((10, 2),)
    )
    assert matrix.command(Path("my runs/a")) == (
        "waggle simulate matrix --scenario 'my runs/a/scenario.toml' --attack alie --rule median "
        "--heterogeneity iid --byzantine 2/10 --seeds 5 --commit-reveal on --out 'my runs/a'"
    )


def words(traces: list[Trace], count: int) -> str:
    """All sentences."""
    matrix = Matrix(base=BASE, rules=("median",), swarms=((10, 2),), seeds=count)
    return "\n".join(sentences(results_of(matrix, traces, [LeftOut("a", "b")])))
