"""The rollout's driver against fake nodes: all take the new generation, or none does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner import failure, member, rollout, staging
from runner.failure import Failed
from runner.rollout import Rollout
from tests.runner.fleet import NEW, OLD, FakeNode, Fleet

ROOT = Path(__file__).resolve().parents[2]


def play(
    size: int, scene: Callable[[Fleet], Awaitable[None]], *, prepare: Callable[[Fleet], None]
) -> Fleet:
    """Run one scene on a fleet and return the fleet as it ended."""
    fleet = Fleet(size)
    prepare(fleet)

    async def run() -> None:
        await fleet.start()
        try:
            await scene(fleet)
        finally:
            await fleet.stop()

    asyncio.run(run())
    return fleet


def nothing(_fleet: Fleet) -> None:
    """A fleet that behaves."""


def states(fleet: Fleet) -> set[tuple[str, str, str, bool]]:
    """The distinct states of the nodes: confirmed, active, lease, armed."""
    return {(node.confirmed, node.active, node.lease, node.armed) for node in fleet.nodes}


async def _carry_out(fleet: Fleet) -> None:
    await Rollout(fleet.order(), lambda _line: None).run()


def test_all_nodes_end_confirmed() -> None:
    """Every node ends active and confirmed at the wanted generation, with no lease or timer."""
    fleet = play(5, _carry_out, prepare=nothing)
    assert states(fleet) == {(NEW, NEW, "", False)}


@pytest.mark.parametrize("size", [2, 7])
def test_the_timer_grows_with_the_mesh(size: int) -> None:
    """Every node's own undoing waits for what is declared and a second more for each node."""
    fleet = play(size, _carry_out, prepare=nothing)
    assert {node.seconds for node in fleet.nodes} == {fleet.order().timer + size}


def test_a_mesh_that_is_there_is_not_touched() -> None:
    """Where every node has confirmed the wanted generation, only questions are asked."""

    def done(fleet: Fleet) -> None:
        for node in fleet.nodes:
            node.confirmed = node.active = node.staged = NEW

    fleet = play(3, _carry_out, prepare=done)
    assert [node.said for node in fleet.nodes] == [["status", "lease", "status", "release"]] * 3


@pytest.mark.parametrize("verb", ["stage", "lease", "arm", "prepare", "flip", "check", "confirm"])
def test_one_refusal_brings_all_back(verb: str) -> None:
    """Whatever one node refuses, all end where they were, and the message names it and why."""

    def spoil(fleet: Fleet) -> None:
        fleet.nodes[1].refuse = verb

    async def scene(fleet: Fleet) -> None:
        with pytest.raises(Failed) as caught:
            await _carry_out(fleet)
        assert "n001" in caught.value.what
        assert "disk full" in caught.value.what
        assert caught.value.fix == "make room"
        assert "n000" not in caught.value.what

    fleet = play(4, scene, prepare=spoil)
    assert states(fleet) == {(OLD, OLD, "", False)}


def test_nobody_flips_when_one_refuses_to_prepare() -> None:
    """A refusal before the flip is found out while nothing has changed anywhere."""

    def spoil(fleet: Fleet) -> None:
        fleet.nodes[0].refuse = "prepare"

    async def scene(fleet: Fleet) -> None:
        with pytest.raises(Failed, match="n000"):
            await _carry_out(fleet)

    assert play(3, scene, prepare=spoil).flips == []


def test_lost_confirmation_is_asked_for_again() -> None:
    """A confirm whose answer is lost is repeated, and the rollout succeeds."""

    def spoil(fleet: Fleet) -> None:
        fleet.nodes[2].lose = "confirm"

    fleet = play(4, _carry_out, prepare=spoil)
    assert states(fleet) == {(NEW, NEW, "", False)}
    assert fleet.nodes[2].said.count("confirm") == 2


def test_peer_that_was_silent_before_is_forgiven() -> None:
    """A pair that did not see each other before the change does not fail it."""

    def spoil(fleet: Fleet) -> None:
        fleet.nodes[0].deaf = frozenset({"n002"})

    fleet = play(3, _carry_out, prepare=spoil)
    assert states(fleet) == {(NEW, NEW, "", False)}


def test_ends_that_disagree_undo_the_change() -> None:
    """Two nodes with different keys for each other answer pings still; all are brought back."""

    def spoil(fleet: Fleet) -> None:
        fleet.nodes[0].ends = {"wg2": {"n001": "one"}}
        fleet.nodes[1].ends = {"wg2": {"n000": "other"}}

    async def scene(fleet: Fleet) -> None:
        with pytest.raises(Failed, match="n000 and n001 hold different keys"):
            await _carry_out(fleet)

    assert states(play(3, scene, prepare=spoil)) == {(OLD, OLD, "", False)}


