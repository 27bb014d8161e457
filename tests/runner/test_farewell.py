"""Who is declared no more is held out by whom a run reaches; nobody else ever is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.membership import GONE
from runner import farewell, members
from runner.farewell import Base, Farewell
from runner.ssh import Place, Session

KEY = asyncssh.generate_private_key("ssh-ed25519")
OTHER = asyncssh.generate_private_key("ssh-ed25519")
IDS = {"a": "a" * 12, "b": "b" * 12, "c": "c" * 12, "carol": "d" * 12, "runner": "e" * 12}
STAY = frozenset(IDS) - {"carol"}
TOLD = members.line(IDS.values(), 7, KEY)


@dataclass
class Node:
    """A node as a farewell sees it: whom it knows, the list it keeps, what it was given."""

    name: str
    line: str = TOLD
    known: dict[str, str] = field(default_factory=lambda: dict(IDS))
    late: float = 0.0

    @property
    def place(self) -> Place:
        """Where it is; only its name counts."""
        return Place(node=self.name, host="192.0.2.1", host_key="")

    async def call(self, verb: str, request: dict[str, Any] | None = None) -> dict[str, Any]:
        """Answer as the node tool does."""
        if verb == "peers":
            await asyncio.sleep(self.late)
            return {"peers": self.known, "members": self.line}
        assert verb == "hold"
        assert request is not None
        self.line = request["members"]
        told = self.line.split()[1].split(",")
        return {"held": [name for name, one in self.known.items() if one not in told]}


def _run(nodes: list[Node], stay: frozenset[str] = STAY, wanted: int = 0) -> list[str]:
    said: list[str] = []

    async def run() -> None:
        one = Farewell(KEY, stay, wanted or len(nodes), said.append)
        await asyncio.gather(*(one.meet(cast("Session", node)) for node in nodes))

    asyncio.run(run())
    return said


def _mesh() -> list[Node]:
    return [Node(name) for name in "abc"]


def test_nobody_left_nothing_is_said() -> None:
    """An ordinary run asks once and sends nothing."""
    nodes = _mesh()
    assert _run(nodes, frozenset(IDS)) == []
    assert [node.line for node in nodes] == [TOLD] * 3


def test_all_hold_out_who_left_with_one_list() -> None:
    """The same list for all, newer than theirs, without carol and with a mark for her."""
    nodes = _mesh()
    said = _run(nodes)
    assert sorted(said) == [f"{name}: held out as removed: carol" for name in "abc"]
    assert len({node.line for node in nodes}) == 1
    base = Base.read(nodes[0].line, KEY)
    assert base.serial > 7
    assert base.ids == set(IDS.values())
    assert base.gone == {IDS["carol"]}
    assert IDS["carol"] not in nodes[0].line.split()[1].split(",")
    # The next run finds it done.
    before = nodes[0].line
    assert _run(nodes) == []
    assert nodes[0].line == before


def test_a_dead_node_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of three are reached: they wait a moment for the third, and no longer."""
    monkeypatch.setattr(farewell, "GRACE", 0.05)
    nodes = _mesh()[:2]
    assert len(_run(nodes, wanted=3)) == 2
    assert all(GONE in node.line for node in nodes)


def test_a_late_node_gets_the_list_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers when the others have been told already."""
    monkeypatch.setattr(farewell, "GRACE", 0.05)
    nodes = [*_mesh()[:2], Node("c", late=0.2)]
    assert len(_run(nodes, wanted=4)) == 3
    assert len({node.line for node in nodes}) == 1


def test_who_is_declared_again_is_let_in_again() -> None:
    """The user thinks better of it before any rollout: the next run undoes it."""
    nodes = _mesh()
    _run(nodes)
    said = _run(nodes, frozenset(IDS))
    assert sorted(said) == [f"{name}: held out as removed: nobody" for name in "abc"]
    assert Base.read(nodes[0].line, KEY).gone == frozenset()
    assert set(nodes[0].line.split()[1].split(",")) == set(IDS.values())


def test_a_node_that_missed_the_last_list_gets_the_newest() -> None:
    """What one node kept last counts, not what another missed."""
    stale = Node("c", line=members.line([IDS["a"], IDS["b"], IDS["c"]], 3, KEY))
    nodes = [*_mesh()[:2], stale]
    _run(nodes)
    assert Base.read(stale.line, KEY).ids == set(IDS.values())


@pytest.mark.parametrize(
    "line",
    [
        "",
        "x y z",
        members.line(["0" * 12], 99, OTHER),
        TOLD.replace("7 ", "99 ", 1),
        TOLD.replace(IDS["a"], "0" * 12),
    ],
)
def test_a_list_that_this_key_did_not_sign_counts_for_nothing(line: str) -> None:
    """A node in bad hands makes up a newer list: nobody is signed into it or out of it."""
    assert Base.read(line, KEY) == Base()
    nodes = [*_mesh()[:2], Node("c", line=line)]
    _run(nodes)
    assert Base.read(nodes[0].line, KEY).ids == set(IDS.values())


def test_a_node_in_bad_hands_throws_nobody_out() -> None:
    """It says that carol's id is b's, or that a is somebody who left: most nodes know better."""
    liar = Node("c", known={**IDS, "carol": IDS["b"], "nobody": IDS["a"]})
    nodes = [*_mesh()[:2], liar]
    _run(nodes)
    assert Base.read(nodes[0].line, KEY).gone == {IDS["carol"]}


def test_a_node_in_bad_hands_keeps_nobody_in() -> None:
    """It says that carol's id is a's."""
    liar = Node("c", known={**IDS, "a": IDS["carol"]})
    nodes = [*_mesh()[:2], liar]
    _run(nodes)
    assert Base.read(nodes[0].line, KEY).gone == {IDS["carol"]}


@given(leaving=st.sets(st.sampled_from(sorted(IDS))), again=st.sets(st.sampled_from(sorted(IDS))))
def test_the_list_says_what_the_last_run_declared(leaving: set[str], again: set[str]) -> None:
    """Whatever two runs declare one after the other, the second one's word stands."""
    nodes = _mesh()
    _run(nodes, frozenset(IDS) - leaving)
    _run(nodes, frozenset(IDS) - again)
    for node in nodes:
        base = Base.read(node.line, KEY)
        assert base.ids == set(IDS.values())
        assert base.gone == {IDS[name] for name in again}
