"""Lies that a world's hostile nodes may tell: behaviours of `sim.adversary`, by their texts.

Left out is what poisons patients' data, since a world has none; and in gossip runs, where nothing is
held and nobody's result is another's, what lies about that.
"""

from __future__ import annotations

from sim.adversary.grammar import known

LIES = tuple(name for name in known() if name not in ("label-flip", "backdoor", "sybil"))

_OF_QUORUMS = ("late-hold", "false-hold", "hold-nothing", "copy-attest")

GOSSIP_LIES = tuple(name for name in LIES if name not in _OF_QUORUMS)
