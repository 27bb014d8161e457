"""A rollout that puts nodes right where they stand."""

from __future__ import annotations

from dataclasses import replace

from runner.rollout import Rollout
from tests.runner.fleet import NEW, Fleet
from tests.runner.test_rollout import nothing, play, states


def test_a_repair_takes_nodes_that_are_there_through_it_all_and_tells_of_no_members() -> None:
    """Asked to repair, a mesh that is there is armed, flipped, confirmed; who belongs is not said.

    A few nodes know not everybody, and a newer list without the others would hold those out.
    """

    def done(fleet: Fleet) -> None:
        for node in fleet.nodes:
            node.confirmed = node.active = NEW

    async def change(fleet: Fleet) -> None:
        await Rollout(fleet.order(), lambda _line: None).run()

    async def repair(fleet: Fleet) -> None:
        await Rollout(replace(fleet.order(), repair=True), lambda _line: None).run()

    fleet = play(2, repair, prepare=done)
    assert states(fleet) == {(NEW, NEW, "", False)}
    assert all({"arm", "flip", "check", "confirm"} <= set(node.said) for node in fleet.nodes)
    assert not any("stage" in node.said for node in fleet.nodes)
    assert [node.members for node in fleet.nodes] == ["", ""]
    assert all(node.members for node in play(2, change, prepare=nothing).nodes)
