"""Hostile nodes: each behaviour a function that returns a `node.conduct.Conduct`."""
