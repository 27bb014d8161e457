"""Who owns a remote site: two gateways and their leaves, over a network that loses and delays."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.follower import Leaf
from node.heartbeat import Beat, Claim
from node.owners import ACQUIRED, DEFAULT, OTHER, OVERLAP, SILENT, TICK, Gateway
from tests.node.site import DEFAULTS, STEP, World

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["crash", "start", "drain", "undrain", "break", "mend", "blind", "see"]),
        st.sampled_from([0, 1]),
        st.sampled_from([2, 3]),
        st.floats(0, 4),
    ),
    max_size=10,
)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 20), loss=st.floats(0, 0.5), delay=st.floats(0, 1), events=EVENTS)
def test_in_the_end_there_is_one_owner(
    seed: int, loss: float, delay: float, events: list[tuple[str, int, int, float]]
) -> None:
    """Whatever happened: when it is over and messages arrive, all agree, and on a living one."""
    world = World(seed=seed, loss=loss, delay=delay)
    for what, slot, site, seconds in events:
        if what == "crash":
            world.crash(slot)
        elif what == "start" and slot not in world.gateways:
            world.start(slot)
        elif what in {"drain", "undrain"}:
            world.drained[slot] = what == "drain"
        elif what in {"break", "mend"}:
            (world.broken[slot].add if what == "break" else world.broken[slot].discard)(site)
        elif what in {"blind", "see"}:
            (world.paths[slot].discard if what == "blind" else world.paths[slot].add)(site)
        world.run(seconds)
    world.loss, world.delay, world.broken = 0.0, min(delay, 0.3), {0: set(), 1: set()}
    for slot in (0, 1):
        if slot not in world.gateways:
            world.start(slot)
        world.paths[slot] = {*world.sites}
    world.run(15)
    owners = world.agreed()
    if world.drained[0] != world.drained[1]:
        assert set(owners.values()) == {0 if world.drained[1] else 1}
    world.run(10)
    assert world.agreed() == owners, "it moved without a reason"


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1 << 20),
    delay=st.floats(0, 0.1),
    loss=st.floats(0, 0.4),
    first=st.sampled_from([0, 1]),
)
def test_a_drain_loses_nothing(seed: int, delay: float, loss: float, first: int) -> None:
    """At every moment each leaf's gateway gets what comes in at either, by itself or as a copy."""
    world = World(seed=seed, delay=0.01, most=1)
    world.run(6)
    assert world.agreed() == DEFAULTS
    world.delay, world.loss = delay, loss
    for slot in (first, 1 - first):
        world.drained = {slot: True, 1 - slot: False}
        for _ in range(round(6 / STEP)):
            world.step()
            for site in world.sites:
                for leaf in world.followers:
                    holder = leaf.sites[site].claim.slot
                    for entry in (0, 1):
                        assert holder in world.reached(site, entry), (world.now, site, entry)
        assert set(world.agreed().values()) == {1 - slot}
        metrics = {s: {r: g.duty(r, world.now) for r in g.sites} for s, g in world.gateways.items()}
        for site, default in world.sites.items():
            better = DEFAULT if default == 1 - slot else ACQUIRED
            assert metrics[1 - slot][site].metric == better
            assert metrics[slot][site].metric == OTHER
            assert not metrics[slot][site].copies
            assert metrics[slot][site].hands_over


def test_a_change_counts_as_announced_when_both_have_carried() -> None:
    """What FRR has taken before is not what it is told when the overlap ends."""
    world = _settled()
    world.drained[0] = True
    heir, said = world.gateways[1], []
    for _ in range(round((OVERLAP + 1) / STEP)):
        world.step()
        beat = heir.beat(world.now, announced=True)
        assert beat is not None
        said.append(beat.announced)
        assert beat.announced != heir.overlaps(world.now)
    assert said[-1]
    assert False in said


def _settled() -> World:
    world = World(seed=1)
    world.run(6)
    assert world.agreed() == DEFAULTS
    return world


def test_a_start_moves_nothing() -> None:
    """Both begin at once: each owns what is its own by default, and copies nothing."""
    world = World(seed=3)
    for _ in range(120):
        world.step()
        for gateway in world.gateways.values():
            assert not any(gateway.duty(site, world.now).copies for site in gateway.sites)
            assert all(held.claim.slot == DEFAULTS[s] for s, held in gateway.sites.items())


@pytest.mark.parametrize("slot", [0, 1])
def test_a_dead_one_is_followed_at_once_and_does_not_take_back(slot: int) -> None:
    """Its sites move at once and are announced better; when it comes back they stay."""
    world = _settled()
    world.crash(slot)
    world.run(SILENT + 2 * TICK)
    assert set(world.agreed().values()) == {1 - slot}
    heir = world.gateways[1 - slot]
    mine = next(site for site, default in DEFAULTS.items() if default == slot)
    assert heir.sites[mine].why == "dead"
    assert heir.duty(mine, world.now).metric == ACQUIRED
    world.start(slot)
    world.run(10)
    assert set(world.agreed().values()) == {1 - slot}


