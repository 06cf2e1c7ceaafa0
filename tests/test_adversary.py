"""Hostile behaviours: how they are written, and what each decides, by value."""

import pytest

from node.commitment import Claims
from node.database import OwnUpdate
from node.digest import digest
from node.errors import WrongUse
from node.ledger import Advance, Attest, Commit, Enter, Hold, Phase, Revealed, Terms
from node.round import Fetch, Finish, Holding, Merge, Mine, OpenPromise, Promise, Send, Wait
from node.state import Attestation, Round, Run
from node.task import Data, Site, load_task
from node.train import TorchTrainer
from sim.adversary.grammar import PROTOCOL, behaviour_of, conduct_of, describe, known
from sim.adversary.poisoned import Poisoned
from sim.adversary.promises import next_seed, seed_before
from sim.adversary.stage import Stage
from sim.adversary.votes import lie
from sim.attacks import labels

ME, RUN, DEADLINE, NOW = 4, 9, 1000, 910.0
BASE = digest(b"base")
UPDATE = OwnUpdate(digest(b"mine"), Claims(8))
SEATS = {1: 0, 2: 1, 3: 2, 4: 3}
EVERYBODY, MY_BIT = 0b1111, 0b1000
TERMS = Terms(5, 4, 3, 1, 100, 100, 100, 100, 100, 0, BASE)
ANSWER = Attestation(digest(b"merged"), digest(b"receipt"))


def a_round(phase, **fields):
    """Round 0 of four members."""
    given = {"f": 1, "quorum": 3, "phase": phase, "deadline": DEADLINE, **fields}
    return Round(number=0, base=BASE, roster=EVERYBODY, expected=EVERYBODY, **given)


def a_run(round_, **fields):
    """Run 9 in this round."""
    return Run(RUN, b"", b"", TERMS, round=round_, **{"seats": SEATS, **fields})


def revealed(*members):
    """What these members revealed."""
    return {m: Revealed(RUN, 0, m, digest(bytes([m])), 8, 0, bytes([m]) * 32) for m in members}


def mine(**holding):
    """Member 4, who has the base and an update."""
    return Mine(ME, models=frozenset({BASE}), rounds={0: Holding(**{"update": UPDATE, **holding})})


def stage(**fields):
    """Member 4's."""
    return Stage(**{"member": ME, "clock": lambda: NOW, "seed": 7, **fields})


def decides(text, run, me, now=NOW):
    """What a behaviour makes of a moment."""
    return conduct_of(text, stage()).decide(run, me, now)


COMMITTED = a_run(a_round(Phase.COMMIT, committed=MY_BIT))
REVEALING = a_run(a_round(Phase.REVEAL, committed=EVERYBODY))
HOLDING = a_run(a_round(Phase.HOLD, revealed=revealed(1, 2, 4)))
ATTESTING = a_run(a_round(Phase.ATTEST, revealed=revealed(1, 2, 4), inputs=0b1011))


def test_no_reveal_waits_where_an_honest_node_reveals():
    """What was committed stays closed."""
    honest = decides("withhold", REVEALING, mine())
    assert isinstance(honest, OpenPromise)
    assert isinstance(decides("no-reveal", REVEALING, mine()), Wait)


def test_no_reveal_commits():
    """It promises like anybody."""
    run = a_run(a_round(Phase.COMMIT))
    assert decides("no-reveal", run, mine()) == Promise(run.round, UPDATE)


def test_no_reveal_advances_after_the_deadline():
    """It doesn't stop the run by waiting for ever."""
    assert decides("no-reveal", REVEALING, mine(), DEADLINE + 1.5) == Send(Advance(RUN))


def test_a_steerer_waits_for_the_others():
    """It keeps its reveal back while others may still reveal, until time gets short."""
    early = decides("steer-seed", REVEALING, mine(), 910.0)
    assert early == Wait(DEADLINE - 0.2 * TERMS.reveal_seconds)


