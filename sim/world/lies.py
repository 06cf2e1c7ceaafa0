"""Lies that a world's hostile nodes may tell: behaviours of `sim.adversary`, by their texts."""

LIES = ("honest",)
