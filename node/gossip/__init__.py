"""Gossip runs: each node has a model of its own, and merges it with its neighbours' each round.

`node.gossip.round` is the story, `neighbours` says who hears whom, `merging` makes a node's merge and
its receipt. All else is what every run does: training, promises, exchange, verification.
"""