class Entropy:
    """Gives one salt."""

    def __init__(self, salt):
        self.salt = lambda *named: salt


class Seams:
    """As much of seams as a steerer uses."""

    def __init__(self, salt):
        self.entropy = Entropy(salt)
        self.ledger = type("Ledger", (), {"network": None})


def salt_for(smaller):
    """A salt of member 4 that makes round 0's seed smaller, or not, than the others' alone."""
    others = [(m, bytes([m]) * 32) for m in (1, 2, 3)]
    without = next_seed(bytes(32), others, RUN, 0)
    salts = (bytes([n]) * 32 for n in range(10, 200))
    return next(
        s for s in salts if (next_seed(bytes(32), [*others, (ME, s)], RUN, 0) < without) == smaller
    )


@pytest.mark.parametrize(("smaller", "action"), [(True, OpenPromise), (False, Wait)])
def test_a_steerer_reveals_only_what_it_likes(smaller, action):
    """Of the two seeds that it can choose between it takes the smaller."""
    conduct = conduct_of("steer-seed", stage())
    conduct.seams(Seams(salt_for(smaller)))
    run = a_run(a_round(Phase.REVEAL, committed=EVERYBODY, revealed=revealed(1, 2, 3)))
    assert isinstance(conduct.decide(run, mine(), NOW), action)


def test_the_seed_of_a_round_is_the_contract_s():
    """The vector of docs/protocol.md."""
    reveals = [(3, b"\x55" * 32), (4, b"\x66" * 32)]
    seed = "98fb09ab152101cba8fdefb973a1c13c88e179818d4fff213f0baa13b453dae4"
    assert next_seed(bytes(32), reveals, 1, 0).hex() == seed


def test_the_seed_before_is_the_last_one_fixed():
    """A round whose inputs were fixed says its seed."""
    run = a_run(a_round(Phase.COMMIT), past=(a_round(Phase.ATTEST, seed=b"\x01" * 32),))
    assert seed_before(run) == b"\x01" * 32


def test_a_second_commitment_is_tried_once():
    """Once it has committed it sends another one, and then goes on."""
    conduct = conduct_of("second-commit", stage())
    first, then = (conduct.decide(COMMITTED, mine(), NOW) for _ in range(2))
    assert (type(first.call), first.call.round, type(then)) == (Commit, 0, Wait)


def test_a_hurrier_advances_too_early_once():
    """It tries each phase once, before its deadline."""
    conduct = conduct_of("hurry", stage())
    actions = [conduct.decide(COMMITTED, mine(), NOW) for _ in range(2)]
    assert [actions[0], type(actions[1])] == [Send(Advance(RUN)), Wait]


@pytest.mark.parametrize(("now", "action"), [(949.0, Wait(950.0)), (950.0, Send(Hold(RUN, 0, 0b1011)))])
def test_a_late_holder_waits(now, action):
    """What it could say at once it says when so much of the phase is over."""
    me = mine(verified=frozenset({1, 2, 4}))
    assert decides("late-hold:share=0.5", HOLDING, me, now) == action


def test_a_false_holder_names_what_it_has_not_got():
    """Everything revealed, without fetching any of it."""
    assert decides("false-hold", HOLDING, mine()) == Send(Hold(RUN, 0, 0b1011))


def test_hold_nothing_names_nobody():
    """Not even itself."""
    assert decides("hold-nothing", HOLDING, mine()) == Send(Hold(RUN, 0, 0))


@pytest.mark.parametrize("text", ["false-hold", "hold-nothing", "copy-attest"])
def test_who_has_held_does_not_hold_again(text):
    """One hold a round."""
    held = a_run(a_round(Phase.HOLD, revealed=revealed(1, 2), held={ME: 0b11, 1: 0b11}))
    assert isinstance(decides(text, held, mine()), Wait)


def test_conspirators_attest_the_same_lie():
    """The digests come from the seed that they share, and are others in each round."""
    one, two = Stage(4, lambda: NOW, 7, (4, 5)), Stage(5, lambda: NOW, 7, (4, 5))
    assert lie(one, 0) == lie(two, 0) != lie(one, 1)


