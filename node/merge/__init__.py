"""Merging: verified updates in, one model out, the same bytes on every machine.

    rule = parse("trimmed-mean:f=1")          # from the manifest; `known()` lists the names
    check(rule, n, f)                         # refuses what can't withstand f among n
    merged = merge(blobs, rule, updates, facts)

Inputs are taken in the order of member numbers, not of seats: seats are given in the order of
entering, which is a race, while member numbers are the same in every run. `node.merge.rule` is the
interface for rules, `node.merge.grammar` the table of names.
"""

from node.merge.grammar import known, known_gossip, parse, parse_any, parse_gossip
from node.merge.merging import Facts, Merged, Outcome, merge
from node.merge.rule import Rule, check, least_inputs
from node.merge.selftest import self_test, self_test_for

__all__ = [
    "Facts",
    "Merged",
    "Outcome",
    "Rule",
    "check",
    "known",
    "known_gossip",
    "least_inputs",
    "merge",
    "parse",
    "parse_any",
    "parse_gossip",
    "self_test",
    "self_test_for",
]
