"""Whether a plan's merge rule can work with its seats: known without torch, before anything starts."""

from __future__ import annotations

from dataclasses import replace

from authority.plan import RunPlan
from node.errors import Unfit, WrongUse
from node.merge import Rule, check, least_inputs, parse, parse_gossip
from node.state import most_hostile


def within_reach(plan: RunPlan) -> RunPlan:
    """The plan with `hostile` stated where its rule withstands fewer than the contract's f.

    In a gossip run always: what a neighbourhood withstands, a third of the neighbours at most.
    """
    if plan.neighbours is not None:
        return plan if plan.hostile is not None else replace(plan, hostile=_hostile_near(plan))
    most = max(parse(plan.merge).tolerates(plan.seats), 0)
    return plan if most >= most_hostile(plan.seats) else replace(plan, hostile=most)


def least_to_merge(plan: RunPlan) -> int:
    """At least 2f+1 and the rule's own bound, so that no merge is ever under-determined.

    Raises WrongUse when the plan's seats are too few for its rule, stating the bound.
    """
    if plan.neighbours is not None:
        return _least_in_gossip(plan, plan.neighbours)
    f = most_hostile(plan.seats)
    rule, hostile = parse(plan.merge), f if plan.hostile is None else plan.hostile
    if hostile < 0:
        raise WrongUse(f"a merge withstands 0 hostile updates or more, not {hostile}")
    try:
        least = max(2 * f + 1, least_inputs(rule, hostile))
    except Unfit as error:
        most = max(rule.tolerates(plan.seats), 0)
        other = f", or state --hostile {most}" if most < hostile else ""
        raise WrongUse(f"{error}; choose another rule{other}") from None
    if least > plan.seats:
        does = f"withstands {hostile} hostile updates" if hostile else "can work"
        raise WrongUse(
            f"{rule} {does} from {least} seats on ({rule.bound}), and there are {plan.seats}: choose "
            "another rule, or more seats"
        )
    wanted = _wanted(plan, rule, least)
    check(rule, wanted, hostile)
    return wanted


def _hostile_near(plan: RunPlan) -> int:
    near = plan.neighbours or 0
    most = parse_gossip(plan.merge).tolerates(near + 1)
    return max(min(most, max(near // 3, 1)), 0)


def _least_in_gossip(plan: RunPlan, near: int) -> int:
    """Reveals from which a round goes on: enough for one neighbourhood that withstands what it must."""
    rule, hostile = parse_gossip(plan.merge), plan.hostile
    if near < 2 or near % 2:
        raise WrongUse(f"neighbours stand on both sides: an even number from 2 on, not {near}")
    if near >= plan.seats:
        raise WrongUse(f"{near} neighbours need {near + 1} seats at least, and there are {plan.seats}")
    if hostile is None or hostile < 0:
        raise WrongUse("a gossip run states how many hostile neighbours a merge withstands, 0 or more")
    try:
        check(rule, near + 1, hostile)
        least = max(2 * most_hostile(plan.seats) + 1, least_inputs(rule, hostile))
    except Unfit as error:
        raise WrongUse(f"{error}: a node and its {near} neighbours") from None
    return _wanted(plan, rule, least)


def _wanted(plan: RunPlan, rule: Rule, least: int) -> int:
    """What the plan says, or the least. Raises WrongUse."""
    wanted = least if plan.min_inputs is None else plan.min_inputs
    if not least <= wanted <= plan.seats:
        raise WrongUse(f"{plan.seats} seats and {rule} need min-inputs from {least}, not {wanted}")
    return wanted
