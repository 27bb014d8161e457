"""`backplane up`: who does not answer is named, and left out only as far as was allowed."""

from __future__ import annotations

import pytest

from backplane.declaration import parse
from scripts import up
from scripts._problem import Problem
from scripts._stack import Stack
from tests.core import example

NODES = {"fsn-a": "fsn-a", "hel-a": "hel-a"}


class _Tunnel:
    """Nobody's."""

    def close(self) -> None:
        """Nothing to take down."""


class _Credentials:
    """A tunnel that comes up."""

    def tunnel(self, _runner: object) -> _Tunnel:
        """Nothing to bring up."""
        return _Tunnel()


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack of which hel-a does not answer."""

    async def silent(_stack: Stack, _nodes: object, _wait: float) -> dict[str, str]:
        return {"hel-a": "hel-a: no SSH session to 10.201.2.1: no answer."}

    monkeypatch.setattr(up, "_silent", silent)
    made = Stack(label="stack x", outputs={"runner": {}})
    made.__dict__["credentials"] = _Credentials()
    return made


def test_nothing_begins_while_a_node_does_not_answer(stack: Stack) -> None:
    """Without leave the node is named, with why it is missed and how to go on without it."""
    with pytest.raises(Problem) as caught:
        up.missing(stack, NODES, 0, 0)
    assert "hel-a" in caught.value.what
    assert "10.201.2.1" in caught.value.why
    assert "--tolerate 1" in caught.value.fix
    assert "offline: true" in caught.value.fix


def test_as_many_as_were_allowed_are_left_out(stack: Stack) -> None:
    """One is tolerated by one, and by more."""
    assert up.missing(stack, NODES, 1, 0) == ("hel-a",)
    assert up.missing(stack, NODES, 3, 0) == ("hel-a",)


def test_who_leaves_is_not_awaited() -> None:
    """A dead node that is taken out, retired or marked as down stops nobody.

    A new one is not there yet; a renamed one answers by its old name and goes by its new one.
    """
    raw = example.raw()
    nodes = raw["sites"]["hel"]["nodes"]
    nodes["hel-a"]["offline"] = True
    nodes["hel-z"] = {**nodes.pop("hel-b"), "was": "hel-b"}
    nodes["hel-new"] = {"id": 77}
    raw["sites"]["fsn"]["nodes"]["fsn-b"]["retire"] = True
    there = ("fsn-a", "fsn-b", "gone", "hel-a", "hel-b")
    declared = parse(raw)
    assert up.awaited(there, declared) == {"fsn-a": "fsn-a", "hel-b": "hel-z"}
    assert up.awaited(("fsn-a", "hel-z"), declared) == {"fsn-a": "fsn-a", "hel-z": "hel-z"}