@pytest.mark.parametrize("verified", [(), (1, 2, 4)], ids=["to fetch", "to merge"])
def test_a_false_attester_attests_at_once(verified):
    """It neither fetches nor merges."""
    me = mine(verified=frozenset(verified))
    assert decides("false-attest", ATTESTING, me) == Send(Attest(RUN, 0, *lie(stage(), 0)))


def test_a_copier_attests_what_most_others_did():
    """The answer that was given most."""
    other = Attestation(digest(b"another"), digest(b"receipt"))
    attested = {1: other, 2: ANSWER, 3: ANSWER}
    run = a_run(a_round(Phase.ATTEST, revealed=revealed(1, 2), inputs=0b11, attested=attested))
    assert decides("copy-attest", run, mine()) == Send(Attest(RUN, 0, ANSWER.merged, ANSWER.receipt))


def test_a_copier_waits_for_somebody_to_copy():
    """It has nothing of its own to say, but advances when its turn comes."""
    assert isinstance(decides("copy-attest", ATTESTING, mine()), Wait)
    assert decides("copy-attest", ATTESTING, mine(), DEADLINE + 2) == Send(Advance(RUN))


def test_a_copier_names_what_others_name():
    """The bitmap that was named most; none yet: it waits."""
    held = a_run(a_round(Phase.HOLD, revealed=revealed(1, 2, 4), held={1: 0b11, 2: 0b11, 3: 0b1011}))
    assert decides("copy-attest", held, mine()) == Send(Hold(RUN, 0, 0b11))
    assert isinstance(decides("copy-attest", HOLDING, mine()), Wait)


@pytest.mark.parametrize("text", ["absent", "come-and-go"])
def test_the_absent_enter_and_do_nothing(text):
    """They take their seat; later they don't even advance, and each wait ends later than now."""
    assert decides(text, a_run(None, seats={1: 0}), Mine(ME)) == Send(Enter(RUN))
    late = decides(text, HOLDING, mine(), DEADLINE + 500.0)
    assert isinstance(late, Wait)
    assert late.until > DEADLINE + 500


@pytest.mark.parametrize(("text", "action"), [("absent", Wait), ("come-and-go", Send)])
def test_who_comes_and_goes_enters_again(text, action):
    """Once benched, one stays away and the other one comes back."""
    run = a_run(a_round(Phase.COMMIT), benched=MY_BIT)
    assert isinstance(decides(text, run, mine()), action)


@pytest.mark.parametrize("text", sorted(PROTOCOL))
def test_everybody_stops_when_revoked(text):
    """No behaviour keeps a node from finishing."""
    run = a_run(a_round(Phase.COMMIT), evicted=frozenset({ME}))
    assert isinstance(decides(text, run, mine()), Finish)


@pytest.mark.parametrize("text", sorted(PROTOCOL))
@pytest.mark.parametrize("run", [COMMITTED, HOLDING, ATTESTING], ids=["commit", "hold", "attest"])
@pytest.mark.parametrize("now", [905.0, DEADLINE + 100.0])
def test_nobody_waits_for_what_is_past(text, run, now):
    """A wait that ends at once would keep a node busy for ever on a virtual clock."""
    action = decides(text, run, mine(verified=frozenset({1, 2, 4})), now)
    assert not isinstance(action, Wait) or action.until > now


@pytest.mark.parametrize(
    "text", ["sign-flip:scale=10", "late:seconds=30", "withhold-some:share=0.3", "nan"]
)
def test_canonical_texts_are_taken(text):
    """A behaviour keeps the text that it was made of."""
    assert behaviour_of(text).text == text


