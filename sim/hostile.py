"""Which clinics of a swarm attack, and how: `--byzantine sign-flip:scale=10:2`.

    crew = attack [":" count]

All of one crew conspire: one operator, several nodes. Crews know nothing of each other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from node import seeds
from node.durable import write_whole
from node.errors import Damaged, WrongUse

NONE = "none"
HONEST_LEAST = 5
"""Honest clinics of a swarm whose size nobody asked for."""


@dataclass(frozen=True, slots=True)
class Crew:
    """Some clinics that attack together; attack: see sim.adversary.grammar."""

    attack: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Role:
    """What a hostile node process is told. conspirators: the members of its crew, itself too."""

    attack: str
    member: int
    conspirators: tuple[int, ...]
    seed: int


DEMO = (Crew("sign-flip:scale=10"),)
"""Who attacks in a plain `waggle up`. With a weaker one the plain mean would only learn more slowly."""


def read_crews(texts: Sequence[str]) -> tuple[Crew, ...]:
    """Crews as `--byzantine` takes them; `none` alone is nobody. Raises WrongUse."""
    from sim.adversary.grammar import behaviour_of

    if list(texts) == [NONE]:
        return ()
    crews = tuple(map(_crew, texts))
    for crew in crews:
        behaviour_of(crew.attack)
    return crews


def attackers(crews: Sequence[Crew]) -> int:
    """How many clinics attack."""
    return sum(crew.count for crew in crews)


def nodes_for(crews: Sequence[Crew], faults: int = 0) -> int:
    """Clinics of a swarm whose size nobody asked for, so that it withstands these and such faults."""
    hostile = attackers(crews)
    return max(HONEST_LEAST + hostile, 3 * (hostile + faults) + 1)


def check_room(crews: Sequence[Crew], nodes: int) -> None:
    """Raises WrongUse when there are more attackers than clinics."""
    if attackers(crews) > nodes:
        raise WrongUse(
            f"{attackers(crews)} attackers among {nodes} clinics: take more --nodes, or fewer attackers"
        )


def cast(nodes: int, crews: Sequence[Crew], seed: int) -> dict[int, Role]:
    """Roles by clinic, counted from 0. Raises WrongUse when there are more attackers than clinics.

    Attackers sit in the middle of the row: shipped tasks deal most patients to the first and fewest to
    the last, and neither would be a fair attacker.
    """
    check_room(crews, nodes)
    middle = sorted(range(nodes), key=lambda index: (abs(2 * index - (nodes - 1)), index))
    roles, at = {}, 0
    for number, crew in enumerate(crews):
        mine = sorted(middle[at : at + crew.count])
        together = tuple(index + 1 for index in mine)
        lots = seeds.derive(seed, "crew", number)
        roles.update({index: Role(crew.attack, index + 1, together, lots) for index in mine})
        at += crew.count
    return roles


def save_roles(path: Path, roles: Mapping[str, Role]) -> None:
    """Write down who attacks, by clinic, for whoever looks at the run later."""
    plain = {name: asdict(role) for name, role in roles.items()}
    write_whole(path, (json.dumps(plain, indent=2) + "\n").encode())


def load_roles(path: Path) -> dict[str, Role]:
    """Who attacks in a run, by clinic; nobody where nothing was written. Raises Damaged."""
    try:
        plain = json.loads(path.read_text())
        return {name: _role(role) for name, role in plain.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, LookupError, AttributeError, OSError) as error:
        raise Damaged(f"{path} can't be read: {error}") from None


def _role(plain: dict[str, Any]) -> Role:
    return Role(**{**plain, "conspirators": tuple(plain["conspirators"])})


def _crew(text: str) -> Crew:
    if text == NONE:
        raise WrongUse("--byzantine none is for nobody: give it alone")
    found = re.fullmatch(r"(.+):([0-9]+)", text)
    if found is None:
        return Crew(text)
    if not re.fullmatch(r"[1-9][0-9]?", found[2]):
        raise WrongUse(f"--byzantine {text!r:.80}: how many clinics is a number from 1 to 99")
    return Crew(found[1], int(found[2]))
