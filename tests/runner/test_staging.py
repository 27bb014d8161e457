"""Staging ahead of the lease: who gets a bundle, who is told of, and what a failure leaves."""

from __future__ import annotations

import pytest

from runner import staging, tool
from runner.failure import Failed
from runner.rollout import Rollout
from runner.ssh import Session
from tests.runner.fleet import NEW, OLD, Fleet
from tests.runner.test_rollout import nothing, play, states


async def _carry_out(fleet: Fleet) -> None:
    await Rollout(fleet.order(), lambda _line: None).run()


def test_only_what_a_node_lacks_is_staged() -> None:
    """A bundle goes to a node that has another generation, was staged another, or has it damaged.

    The last two have nothing to flip to, so that all the others are left alone with them.
    """

    def done(fleet: Fleet) -> None:
        for node in fleet.nodes:
            node.confirmed = node.active = node.staged = NEW
        fleet.nodes[1].staged = OLD
        fleet.nodes[2].damaged = True

    fleet = play(3, _carry_out, prepare=done)
    assert ["stage" in node.said for node in fleet.nodes] == [False, True, True]
    assert not any("arm" in node.said for node in fleet.nodes)
    assert all(node.staged == NEW and not node.damaged for node in fleet.nodes)


def test_a_bundle_that_is_refused_leaves_every_lease_alone() -> None:
    """Staging has no live effect: what one node refuses ends the rollout before it has begun."""

    def spoil(fleet: Fleet) -> None:
        fleet.nodes[2].refuse = "stage"

    async def scene(fleet: Fleet) -> None:
        with pytest.raises(Failed, match="stage failed") as caught:
            await _carry_out(fleet)
        assert "n002: stage refused: disk full" in caught.value.what

    fleet = play(3, scene, prepare=spoil)
    assert states(fleet) == {(OLD, OLD, "", False)}
    assert not any("lease" in node.said for node in fleet.nodes)


def test_who_is_still_staging_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages may take minutes: from time to time the slow nodes are named, and no other."""
    monkeypatch.setattr(staging, "REMIND", 0.1)
    lines: list[str] = []

    def slow(fleet: Fleet) -> None:
        fleet.nodes[1].slow = 0.3

    async def scene(fleet: Fleet) -> None:
        await Rollout(fleet.order(), lines.append).run()

    play(2, scene, prepare=slow)
    assert "stage: still at work: n001" in lines
    assert not [line for line in lines if "at work" in line and "n000" in line]


def test_a_rollout_that_was_overtaken_changes_nothing() -> None:
    """One whose program died stages for minutes; a newer one came through meanwhile, and stays."""
    newer = "a" * 16

    async def scene(fleet: Fleet) -> None:
        late = Rollout(fleet.order(), lambda _line: None)
        await late._stage()
        await Rollout(fleet.order(generation=newer), lambda _line: None).run()
        with pytest.raises(Failed, match="another generation was staged since"):
            await late._leased()

    fleet = play(2, scene, prepare=nothing)
    assert states(fleet) == {(newer, newer, "", False)}


def test_a_bundle_whose_answer_is_lost_is_sent_again() -> None:
    """A session that dies while a node is at it: the node answers anew, and is asked anew."""

    def spoil(fleet: Fleet) -> None:
        fleet.nodes[1].lose = "stage"

    fleet = play(2, _carry_out, prepare=spoil)
    assert states(fleet) == {(NEW, NEW, "", False)}
    assert [node.said.count("stage") for node in fleet.nodes] == [1, 2]


def test_a_refusal_is_told_while_others_are_still_at_it() -> None:
    """The first line about it comes before the phase has ended."""
    lines: list[str] = []

    def spoil(fleet: Fleet) -> None:
        fleet.nodes[0].refuse = "stage"
        fleet.nodes[1].slow = 0.5

    async def scene(fleet: Fleet) -> None:
        with pytest.raises(Failed):
            await Rollout(fleet.order(), lines.append).run()

    play(2, scene, prepare=spoil)
    assert lines[0] == "n000: stage refused: disk full"
    assert lines[1].startswith("stage: 1 of 2 nodes")


@pytest.mark.parametrize("mended", [True, False])
def test_a_tool_that_cannot_say_where_its_node_stands_is_replaced(
    monkeypatch: pytest.MonkeyPatch, *, mended: bool
) -> None:
    """One that is older than what is on the disk makes way; if that does not help, it is told."""
    brought: list[str] = []

    def old(fleet: Fleet) -> None:
        fleet.nodes[1].refuse = "status"

    async def scene(fleet: Fleet) -> None:
        async def ensure(session: Session) -> bool:
            brought.append(session.place.node)
            fleet.nodes[1].refuse = "" if mended else "status"
            return True

        monkeypatch.setattr(tool, "ensure", ensure)
        if mended:
            await _carry_out(fleet)
        else:
            with pytest.raises(Failed, match="stage failed") as caught:
                await _carry_out(fleet)
            assert "n001: status refused: disk full" in caught.value.what

    fleet = play(2, scene, prepare=old)
    assert brought == ["n001"]
    now = NEW if mended else OLD
    assert {node.confirmed for node in fleet.nodes} == {now}