WRONG = {
    "sing-flip": "there is no attack 'sing-flip'; known: sign-flip, ",
    "dissensus": "there is no attack 'dissensus'; known: ",
    "none": "there is no attack 'none'; known: ",
    "late:seconds=30.0": "write the attack 'late:seconds=30.0' as late:seconds=30",
    "withhold:share=0.5": "withhold has no parameter 'share'; it has: none",
    "late:share=2": "late:share is a number from 0.01 to 1, not '2'",
    "sign flip": "no attack 'sign flip': write name or name:key=value",
}


@pytest.mark.parametrize(("text", "why"), WRONG.items(), ids=WRONG)
def test_what_is_no_behaviour_is_refused(text, why):
    """In one line that lists the known, or what is right."""
    with pytest.raises(WrongUse, match=f"^{why.replace('[', '.')}"):
        behaviour_of(text)


def test_each_behaviour_is_described():
    """In one short line for the help, by the name under which it is made."""
    assert [text.split("[")[0] for text in describe()] == list(known())
    assert all(len(does) < 60 for does in describe().values())


@pytest.mark.parametrize("name", known())
def test_each_name_makes_a_conduct(name):
    """With parameters by default."""
    assert behaviour_of(name).conduct(stage()).decide is not None


def test_alone_or_together():
    """Conspirators are numbered by member; somebody alone is the first of one."""
    both = Stage(5, lambda: NOW, 7, (4, 5))
    assert (both.together, both.place, stage().together, stage().place) == ((4, 5), 1, (4,), 0)


def test_a_late_server_serves_later():
    """Some seconds after a blob was first asked for, whoever asked."""
    now = [0.0]
    conduct = conduct_of("late:seconds=30", stage(clock=lambda: now[0]))
    conduct.decide(HOLDING, mine(), NOW)
    may, served = conduct.may_serve(lambda name, peer: True), []
    for now[0], peer in ((0.0, b"a"), (29.0, b"b"), (30.0, b"b")):
        served.append(may(BASE, peer))
    assert served == [False, False, True]


def test_a_late_server_keeps_to_the_rules():
    """What an honest node wouldn't serve it doesn't either."""
    conduct = conduct_of("late:seconds=30", stage())
    conduct.decide(HOLDING, mine(), NOW)
    assert not conduct.may_serve(lambda name, peer: False)(BASE, b"a")


def test_who_serves_some_serves_the_same_ones_always():
    """The peers left out are drawn once, about as many as it says."""
    may = conduct_of("withhold-some:share=0.3", stage()).may_serve(lambda name, peer: True)
    peers = [bytes([n]) * 32 for n in range(200)]
    served = [may(BASE, peer) for peer in peers]
    assert served == [may(ANSWER.merged, peer) for peer in peers]
    assert 0.6 < sum(served) / len(served) < 0.8


def test_a_merge_is_an_honest_node_s_for_who_lies_elsewhere():
    """Who withholds still merges and attests as everybody."""
    me = mine(verified=frozenset({1, 2, 4}))
    assert isinstance(decides("withhold", ATTESTING, me), Merge)
    assert isinstance(decides("withhold", HOLDING, mine()), Fetch)


def test_labels_are_flipped_before_training():
    """A real trainer trains on mirrored labels; its own data stay as they are."""
    honest = TorchTrainer(load_task("wdbc"), Site(0, 5, 0))
    base, data = honest.initial(0), honest.data
    flipped = honest.on(Data(data.inputs, 1 - data.targets)).fit(base, 3).tensors
    poisoned = Poisoned(honest, labels.flipped, stage()).fit(base, 3).tensors
    assert {name: tensor.tobytes() for name, tensor in poisoned.items()} == {
        name: tensor.tobytes() for name, tensor in flipped.items()
    }
    assert honest.data is data


def test_an_operator_trains_the_same_under_all_its_names():
    """Other lots for another member, the same update."""
    honest = TorchTrainer(load_task("wdbc"), Site(0, 5, 0))
    base = honest.initial(0)
    one, two = (
        Poisoned(honest, labels.flipped, stage(member=m), one=True).fit(base, m).tensors for m in (4, 5)
    )
    assert [t.tobytes() for t in one.values()] == [t.tobytes() for t in two.values()]
