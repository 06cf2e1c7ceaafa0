"""Chaos: what it draws, whom it hits, and that everything goes again in the end."""

import pytest

from sim.chaos import Chaos


class Machine:
    """A clinic that writes down what is done to it."""

    def __init__(self, name, said):
        self.name, self.alive, self.exitcode, self._said = name, True, 0, said

    def start(self):
        """Runs again."""
        self.alive, self.exitcode = True, 0
        self._said.append(("start", self.name))

    def kill(self):
        """Dead."""
        self.alive, self.exitcode = False, -9
        self._said.append(("kill", self.name))

    def end(self, code):
        """Ends by itself."""
        self.alive, self.exitcode = False, code

    def __getattr__(self, act):
        return lambda: self._said.append((act, self.name))


class Chain:
    """A chain that writes down what is done to it."""

    def __init__(self, said):
        self._said = said

    def __getattr__(self, act):
        return lambda: self._said.append((act, "chain"))


UNDOES = {"start": "kill", "thaw": "freeze", "mend": "cut"}


class Story:
    """Chaos on a clock that a test moves."""

    def __init__(self, clinics=7, *, hostile=(), room=2, seed=0):
        self.now, self.said, self.told = 0.0, [], []
        self.machines = [Machine(f"clinic-{n}", self.said) for n in range(1, clinics + 1)]
        self.chaos = Chaos(
            self.machines,
            Chain(self.said),
            hostile=hostile,
            room=room,
            seed=seed,
            clock=lambda: self.now,
            tell=self.told.append,
        )

    def pass_(self, seconds, look=lambda: None):
        """Let time pass, a tenth of a second at a time."""
        for _ in range(round(10 * seconds)):
            self.now += 0.1
            self.chaos.tick()
            look()

    def targets(self):
        """Clinics that have something done to them now."""
        return {fault.target for fault in self.chaos.faults} - {"chain"}


def test_the_same_seed_draws_the_same():
    """On one clock, two stories are equal; another seed tells another."""
    stories = [Story(seed=seed) for seed in (1, 1, 2)]
    for story in stories:
        story.pass_(300)
    assert stories[0].said == stories[1].said != stories[2].said


def test_everything_happens():
    """Kills, freezes, cuts, and both of the chain's faults."""
    story = Story()
    story.pass_(600)
    clinics = {act for act, name in story.said if name != "chain"}
    chain = {act for act, name in story.said if name == "chain"}
    assert clinics == {"kill", "start", "freeze", "thaw", "cut", "mend"}
    assert chain == {"freeze", "thaw", "stop", "start"}


@pytest.mark.parametrize("room", [0, 1, 2])
def test_a_quorum_is_left(room):
    """At no time more honest clinics have something done to them than there is room for."""
    story, most = Story(room=room), []
    story.pass_(600, lambda: most.append(len(story.targets())))
    assert max(most) == room


def test_half_of_them_live_on():
    """Clinics 1, 3, 5 and 7 are frozen and cut off, but never killed."""
    story = Story()
    story.pass_(600)
    assert {name for act, name in story.said if act == "kill"} == {"clinic-2", "clinic-4", "clinic-6"}


def test_attackers_come_on_top():
    """They are counted among the failing already, so they may be hit at any time."""
    story, hit = Story(hostile=("clinic-3",), room=0), set()
    story.pass_(600, lambda: hit.update(story.targets()))
    assert hit == {"clinic-3"}


def test_calm_undoes_everything():
    """Each clinic and the chain go again, whatever was going on, and nothing more begins."""
    story = Story()
    story.pass_(60, lambda: None)
    while len(story.chaos.faults) < 2:
        story.pass_(1)
    story.chaos.calm()
    said = list(story.said)
    story.pass_(60)
    assert (story.chaos.faults, story.said) == ((), said)
    for machine in story.machines:
        last = [act for act, name in story.said if name == machine.name][-1:]
        assert set(last) <= {"start", "thaw", "mend"}


def test_it_calms_down_once_somebody_has_seen_the_end():
    """The others shall see it too."""
    story = Story()
    story.pass_(30)
    story.machines[-1].end(0)
    story.chaos.tick()
    begun = len(story.told)
    story.pass_(60)
    assert (story.chaos.faults, len(story.told)) == ((), begun)


def test_who_ends_by_itself_is_started_again():
    """A clinic that found no chain at its start, as a service manager would."""
    story = Story(room=0)
    story.machines[0].end(1)
    story.chaos.tick()
    assert (story.machines[0].alive, story.chaos.busy) == (False, True)
    story.pass_(2)
    assert (story.machines[0].alive, story.chaos.busy) == (True, False)


def test_who_is_down_by_itself_leaves_no_room():
    """A clinic to be started again counts among those that are down."""
    story = Story(clinics=4, room=1)
    story.chaos._revive["clinic-1"] = 1e9
    story.machines[0].end(1)
    for _ in range(100):
        assert story.chaos._candidates() == []


def test_a_killed_clinic_makes_the_swarm_wait():
    """A swarm of which all that live have ended isn't over while one is to come back."""
    story = Story()
    while not any(fault.kind == "kill" for fault in story.chaos.faults):
        story.pass_(0.1)
    assert story.chaos.busy
