"""Which clinics attack: how it is written, who is cast, what is said of it."""

import pytest

from node.errors import Damaged, WrongUse
from sim.cli_hostile import ALONE, warning, who_attacks
from sim.hostile import DEMO, Crew, Role, cast, load_roles, nodes_for, read_crews, save_roles


@pytest.mark.parametrize(
    ("text", "crew"),
    [
        ("nan", Crew("nan", 1)),
        ("withhold:2", Crew("withhold", 2)),
        ("sign-flip:scale=10", Crew("sign-flip:scale=10", 1)),
        ("sign-flip:scale=10:2", Crew("sign-flip:scale=10", 2)),
    ],
)
def test_a_crew_is_an_attack_and_a_count(text, crew):
    """A number behind the last colon counts clinics; one by default."""
    assert read_crews([text]) == (crew,)


@pytest.mark.parametrize("text", ["nan:0", "nan:100", "nan:-1", "nan:", ":2", "sign-flip:10:2"])
def test_what_is_no_crew_is_refused(text):
    """In one line."""
    with pytest.raises(WrongUse):
        read_crews([text])


def test_none_is_nobody():
    """Alone; beside others it makes no sense."""
    assert read_crews(["none"]) == ()
    with pytest.raises(WrongUse, match="give it alone"):
        read_crews(["nan", "none"])


def test_attackers_sit_in_the_middle():
    """Neither the clinic with the most patients nor the one with the fewest, while there are others."""
    assert list(cast(6, [Crew("nan")], 0)) == [2]
    assert sorted(cast(7, [Crew("nan", 2), Crew("huge")], 0)) == [2, 3, 4]


def test_a_crew_conspires():
    """Its members know each other and share their lots; another crew's are others."""
    roles = cast(10, [Crew("alie", 2), Crew("nan")], 7)
    one, two, other = roles.values()
    assert one.conspirators == two.conspirators == (one.member, two.member)
    assert one.seed == two.seed != other.seed
    assert [role.member - 1 for role in roles.values()] == list(roles)


def test_more_attackers_than_clinics():
    """Are refused, with the way out."""
    with pytest.raises(WrongUse, match="7 attackers among 6 clinics: take more --nodes"):
        cast(6, [Crew("nan", 7)], 0)


def test_roles_are_written_down(tmp_path):
    """What is read is what was written; where nothing was, nobody attacks; else it is damaged."""
    roles = {"clinic-3": Role("nan", 3, (3, 4), 9)}
    save_roles(tmp_path / "hostile.json", roles)
    assert load_roles(tmp_path / "hostile.json") == roles
    assert load_roles(tmp_path / "nothing") == {}
    (tmp_path / "hostile.json").write_text('{"clinic-3": {"attack": "nan"}}')
    with pytest.raises(Damaged):
        load_roles(tmp_path / "hostile.json")


@pytest.mark.parametrize(
    ("byzantine", "nodes", "chaos", "plain", "expected"),
    [
        ((), None, False, True, (DEMO, 6)),
        ((), 5, False, True, ((), 5)),
        ((), None, False, False, ((), ALONE)),
        ((), None, True, True, ((), 5)),
        (("none",), None, False, True, ((), ALONE)),
        (("nan",), None, False, True, ((Crew("nan"),), 6)),
        (("nan:3",), None, True, True, ((Crew("nan", 3),), 13)),
        (("nan:3",), 4, False, True, ((Crew("nan", 3),), 4)),
    ],
)
def test_who_attacks_by_default(byzantine, nodes, chaos, plain, expected):
    """One clinic in the plain demo; nobody once sizes, a task or chaos were asked for."""
    assert who_attacks(byzantine, nodes, chaos=chaos, plain=plain) == expected


@pytest.mark.parametrize(("hostile", "faults"), [(0, 1), (1, 0), (1, 1), (3, 1), (5, 0)])
def test_a_swarm_of_no_size_withstands_what_was_asked_for(hostile, faults):
    """Attackers and faults at a time are at most f, and five clinics are honest."""
    nodes = nodes_for([Crew("nan", hostile)] if hostile else [], faults)
    assert (nodes - 1) // 3 >= hostile + faults
    assert nodes - hostile >= 5


def test_too_many_are_warned_of():
    """With what would do; as many as it withstands are not."""
    assert warning((Crew("nan", 2),), 7) == ""
    assert "2 of 6 clinics attack, where 6 withstand 1" in warning((Crew("nan", 2),), 6)
    assert "7 clinics withstand 2" in warning((Crew("nan", 2),), 6)
