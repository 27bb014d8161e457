"""One moment for all nodes, whatever their clocks show."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runner import moment
from runner.rollout import Rollout
from tests.runner.fleet import Fleet
from tests.runner.test_rollout import play

SECOND = 1_000_000_000


@given(
    ahead=st.integers(-(10**15), 10**15),
    waits=st.lists(st.tuples(st.integers(0, 10**8), st.integers(0, 10**8)), min_size=1),
)
def test_offset_is_off_by_half_the_fastest_round_trip_at_most(
    ahead: int, waits: list[tuple[int, int]]
) -> None:
    """However uneven the ways there and back are, the error has that bound."""
    rounds = [
        moment.Round(sent=10**12, told=10**12 + there + ahead, received=10**12 + there + back)
        for there, back in waits
    ]
    fastest = min(there + back for there, back in waits)
    assert abs(moment.offset(rounds) - ahead) <= fastest / 2 + 1


def test_the_moment_is_never_more_than_its_bound_away() -> None:
    """A slow mesh gets more time, and never more than the node tool would wait."""
    assert moment.lead(0) < moment.lead(1) < moment.lead(1000) == moment.LONGEST < 60


def test_nodes_with_clocks_apart_are_given_the_same_moment() -> None:
    """Clocks that differ by hours get moments that differ by just as much, within 50 ms."""

    async def scene(fleet: Fleet) -> None:
        await Rollout(fleet.order(), lambda _line: None).run()

    def spread(fleet: Fleet) -> None:
        for number, node in enumerate(fleet.nodes):
            node.ahead = number * 3600 * SECOND

    fleet = play(4, scene, prepare=spread)
    moments = [node.moment for node in fleet.nodes]
    assert max(moments) - min(moments) < SECOND / 20


def test_the_middle_clock_is_the_mesh_time() -> None:
    """One node that is 5 s off is told that the time is what the others have, and no one else."""

    async def scene(fleet: Fleet) -> None:
        await Rollout(fleet.order(), lambda _line: None).run()

    def skew(fleet: Fleet) -> None:
        fleet.nodes[1].off = 5.0

    fleet = play(4, scene, prepare=skew)
    assert all(abs(node.wall) < 0.5 for node in fleet.nodes)


def test_a_slow_answer_moves_no_clock() -> None:
    """A node whose answers take 0.5 s counts as right all the same, and so do the others."""

    async def scene(fleet: Fleet) -> None:
        roll = Rollout(fleet.order(), lambda _line: None)
        await roll.run()
        assert all(abs(member.off) < 0.2 for member in roll.members)

    def slow(fleet: Fleet) -> None:
        fleet.nodes[1].slow = 0.5

    play(4, scene, prepare=slow)
