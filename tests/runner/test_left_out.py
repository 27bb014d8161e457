"""Nodes that a rollout goes on without: named, and never cut off in silence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.failure import Failed
from runner.rollout import Rollout
from tests.runner.fleet import NEW, OLD, Fleet
from tests.runner.test_rollout import nothing, play, states


def test_who_is_left_out_is_named() -> None:
    """Nodes that are away are told in the first lines, each with the reason."""
    lines: list[str] = []

    async def scene(fleet: Fleet) -> None:
        order = replace(fleet.order(), absent=("hel-b",), offline=("hel-c", "hel-d"))
        await Rollout(order, lines.append).run()

    play(2, scene, prepare=nothing)
    assert lines[:2] == ["left out, not reached: hel-b", "left out, offline: hel-c, hel-d"]


def test_keys_do_not_change_without_a_node_that_is_to_go_on() -> None:
    """It would be cut off: refused before anything is armed. One declared offline stays behind."""

    def rekey(fleet: Fleet) -> None:
        fleet.nodes[0].rekeys = ["wg2"]

    async def refused(fleet: Fleet) -> None:
        with pytest.raises(Failed, match=r"keys of wg2 change, and hel-b would not know") as caught:
            await Rollout(replace(fleet.order(), absent=("hel-b",)), lambda _: None).run()
        assert "offline: true" in caught.value.fix

    async def taken(fleet: Fleet) -> None:
        await Rollout(replace(fleet.order(), offline=("hel-b",)), lambda _: None).run()

    fleet = play(2, refused, prepare=rekey)
    assert states(fleet) == {(OLD, OLD, "", False)}
    assert not any("arm" in node.said for node in fleet.nodes)
    assert states(play(2, taken, prepare=rekey)) == {(NEW, NEW, "", False)}