def test_a_restart_that_was_told_of_moves_nothing() -> None:
    """It goes on with what it remembers, and its silence is borne."""
    world = _settled()
    world.send(1, paused=True)
    memory = {site: held.claim for site, held in world.gateways[1].sites.items()}
    world.crash(1)
    world.run(3)
    world.start(1)
    world.gateways[1].configure(world.sites, memory, world.now)
    world.gateways[1] = again = Gateway(slot=1, sibling=0, start=world.now)
    again.configure(world.sites, memory, world.now)
    assert again.beat(world.now) is not None
    world.run(5)
    assert world.agreed() == DEFAULTS
    assert all(held.claim.term == 1 for held in again.sites.values())


def test_one_that_forwards_nothing_is_followed_but_not_again_and_again() -> None:
    """Both see the other as broken: it moves at once, then ever more rarely."""
    world = _settled()
    world.broken = {0: {2}, 1: {2}}
    world.run(1)
    assert world.owners(2) == {0}
    assert world.gateways[0].sites[2].why == "half-dead"
    world.run(25)
    assert world.owners(2) == {0}
    world.run(600)
    assert world.gateways[0].sites[2].claim.term <= 7


def test_a_drained_one_takes_over_from_the_dead_alone() -> None:
    """Not from one that is half-dead; and gives all back when the other is there again."""
    world = _settled()
    world.drained[0] = True
    world.run(4)
    world.broken[0] = {2, 3}
    world.run(4)
    assert set(world.agreed().values()) == {1}
    world.crash(1)
    world.run(2)
    assert set(world.agreed().values()) == {0}
    world.start(1)
    world.run(6)
    assert set(world.agreed().values()) == {1}
    world.drained[0], world.broken[0] = False, set()
    world.run(6)
    assert set(world.agreed().values()) == {1}, "undrain moves nothing"


def test_nobody_takes_from_a_drained_one_what_it_cannot_reach() -> None:
    """A site to which the sibling has no path stays; the drained one goes on copying."""
    world = _settled()
    world.paths[0] = {3}
    world.drained[1] = True
    world.run(5)
    assert world.agreed() == {2: 1, 3: 0}
    assert world.gateways[1].duty(2, world.now).copies
    world.paths[0] = {2, 3}
    world.run(1)
    assert world.agreed() == {2: 0, 3: 0}


def test_a_machine_that_slept_blames_nobody() -> None:
    """After ten seconds without a look, what was not heard meanwhile is no sign of death."""
    world = _settled()
    sleeper = world.gateways[0]
    taken = sleeper.tick(world.now + 10, drained=False, paths={2, 3}, broken=())
    assert taken == []


def test_two_claims_of_one_term() -> None:
    """Of two that took over in the same term the greater slot is right for all."""
    world = _settled()
    for slot in (0, 1):
        for site in DEFAULTS:
            world.gateways[slot].sites[site].claim = Claim(9, slot)
    world.run(2)
    assert world.agreed() == {2: 1, 3: 1}


def test_a_lone_gateway_owns_everything_and_copies_nothing() -> None:
    """It waits for nobody."""
    gateway = Gateway(slot=0, sibling=None, start=0.0)
    gateway.configure({2: 0, 3: 0}, {}, 0.0)
    assert gateway.tick(0.1, drained=False, paths=(), broken=()) == []
    beat = gateway.beat(0.1)
    assert beat is not None
    assert beat.claims == {2: Claim(1, 0), 3: Claim(1, 0)}
    duty = gateway.duty(2, 0.2)
    assert (duty.copies, duty.hands_over, duty.metric) == (False, False, DEFAULT)


def test_leaves_forget_what_no_gateway_knows_any_more() -> None:
    """Both gateways booted anew: their small terms count after a while, not before."""
    world = _settled()
    for leaf in world.followers:
        leaf.sites[2].claim = Claim(7, 0)
    world.run(2)
    assert world.followers[0].sites[2].claim == Claim(7, 0)
    world.run(2)
    assert world.agreed() == DEFAULTS


def test_a_gateway_that_is_none_any_more_owns_nothing() -> None:
    """Both kinds fall back to the default owner."""
    leaf = Leaf(slots=frozenset({0}))
    leaf.configure({2: 0}, {2: Claim(4, 1)}, 0.0)
    assert leaf.sites[2].claim == Claim(4, 0)
    gateway = Gateway(slot=0, sibling=None, start=0.0)
    gateway.configure({2: 0}, {2: Claim(4, 1)}, 0.0)
    assert gateway.sites[2].claim == Claim(4, 0)


def test_late_datagrams_are_no_news() -> None:
    """An older beat of a living sibling says nothing."""
    world = _settled()
    gateway = world.gateways[0]
    assert gateway.heard is not None
    stale = Beat(slot=1, stamp=gateway.heard.beat.stamp - 1, drained=True)
    assert not gateway.hear(stale, world.now)
    assert not gateway.heard.beat.drained
    assert OVERLAP > 0
