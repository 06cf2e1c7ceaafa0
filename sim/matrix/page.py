"""One page that tells a matrix's results: self-contained, without scripts, good to print.

Everything that users wrote is escaped, and the page's own policy forbids it to load anything.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from authority.page_style import STYLE
from sim.matrix.figures import Picture
from sim.matrix.page_tables import chosen_table, failed_table, gain_table, left_out_table, summary_table
from sim.matrix.results import Results
from sim.matrix.words import meaning, sentences

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
style-src 'unsafe-inline'">
<title>Which merge rule held</title>
"""

_KINDS = {
    "scores": "Final scores",
    "curves": "Learning curves",
    "disagreement": "Disagreement of honest nodes",
    "backdoor": "Backdoor success",
    "gain": "The difference that commit and reveal makes",
}


def page(
    results: Results, drawn: Sequence[tuple[Picture, bytes]], command: str, facts: Mapping[str, str]
) -> str:
    """The page's HTML. drawn: each picture with its SVG. command: what runs all this again."""
    first, *others = sentences(results)
    parts = [
        f"<h1>Which merge rule held</h1>\n<p class='lead'>{escape(first)}</p>",
        _section("Findings", _list(others) + f"<p class='note'>{escape(meaning(results))}</p>"),
        _section("The rules in order", chosen_table(results)),
        *(_figures(kind, drawn, results) for kind in _KINDS),
        _section("Every combination", summary_table(results)),
        _section("Left out", left_out_table(results)) if results.left_out else "",
        _section("Failed", failed_table(results)) if results.failed else "",
        _section("Run it again", _again(results, command, facts)),
    ]
    body = "\n".join(part for part in parts if part)
    return (
        f"{_HEAD}<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>"


def _list(items: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"


def _figures(kind: str, drawn: Sequence[tuple[Picture, bytes]], results: Results) -> str:
    these = [_figure(picture, svg) for picture, svg in drawn if picture.kind == kind]
    if not these:
        return ""
    table = gain_table(results) if kind == "gain" else ""
    return _section(_KINDS[kind], "\n".join(these) + table)


def _figure(picture: Picture, svg: bytes) -> str:
    # As an image, not inline: ids within two SVGs of one page would collide.
    data = base64.b64encode(svg).decode()
    words = escape(f"{picture.title}. {picture.caption} Its numbers are in the tables.")
    return (
        f"<figure>\n<img alt='{words}' src='data:image/svg+xml;base64,{data}'>\n"
        f"<figcaption>{escape(picture.caption)}</figcaption>\n</figure>"
    )


def _again(results: Results, command: str, facts: Mapping[str, str]) -> str:
    scenario = results.matrix.base.plain()
    rows = {k: v for k, v in scenario.items() if v is not None and k not in _AXES}
    rows |= {"the task's digest" if name == "task" else name: value for name, value in facts.items()}
    made = "".join(
        f"<tr><th scope='row'>{escape(str(name))}</th><td>{escape(str(value))}</td></tr>"
        for name, value in rows.items()
    )
    return (
        f"<pre>{escape(command)}</pre>\n<p>Beside this page: results.csv (each cell and round), "
        "summary.csv (each combination), figures/ (PNG and SVG), cells/ (each cell's result, which "
        "<code>waggle simulate --scenario FILE.json</code> runs again).</p>\n"
        f"<table class='facts'><caption>What all cells share</caption>{made}</table>"
    )


_AXES = ("byzantine", "nodes", "rule", "attack", "heterogeneity", "commit_reveal")
