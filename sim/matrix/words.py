"""A matrix's results in sentences. No sentence claims more than its interval supports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from authority.interval import Interval
from sim.held import BACKDOOR_MOST, MARGIN
from sim.matrix.advice import Standing, equals
from sim.matrix.findings import BROKE, HELD, UNCLEAR, Finding
from sim.matrix.results import Results, backdoors


def sentences(results: Results) -> list[str]:
    """The findings, most important first."""
    return [
        *_advice(results),
        *_by_setting(results),
        *_unharmed(results),
        *_backdoors(results),
        *_commit_reveal(results),
        *_agreement(results),
    ]


def meaning(results: Results) -> str:
    """What held, broke and unclear mean here."""
    return (
        f"A rule held under an attack if the whole 95 % interval over {results.matrix.seeds} seeds of "
        f"its final {results.metric} less the reference lies above -{MARGIN:g}; it broke if the whole "
        "interval lies below; else it is unclear. The reference is the plain mean of the same nodes "
        "with nobody attacking, paired by seed. A backdoor must also turn at most "
        f"{BACKDOOR_MOST:.0%} more of the patients than its mark turns by itself. Each interval is "
        "taken by itself: of many, some miss by chance. The plain mean, which withstands nobody, is "
        "here to show that."
    )


def listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([*([", ".join(names[:-1])] if names[:-1] else []), *names[-1:]])


def signed(interval: Interval) -> str:
    """A difference for people: `-0.021 (-0.040 to -0.002)`."""
    if interval.count == 1:
        return f"{interval.mean:+.3f} (one seed)"
    return f"{interval.mean:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"


def _advice(results: Results) -> Iterator[str]:
    ranked = results.ranked
    if not ranked:
        yield "There is nothing to compare: no rule ran everywhere, beside the reference."
        return
    where = listed(sorted({s.heterogeneity for s in results.settings if not s.iid})) or "all settings"
    best = ranked[0]
    yield f"For {where}, {best.rule} {_support(results, best)}: {_standing(best)}. {_worst(best)}"
    if same := equals(ranked):
        names = listed([standing.rule for standing in same])
        yield f"The results can't tell it from {names}: the intervals of their worst cases overlap."


def _support(results: Results, best: Standing) -> str:
    if results.matrix.seeds == 1:
        return "comes first, on one seed, which proves nothing"
    if best.promises_nothing:
        return "comes first, though it promises to withstand nobody"
    if best.held == best.count:
        return "is what these results support"
    return "comes first, though it too broke" if best.broke else "comes first, but not for sure"


def _standing(standing: Standing) -> str:
    every = f"{standing.count} combinations of setting and attack"
    if standing.held == standing.count:
        return f"it held in all {every}"
    return (
        f"of {every} it held in {standing.held}, broke in {standing.broke}, and {standing.unclear} are "
        "unclear"
    )


def _worst(standing: Standing) -> str:
    finding = standing.worst
    assert finding.difference is not None
    return (
        f"Its worst case is {finding.combination.attack} with {finding.combination.setting}: "
        f"{finding.score.mean:.3f}, {signed(finding.difference)} to the reference."
    )


def _by_setting(results: Results) -> Iterator[str]:
    for setting in results.settings:
        shown = [f for f in results.shown(setting) if f.combination.attack != "none"]
        rules = list(dict.fromkeys(f.combination.rule for f in shown))
        tried = [sum(f.combination.rule == rule for f in shown) for rule in rules]
        full = [rule for rule, count in zip(rules, tried, strict=True) if count == max(tried)]
        safe = [rule for rule in full if _verdicts(shown, rule) == {HELD}]
        firm = [rule for rule in full if BROKE not in _verdicts(shown, rule) and rule not in safe]
        text = f"{setting}: {listed(safe) or 'no rule'} held under every attack"
        if firm:
            text += f"; {listed(firm)} broke under none, unclear under some"
        yield f"{text}. {_broken(shown, rules)}".strip()


def _verdicts(shown: Sequence[Finding], rule: str) -> set[str]:
    return {f.verdict for f in shown if f.combination.rule == rule}


def _broken(shown: Sequence[Finding], rules: Sequence[str]) -> str:
    """Which rules broke, those that broke under the same attacks together."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for rule in rules:
        of_rule = [f for f in shown if f.combination.rule == rule]
        by = tuple(f.combination.attack for f in of_rule if f.verdict == BROKE)
        if by:
            every = len(by) == len({f.combination.attack for f in shown})
            groups.setdefault(("every attack",) if every else by, []).append(rule)
    parts = [f"{listed(broken)} under {listed(by)}" for by, broken in groups.items()]
    return f"Broke: {'; '.join(parts)}." if parts else ""


def _unharmed(results: Results) -> Iterator[str]:
    for verdict, words in ((BROKE, "lose more than that"), (UNCLEAR, "may lose more than that")):
        found = [
            f"{f.combination.rule} ({f.combination.setting})"
            for f in results.findings
            if f.combination.attack == "none" and f.verdict == verdict
        ]
        if found:
            yield f"With nobody attacking, these {words}, {MARGIN:g}: {listed(found)}."


def _backdoors(results: Results) -> Iterator[str]:
    found = [f for setting in results.settings for f in backdoors(results.shown(setting))]
    if not found:
        return
    least = min(found, key=lambda f: f.backdoor.mean if f.backdoor else 1.0)
    most = max(found, key=lambda f: f.backdoor.mean if f.backdoor else 0.0)
    yield (
        f"The backdoor's mark turns from {_turned(least)} to {_turned(most)} of the patients; what it "
        "turns where nobody attacks is taken off before a rule is judged."
    )


def _turned(finding: Finding) -> str:
    assert finding.backdoor is not None
    return f"{finding.backdoor.mean:.0%} ({finding.combination.rule}, {finding.combination.setting})"


def _commit_reveal(results: Results) -> Iterator[str]:
    if not results.sights:
        return
    sure = [sight for sight in results.sights if sight.sure]
    better = [sight for sight in sure if sight.gain.mean > 0]
    yield (
        f"Commit and reveal raised the score, beyond the interval, in {len(better)} of "
        f"{len(results.sights)} combinations and lowered it in {len(sure) - len(better)}."
    )
    if better:
        most = max(better, key=lambda sight: sight.gain.mean)
        key = most.combination
        yield (
            f"It mattered most to {key.rule} under {key.attack} ({key.setting}): "
            f"{most.seeing.mean:.3f} without it, {most.blind.mean:.3f} with it, {signed(most.gain)}."
        )


def _agreement(results: Results) -> Iterator[str]:
    if results.one_model:
        yield "Honest nodes had one model throughout: all merge the same inputs, so none disagrees."
        return
    most = max(results.findings, key=lambda f: f.disagreement.mean)
    yield (
        f"Honest nodes disagreed most with {most.combination.rule} under {most.combination.attack} "
        f"({most.combination.setting}): {most.disagreement.mean:.3g} of the norm of their mean model."
    )
