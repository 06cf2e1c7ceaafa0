"""The table of gossip rules: anchored on the node's own input, so for gossip runs alone."""

from __future__ import annotations

from collections.abc import Callable

from node.merge.balance import Balance
from node.merge.cs_plus import CSPlus
from node.merge.gossip import Gossip
from node.merge.nna import NearestNeighbourAveraging
from node.merge.part import Part, bare, with_f
from node.merge.rule import Rule
from node.merge.self_centred_clipping import SelfCentredClipping
from node.merge.ubar import UBAR


def _self_centred_clipping(part: Part) -> Rule:
    part.only("tau")
    return SelfCentredClipping(part.number("tau"))


def _cs_plus(part: Part) -> Rule:
    part.only("b")
    return CSPlus(part.number("b", high=1.0))


def _ubar(part: Part) -> Rule:
    part.only("share")
    return UBAR(part.number("share", high=1.0))


def _balance(part: Part) -> Rule:
    part.only("gamma", "kappa")
    return Balance(part.number("gamma"), part.number("kappa"))


GOSSIP: dict[str, Callable[[Part], Rule]] = {
    "gossip": bare(Gossip),
    "self-centred-clipping": _self_centred_clipping,
    "cs-plus": _cs_plus,
    "nna": with_f(NearestNeighbourAveraging),
    "ubar": _ubar,
    "balance": _balance,
}
"""Every gossip rule by name."""

REPLAYABLE = ("gossip", "self-centred-clipping", "cs-plus", "nna")
"""Those that a run can have. An auditor lacks the data that UBAR asks, and BALANCE's exponential may
differ between machines."""
