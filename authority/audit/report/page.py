"""The report: one self-contained HTML page, without scripts, good to print.

Everything that came from elsewhere is escaped by the template, and the page's own policy forbids it to
load anything.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from authority.audit.checked import Checked
from authority.audit.history import history_of
from authority.audit.receipts import receipts_in
from authority.audit.report.answers import UNPROVEN, answers, findings, verdict
from authority.audit.report.curves import curve, in_words
from authority.audit.report.lineage import MOST_ROUNDS, lineage
from authority.audit.report.measuring import apart, scores
from authority.audit.scoring import Scorer
from authority.audit.without import bench
from authority.audit.words import when
from authority.figure_style import svg
from authority.page_style import STYLE
from node.state import GossipRun

_MORE_STYLE = """
.verdict { border-left: .4rem solid; padding: .5rem 1rem; }
.good { border-color: #009E73; } .bad { border-color: #D55E00; }
td.names { min-width: 17rem; }
@media screen and (max-width: 40rem) {
  .broad { overflow-x: auto; } .broad img { max-width: none; } td.names { min-width: 11rem; } }
code { font-size: .92em; overflow-wrap: anywhere; }
"""


_MODEL = {False: "model", True: "initial model"}
"""By whether it is a gossip run: there each member has a model of its own."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page: a figure with its words, or words alone.

    svg: in base64. broad: it grows with the run, and scrolls where it can't be read otherwise.
    """

    title: str
    words: str
    svg: str = ""
    broad: bool = False


def page(checked: Checked, scorer: Scorer | None, unmeasured: str, command: str) -> str:
    """The page's HTML. scorer: measures models, or None, and then `unmeasured` says why not."""
    about, place = checked.about, checked.about.place
    environment = Environment(
        loader=PackageLoader("authority.audit.report", ""), autoescape=True, undefined=StrictUndefined
    )
    environment.filters |= {"name": place.name, "when": when}
    return environment.get_template("page.html.j2").render(
        title=f"Audit of run {about.run.number}",
        style=STYLE + _MORE_STYLE,
        good=checked.good,
        verdict=verdict(checked),
        answers=answers(checked),
        unproven=UNPROVEN,
        findings=findings(checked),
        sections=list(_sections(checked, scorer, unmeasured)),
        rows=history_of(about.record, about.run),
        facts=_facts(checked),
        command=command,
    )


def _sections(checked: Checked, scorer: Scorer | None, unmeasured: str) -> Iterator[Section]:
    run, place = checked.run, checked.about.place
    cut = f" The last {MOST_ROUNDS} rounds." if len(run.rounds) > MOST_ROUNDS else ""
    words = (
        f"Who entered each merge, who was left out, who disagreed.{cut} The table below has the names."
    )
    picture = _drawn("Lineage", words, lineage(run, receipts_in(place.blobs), place.name))
    yield replace(picture, broad=True)
    if checked.fit and not isinstance(run, GossipRun):
        yield from _measured(checked, scorer, unmeasured)
    gas = {row.round: float(row.gas) for row in history_of(checked.about.record, run)}
    if any(gas.values()):
        yield _drawn("Gas", in_words(gas, ",.0f"), curve(gas, "gas of a round", bars=True))


def _measured(checked: Checked, scorer: Scorer | None, unmeasured: str) -> Iterator[Section]:
    with bench(checked.run, checked.about.place.blobs) as again:
        found = {} if scorer is None else scores(checked.run, again, scorer)
        if found and scorer is not None:
            metric = scorer.metric.replace("_", " ")
            words = f"Measured by this audit, on {scorer.whose}. {in_words(found)}"
            yield _drawn(f"{metric.capitalize()} over rounds", words, curve(found, metric))
        else:
            why = unmeasured or "no copy of any finalized model was found"
            yield Section("Accuracy over rounds", f"Not measured: {why}.")
        if distances := apart(checked.run, again):
            words = (
                "Root mean square distance of a round's updates from their mean, in lengths of the "
                f"mean step. {in_words(distances)}"
            )
            yield _drawn("How far updates lie apart", words, curve(distances, "distance"))


def _drawn(title: str, words: str, figure: Figure) -> Section:
    # As an image, not inline: ids within two SVGs of one page would collide.
    return Section(title, words, base64.b64encode(svg(figure)).decode())


def _facts(checked: Checked) -> Sequence[tuple[str, str]]:
    record, network = checked.about.record, checked.about.record.network
    return (
        ("chain", str(network.chain_id)),
        ("up to block", str(record.head)),
        ("registry", network.registry),
        ("ledger", network.ledger_of(checked.run.number)),
        ("network", network.network_id.hex()),
        ("manifest", checked.run.manifest_digest.hex()),
        (_MODEL[isinstance(checked.run, GossipRun)], checked.run.model.hex),
    )
