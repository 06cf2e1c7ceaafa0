"""Writes a matrix's report into its folder: page, figures, CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from authority.figure_style import png, svg
from node.durable import disk_faults, write_whole
from sim.matrix import tidy
from sim.matrix.cell import Answer
from sim.matrix.figures import pictures
from sim.matrix.findings import judge
from sim.matrix.page import page
from sim.matrix.plan import LeftOut, Matrix
from sim.matrix.results import Results
from sim.matrix.sight import sights
from sim.trace import Trace


def results_of(
    matrix: Matrix,
    traces: Sequence[Trace],
    left_out: Sequence[LeftOut] = (),
    failed: Sequence[Answer] = (),
) -> Results:
    """Judge all traces."""
    findings = judge(traces)
    return Results(matrix, findings, sights(findings), tuple(left_out), tuple(failed))


def write(folder: Path, results: Results, command: str) -> Path:
    """Write everything and give the page's path. Raises DiskFull and other faults of the disk."""
    traces = [trace for finding in results.findings for trace in finding.traces]
    write_whole(folder / "results.csv", tidy.results(traces).encode())
    write_whole(folder / "summary.csv", tidy.summary(results.findings).encode())
    with disk_faults(folder):
        (folder / "figures").mkdir(exist_ok=True)
    drawn = []
    for picture in pictures(results):
        figure = picture.draw()
        drawn.append((picture, svg(figure)))
        write_whole(folder / "figures" / f"{picture.name}.svg", drawn[-1][1])
        write_whole(folder / "figures" / f"{picture.name}.png", png(figure))
    file = folder / "report.html"
    write_whole(file, page(results, drawn, command, _shared(traces)).encode())
    return file


def _shared(traces: Sequence[Trace]) -> Mapping[str, str]:
    """Facts, each with all its values."""
    names = dict.fromkeys(name for trace in traces for name in trace.facts)
    return {
        name: ", ".join(sorted({trace.facts.get(name, "unknown") for trace in traces}))
        for name in names
    }
