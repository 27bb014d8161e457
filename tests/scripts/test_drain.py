"""`drain` and `undrain`: what is refused before a node is asked, and what it is asked."""

from __future__ import annotations

from typing import Any

import pytest

from runner.credentials import Credentials
from scripts import _draining
from scripts._draining import Wish
from scripts._problem import Problem
from tests.runner import fleet as fleets
from tests.runner.fleet import FakeNode
from tests.scripts import fakes, ways

Json = dict[str, Any]
BEFORE = {"drained": False, "sites": {"2": {"name": "hel", "owner": "n000"}}}


def _wish(gateway: str, verb: str = "drain", *, force: bool = False) -> Wish:
    return Wish(verb=verb, gateway=gateway, force=force, label="stack prod")


@pytest.mark.parametrize(
    ("gateway", "what", "why"),
    [
        ("nobody", "there is no node nobody", "its nodes are fsn-a, fsn-b"),
        ("fsn-c", "fsn-c is no gateway", "the gateways are fsn-a, fsn-b, hel-a, hel-b, nbg-a"),
        ("nbg-a", "nbg-a is the only gateway of nbg", "nobody can take over from it"),
    ],
)
def test_what_cannot_be_drained_is_refused(gateway: str, what: str, why: str) -> None:
    """No such node, no gateway, no sibling: nothing is asked of any node."""
    with pytest.raises(Problem) as caught:
        _draining.require_gateway(_wish(gateway), ways.outputs())
    assert caught.value.what == what
    assert caught.value.why.startswith(why)
    assert caught.value.fix


def test_a_mesh_has_nothing_to_drain() -> None:
    """No node carries another one's traffic there."""
    outputs = ways.outputs()
    outputs["plan"]["topology"] = "mesh"
    with pytest.raises(Problem, match="nothing to drain"):
        _draining.require_gateway(_wish("fsn-a"), outputs)


def test_gateways_with_a_sibling_may_be_and_a_lone_one_may_come_back() -> None:
    """Only a drain needs somebody who takes over."""
    _draining.require_gateway(_wish("fsn-a"), ways.outputs())
    _draining.require_gateway(_wish("nbg-a", "undrain"), ways.outputs())


def _run(
    monkeypatch: pytest.MonkeyPatch,
    wish: Wish,
    *,
    lease: str = "",
    refuse: str = "",
    up: bool = True,
) -> tuple[Json, FakeNode]:
    monkeypatch.setattr(fleets, "PORT", 22025)
    asked: list[FakeNode] = []

    def prepare(nodes: list[FakeNode]) -> None:
        node = nodes[0]
        asked.append(node)
        node.lease, node.refuse = lease, refuse
        node.said.clear()

        def moved(request: Json) -> Json:
            node.said.append(f"force {request.get('force', False)}")
            return {"owner": {"hel": "n001" if wish.verb == "drain" else "n000"}}

        monkeypatch.setattr(node, "do_routing", lambda _: BEFORE, raising=False)
        monkeypatch.setattr(node, "do_drain", moved, raising=False)
        monkeypatch.setattr(node, "do_undrain", moved, raising=False)

    async def act(credentials: Credentials) -> Json:
        there = wish if up else _wish("n000")
        if not up:
            monkeypatch.setattr(fleets, "PORT", 22026)
        return await _draining.carry_out(credentials, there, 0, lambda _: None)

    return fakes.among(2, prepare, act), asked[0]


def test_a_drain_tells_what_moved_to_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    """The node is asked once, without force, after its lease and its owners were looked at."""
    told, node = _run(monkeypatch, _wish("n000"))
    assert node.said == ["status", "routing", "drain", "force False"]
    assert told["moved"] == [{"site": "hel", "from": "n000", "to": "n001"}]
    assert (told["drained"], told["before"], told["kept"]) == (True, False, [])
    shown = _draining.lines(told)
    assert shown[:2] == ["n000 is drained", "  hel: n000 -> n001"]


def test_an_undrain_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says who carries what now."""
    told, _ = _run(monkeypatch, _wish("n000", "undrain"))
    assert (told["drained"], told["moved"]) == (False, [])
    assert _draining.lines({**told, "before": True})[:2] == ["n000 is in use again", "  hel: n000"]


def test_a_rollout_that_holds_the_node_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its ways may change at any moment; force passes over it."""
    with pytest.raises(Problem, match="a rollout holds it") as caught:
        _run(monkeypatch, _wish("n000"), lease="c0ffee")
    assert "c0ffee" in caught.value.why
    _, node = _run(monkeypatch, _wish("n000", force=True), lease="c0ffee")
    assert node.said[-1] == "force True"


def test_a_nodes_own_refusal_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sibling that is dead or drained, or did not take over in time: its words, and its fix."""
    with pytest.raises(Problem, match="it is not drained") as caught:
        _run(monkeypatch, _wish("n000"), refuse="drain")
    assert "disk full" in caught.value.why
    assert "make room" in caught.value.fix


def test_a_node_that_is_not_reached_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over neither way in: nothing was done."""
    with pytest.raises(Problem, match="it is not reached"):
        _run(monkeypatch, _wish("n000"), up=False)


def test_a_forced_drain_says_what_it_did_not_wait_for() -> None:
    """And one that changed nothing says so."""
    wish = _wish("n000", force=True)
    told = _draining.document(wish, {**BEFORE, "drained": True}, {"hel": "n000"})
    assert _draining.lines(told) == [
        "n000 was drained already",
        "  not waited for: hel may still go through n000",
    ]
