"""Lies that a world's hostile nodes may tell: behaviours of `sim.adversary`, by their texts.

Left out is what poisons patients' data, since a world has none.
"""

from __future__ import annotations

from sim.adversary.grammar import known

LIES = tuple(name for name in known() if name not in ("label-flip", "backdoor", "sybil"))
