"""One operator is held out everywhere at once, entry nodes first, and nobody else is."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import asyncssh
import pytest

from node.membership import GONE
from runner import farewell, members, revocation
from runner.farewell import Base
from runner.problem import RunnerError
from runner.revocation import Revoked
from runner.ssh import Session

KEY = asyncssh.generate_private_key("ssh-ed25519")
IDS = {"a": "a" * 12, "b": "b" * 12, "c": "c" * 12, "carol": "d" * 12, "dave": "e" * 12}


class Node:
    """A node as a revocation sees it; it takes a list as the node tool does."""

    def __init__(self, name: str, order: list[str], line: str) -> None:
        self.name, self.order, self.line = name, order, line
        self.known = dict(IDS)
        self.closed = self.stubborn = False
        self.lies, self.late = "", 0.0

    async def call(
        self, verb: str, request: dict[str, Any] | None = None, **_: object
    ) -> dict[str, Any]:
        """Answer as the node tool does."""
        if verb == self.lies:
            return {"peers": [], "held": "nobody"}
        if verb == "peers":
            await asyncio.sleep(self.late)
            return {"peers": self.known, "members": self.line}
        assert verb == "hold"
        assert request is not None
        self.order.append(self.name)
        if not self.stubborn:
            self.line = request["members"]
        told = self.line.split()[1].split(",")
        return {"held": [name for name, one in self.known.items() if one not in told]}

    def close(self) -> None:
        """End it."""
        self.closed = True


def _mesh(gone: frozenset[str] = frozenset()) -> dict[str, Node]:
    order: list[str] = []
    ids = [f"{GONE}{one}" if name in gone else one for name, one in IDS.items()]
    line = members.line(ids, 7, KEY)
    return {name: Node(name, order, line) for name in "abc"}


def _revoke(mesh: dict[str, Node], name: str = "carol", down: tuple[str, ...] = ()) -> Revoked:
    async def reach(node: str) -> Session:
        if node in down:
            raise RunnerError(f"{node} does not answer", "look at it")
        return cast("Session", mesh[node])

    return asyncio.run(
        revocation.Revocation(
            name, key=KEY, nodes=[*mesh], first=["b"], reach=reach, tell=lambda _: None
        ).run()
    )


def test_everybody_holds_them_out_and_nobody_else() -> None:
    """All nodes get one list, in which she is marked and the others stand as they were."""
    mesh = _mesh()
    done = _revoke(mesh)
    assert sorted(done.held) == ["a", "b", "c"]
    assert done.silent == {}
    assert mesh["a"].order[0] == "b", "people come in by the entry node"
    (line,) = {node.line for node in mesh.values()}
    base = Base.read(line, KEY)
    assert (base.ids, base.gone) == (frozenset(IDS.values()), frozenset({IDS["carol"]}))
    assert base.serial > 7
    assert all(node.closed for node in mesh.values())


def test_a_node_that_is_down_keeps_nobody_waiting() -> None:
    """The others hold her out, and it is said which one does not."""
    mesh = _mesh()
    done = _revoke(mesh, down=("a",))
    assert sorted(done.held) == ["b", "c"]
    assert done.silent == {"a": "a does not answer"}


def test_who_was_held_out_before_stays_so() -> None:
    """Dave went without a rollout since: revoking Carol lets him in nowhere."""
    mesh = _mesh(frozenset({"dave"}))
    _revoke(mesh)
    base = Base.read(mesh["a"].line, KEY)
    assert base.gone == {IDS["carol"], IDS["dave"]}


def test_one_node_in_bad_hands_throws_nobody_else_out() -> None:
    """It calls Dave's keys Carol's: most nodes know better."""
    mesh = _mesh()
    mesh["a"].known["carol"], mesh["a"].known["dave"] = IDS["dave"], IDS["carol"]
    _revoke(mesh)
    assert Base.read(mesh["b"].line, KEY).gone == {IDS["carol"]}


def test_a_node_that_lets_them_in_all_the_same_is_told_of() -> None:
    """What a node answers counts, not what it was sent."""
    mesh = _mesh()
    mesh["c"].stubborn = True
    done = _revoke(mesh)
    assert sorted(done.held) == ["a", "b"]
    assert "newer list" in done.silent["c"]


@pytest.mark.parametrize("name", ["eve"])
def test_a_stranger_is_nobodys_peer(name: str) -> None:
    """Nothing is sent for whom no list has."""
    mesh = _mesh()
    done = _revoke(mesh, name)
    assert (done.held, done.silent) == ({}, {})
    assert mesh["a"].order == []


@pytest.mark.parametrize("verb", ["peers", "hold"])
def test_one_node_that_lies_stops_nobody_else(verb: str) -> None:
    """The entry node itself: it is named, and the others hold her out all the same."""
    mesh = _mesh()
    mesh["b"].lies = verb
    done = _revoke(mesh)
    assert sorted(done.held) == ["a", "c"]
    assert "is no answer" in done.silent["b"]


def test_one_node_that_is_late_keeps_the_others_waiting_for_a_moment_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Most have answered: they hold her out, and the late one does when it has."""
    monkeypatch.setattr(farewell, "GRACE", 0.05)
    mesh = _mesh()
    mesh["b"].late = 0.5
    done = _revoke(mesh)
    assert mesh["a"].order == ["a", "c", "b"]
    assert max(done.held["a"], done.held["c"]) < 0.45 < done.held["b"]


def test_where_nodes_disagree_nobody_is_said_to_be_gone() -> None:
    """Two answer and each calls other keys hers: not held out, and told so by each."""
    mesh = _mesh()
    mesh["a"].known["carol"], mesh["a"].known["dave"] = IDS["dave"], IDS["carol"]
    done = _revoke(mesh, down=("c",))
    assert done.held == {}
    assert sorted(done.silent) == ["a", "b", "c"]
    assert "do not agree" in done.silent["a"]


def test_lists_that_another_key_has_signed_count_for_nothing() -> None:
    """A node that keeps none of ours: it is told as not held, not as done."""
    mesh = _mesh()
    for node in mesh.values():
        node.line = members.line(IDS.values(), 9, asyncssh.generate_private_key("ssh-ed25519"))
    done = _revoke(mesh)
    assert done.held == {}
    assert sorted(done.silent) == ["a", "b", "c"]