def test_peer_that_falls_silent_undoes_the_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pair that saw each other before and does not after brings all back, and is named."""
    monkeypatch.setattr(rollout, "CHECKS", 0.05)

    async def scene(fleet: Fleet) -> None:
        node = fleet.nodes[0]
        flip = node.do_flip

        def break_path(request: dict[str, object]) -> dict[str, object]:
            node.deaf = frozenset({"n002"})
            return flip(request)

        node.do_flip = break_path  # type: ignore[method-assign]
        with pytest.raises(Failed, match=r"n000: no answer from n002"):
            await _carry_out(fleet)

    fleet = play(3, scene, prepare=nothing)
    assert states(fleet) == {(OLD, OLD, "", False)}


def test_ways_that_bgp_brought_before_are_asked_for_after_the_flip() -> None:
    """What a gateway tells before is what it is held to afterwards; others are asked nothing."""
    asked: list[tuple[str, object]] = []

    def prepare(fleet: Fleet) -> None:
        for node in fleet.nodes:
            look = node.do_check

            def check(
                request: dict[str, Any],
                node: FakeNode = node,
                look: Callable[[dict[str, Any]], dict[str, Any]] = look,
            ) -> dict[str, Any]:
                asked.append((node.name, request.get("ways")))
                ways = {"known": [2], "reached": [2]} if node.name == "n000" else None
                return {**look(request), **({"ways": ways} if ways else {})}

            node.do_check = check  # type: ignore[method-assign]

    play(2, _carry_out, prepare=prepare)
    assert sorted(asked, key=str) == [
        ("n000", None),
        *2 * [("n000", {"known": [2], "reached": [2]})],
        ("n001", None),
        ("n001", None),
    ]


def test_a_way_that_a_neighbour_takes_away_late_is_missed_before_anything_is_confirmed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A gateway is well until another one has loaded its policies: asked once more, it is not."""
    monkeypatch.setattr(rollout, "CHECKS", 0.02)
    ways = {"known": [2], "reached": [2]}

    def prepare(fleet: Fleet) -> None:
        node, turns = fleet.nodes[0], iter(range(99))
        look = node.do_check

        def check(request: dict[str, Any]) -> dict[str, Any]:
            well = look(request) | {"ways": ways}
            why = ["BGP brings no way to site 2 on every plane"]
            return well if next(turns) < 2 else well | {"ok": False, "reasons": why}

        node.do_check = check  # type: ignore[method-assign]

    async def scene(fleet: Fleet) -> None:
        with pytest.raises(Failed, match=r"(?s)routes failed.*n000: BGP brings no way to site 2"):
            await _carry_out(fleet)

    fleet = play(2, scene, prepare=prepare)
    assert states(fleet) == {(OLD, OLD, "", False)}


def test_silent_node_is_named_with_the_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that answers on neither plane fails the rollout before any change."""
    monkeypatch.setattr(staging, "REACH", 1.0)
    monkeypatch.setattr(member, "AGAIN", 0.1)

    async def scene(fleet: Fleet) -> None:
        order = fleet.order()
        dead = order.targets[1]
        gone = replace(dead, wg1="127.99.0.1", wg0="127.99.0.2")
        whole = replace(order, targets=(order.targets[0], gone, *order.targets[2:]))
        with pytest.raises(Failed) as caught:
            await Rollout(whole, lambda _line: None).run()
        assert "n001: no SSH session" in caught.value.what
        assert "offline: true" in caught.value.fix

    fleet = play(3, scene, prepare=nothing)
    assert states(fleet) == {(OLD, OLD, "", False)}
    assert fleet.flips == []


def test_wrong_host_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that shows another host key than the pinned one is not spoken to."""
    monkeypatch.setattr(staging, "REACH", 1.0)

    def spoil(fleet: Fleet) -> None:
        fleet.nodes[0].host_key = Fleet(1).nodes[0].host_key

    async def scene(fleet: Fleet) -> None:
        order = fleet.order()
        other = fleet.nodes[1].host_key.export_public_key().decode().strip()
        lied = replace(order.targets[0], host_key=other)
        whole = replace(order, targets=(lied, *order.targets[1:]))
        with pytest.raises(Failed, match="n000"):
            await Rollout(whole, lambda _line: None).run()

    assert play(2, scene, prepare=spoil).nodes[0].said == []


def test_second_rollout_waits_for_the_first() -> None:
    """Two rollouts at once: both end well, one after the other, and nothing is mixed."""

    async def scene(fleet: Fleet) -> None:
        lines: list[str] = []
        await asyncio.gather(
            Rollout(fleet.order(), lines.append).run(), Rollout(fleet.order(), lines.append).run()
        )

    fleet = play(3, scene, prepare=nothing)
    assert states(fleet) == {(NEW, NEW, "", False)}


def test_stopped_rollout_undoes_itself() -> None:
    """Cancelling a rollout after the flip brings all nodes back."""

    async def scene(fleet: Fleet) -> None:
        flipped = asyncio.Event()

        def tell(line: str) -> None:
            if line.startswith("flip"):
                flipped.set()

        work = asyncio.create_task(Rollout(fleet.order(), tell).run())
        await flipped.wait()
        work.cancel()
        with pytest.raises(Failed, match="stopped"):
            await work

    fleet = play(3, scene, prepare=nothing)
    assert states(fleet) == {(OLD, OLD, "", False)}


def test_a_nodes_own_reasons_are_told() -> None:
    """What is not live as declared stands in the message, beside who is silent or alone."""
    both = failure.unwell("fsn-a", {"silent": ["hel-a"], "reasons": ["nft is not as declared"]})
    addresses = ["10.201.2.1", "fd00::1"]
    told = [{"name": "hel-a", "interface": "wg1", "addresses": addresses, "handshake_age": 3}]
    where = failure.unwell("fsn-a", {"silent": ["hel-a"], "details": told})
    assert where.what == "fsn-a: no answer from hel-a on wg1 IPv4, wg1 IPv6."
    alone = failure.unwell("fsn-a", {"silent": [], "reasons": ["nft is not as declared"]})
    assert both.what == "fsn-a: no answer from hel-a; nft is not as declared."
    assert "offline: true" in str(both.fix)
    assert alone.what == "fsn-a: nft is not as declared."
    assert "offline" not in str(alone.fix)
