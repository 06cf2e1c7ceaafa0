"""Which figures a matrix's results have, each with its title and what it shows in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from matplotlib.figure import Figure

from authority.interval import Interval
from sim.held import BACKDOOR_MOST
from sim.matrix import figure_curves, figure_dots, figure_maps
from sim.matrix.findings import Finding, Setting
from sim.matrix.results import Results, backdoors


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """name: of its files. kind: scores, curves, disagreement, backdoor or gain."""

    name: str
    kind: str
    title: str
    caption: str
    draw: Callable[[], Figure]


def pictures(results: Results) -> Iterator[Picture]:
    """All figures, in the order of the page."""
    for setting in results.settings:
        yield _scores(results, setting)
    for setting in results.settings:
        yield _curves(results, setting)
    if not results.one_model:
        for setting in results.settings:
            yield _disagreement(results, setting)
    if any(finding.opened for finding in results.findings):
        yield _backdoor(results)
    for setting in dict.fromkeys(sight.combination.setting for sight in results.sights):
        yield _gains(results, setting)


def _scores(results: Results, setting: Setting) -> Picture:
    shown = results.shown(setting)
    worst = min(shown, key=lambda f: f.score.mean)
    title = f"Final {results.metric}: {setting}"
    caption = (
        "Means over seeds. The last column is each rule's worst. "
        f"Lowest: {worst.combination.rule} under {worst.combination.attack}, {worst.score.mean:.2f}."
    )
    rules, attacks = _rules(results, shown), _attacks(results, shown)
    draw = partial(figure_maps.scores, shown, rules, attacks, title)
    return Picture(_name("scores", setting), "scores", title, caption, draw)


def _curves(results: Results, setting: Setting) -> Picture:
    shown = results.shown(setting)
    title = f"Learning: {setting}"
    caption = (
        f"{results.metric.capitalize()} over rounds, means over seeds with 95 % bands; blue "
        f"{results.chosen}, orange the plain mean, dashed the plain mean with nobody attacking, grey "
        "the other rules."
    )
    draw = partial(
        figure_curves.curves,
        shown,
        _attacks(results, shown),
        results.chosen,
        results.metric,
        lambda point: point.score,
        title,
    )
    return Picture(_name("curves", setting), "curves", title, caption, draw)


def _disagreement(results: Results, setting: Setting) -> Picture:
    shown = results.shown(setting)
    title = f"Disagreement of honest nodes: {setting}"
    caption = (
        "How far honest nodes' models lie from their mean, as a share of its norm; means over seeds "
        f"with 95 % bands; blue {results.chosen}, orange the plain mean, grey the other rules."
    )
    draw = partial(
        figure_curves.curves,
        shown,
        _attacks(results, shown),
        results.chosen,
        "disagreement",
        lambda point: point.disagreement,
        title,
    )
    return Picture(_name("disagreement", setting), "disagreement", title, caption, draw)


def _backdoor(results: Results) -> Picture:
    groups: dict[str, dict[str, Interval]] = {}
    for setting in results.settings:
        for finding in backdoors(results.shown(setting)):
            name = f"{finding.combination.attack}, {setting}"
            if finding.opened is not None:
                groups.setdefault(name, {})[finding.combination.rule] = finding.opened
    rows = [rule for rule in results.rules if any(rule in found for found in groups.values())]
    caption = (
        "Share of held-out patients of other classes that the mark turns, less the share that it turns "
        "where nobody attacks, with 95 % intervals; beyond the dashed line, at "
        f"{BACKDOOR_MOST:g}, a rule counts as broken."
    )
    title = "Patients that the backdoor turns"
    draw = partial(figure_dots.dots, rows, groups, "share of patients", BACKDOOR_MOST, title)
    return Picture("backdoor", "backdoor", title, caption, draw)


def _gains(results: Results, setting: Setting) -> Picture:
    here = [sight for sight in results.sights if sight.combination.setting == setting]
    rules = list(dict.fromkeys(sight.combination.rule for sight in here))
    attacks = list(dict.fromkeys(sight.combination.attack for sight in here))
    title = f"Gained by commit and reveal: {setting}"
    caption = (
        f"Mean {results.metric} with commit and reveal less that without; * where the 95 % interval "
        "excludes zero. Attacks that make no use of others' updates are not here."
    )
    draw = partial(figure_maps.gains, here, rules, attacks, title)
    return Picture(_name("gain", setting), "gain", title, caption, draw)


def _name(kind: str, setting: Setting) -> str:
    text = f"{kind}-{setting.byzantine}-of-{setting.nodes}-{setting.heterogeneity}"
    return re.sub(r"[^\w.-]+", "-", text)


def _rules(results: Results, shown: tuple[Finding, ...]) -> list[str]:
    """Those under attack; the reference alone has no row of its own if it wasn't asked for."""
    return [rule for rule in results.matrix.rules if any(f.combination.rule == rule for f in shown)]


def _attacks(results: Results, shown: tuple[Finding, ...]) -> list[str]:
    here = {f.combination.attack for f in shown}
    return [attack for attack in results.attacks if attack in here]
