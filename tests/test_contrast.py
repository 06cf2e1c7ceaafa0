"""The same swarm with the plain mean, in the arena."""

from dataclasses import replace
from pathlib import Path

import pytest

from authority.plan import RunPlan
from sim.contrast import contrast_of, contrasts
from sim.hostile import DEMO, Crew
from sim.plan import SwarmPlan

PLAN = SwarmPlan(Path("unused"), 6, "wdbc", RunPlan("demo", 6), crews=DEMO)


@pytest.mark.timeout(120)
def test_the_demo_s_attack_breaks_a_mean():
    """The numbers that `waggle up` prints beside its own."""
    contrast = contrast_of(PLAN)
    assert (contrast.attack, contrast.metric) == ("sign-flip:scale=10", "balanced_accuracy")
    assert contrast.mean < 0.6 < 0.9 < contrast.unharmed


@pytest.mark.parametrize(
    ("plan", "played"),
    [
        (PLAN, True),
        (replace(PLAN, crews=()), False),
        (replace(PLAN, crews=(Crew("withhold"),)), False),
        (replace(PLAN, crews=(Crew("nan"), Crew("alie"))), False),
        (replace(PLAN, crews=(Crew("alie", 3),)), False),
        (replace(PLAN, run=RunPlan("demo", 6, merge="mean")), False),
    ],
)
def test_what_the_arena_can_play(plan, played):
    """One crew's attack on what is learned, by a minority, against a rule that isn't the mean."""
    assert contrasts(plan) == played
