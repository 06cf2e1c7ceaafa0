"""A matrix's results as CSV: a row for each cell and round, and a row for each combination."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from authority.interval import Interval
from sim.matrix.findings import Finding
from sim.trace import Trace

_AXES = ("rule", "attack", "heterogeneity", "nodes", "byzantine", "commit_reveal", "topology", "seed")
_POINT = ("round", "score", "worst", "disagreement", "merged", "backdoor")
_INTERVALS = ("score", "difference", "worst", "disagreement", "backdoor", "opened")


def results(traces: Iterable[Trace]) -> str:
    """Rounds from 1. An empty field: not measured. cell: the file's name in cells/."""
    rows = [
        [trace.scenario.digest.hex, *_axes(trace), trace.metric, point.round + 1, *values]
        for trace in traces
        for point in trace.points
        for _, *values in [[asdict(point)[name] for name in _POINT]]
    ]
    return _csv(["cell", *_AXES, "metric", *_POINT], rows)


def summary(findings: Iterable[Finding]) -> str:
    """After the last round: means over seeds, the ends of their 95 % intervals, and the verdict."""
    ends = [f"{name}{end}" for name in _INTERVALS for end in ("", "_low", "_high")]
    rows = []
    for finding in findings:
        key = finding.combination
        where = [key.rule, key.attack, key.setting.heterogeneity, key.setting.nodes]
        where += [key.setting.byzantine, key.commit_reveal, len(finding.traces), finding.verdict]
        rows.append([*where, *(v for name in _INTERVALS for v in _ends(getattr(finding, name)))])
    return _csv([*_AXES[:6], "seeds", "verdict", *ends], rows)


def _axes(trace: Trace) -> list[object]:
    plain = trace.scenario.plain()
    return [plain[name] for name in _AXES]


def _ends(interval: Interval | None) -> Sequence[object]:
    return ("", "", "") if interval is None else (interval.mean, interval.low, interval.high)


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()
