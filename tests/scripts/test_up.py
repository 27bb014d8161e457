"""`backplane up`: who does not answer is named, and left out only as far as was allowed."""

from __future__ import annotations

import pytest

from scripts import up
from scripts._problem import Problem
from scripts._stack import Stack


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

    async def silent(_stack: Stack, _wait: float) -> dict[str, str]:
        return {"hel-a": "hel-a: no SSH session to 10.201.2.1: no answer."}

    monkeypatch.setattr(up, "_silent", silent)
    made = Stack(label="stack x", outputs={"runner": {}})
    made.__dict__["credentials"] = _Credentials()
    return made


def test_nothing_begins_while_a_node_does_not_answer(stack: Stack) -> None:
    """Without leave the node is named, with why it is missed and how to go on without it."""
    with pytest.raises(Problem) as caught:
        up.missing(stack, 0, 0)
    assert "hel-a" in caught.value.what
    assert "10.201.2.1" in caught.value.why
    assert "--tolerate 1" in caught.value.fix
    assert "offline: true" in caught.value.fix


def test_as_many_as_were_allowed_are_left_out(stack: Stack) -> None:
    """One is tolerated by one, and by more."""
    assert up.missing(stack, 1, 0) == ("hel-a",)
    assert up.missing(stack, 3, 0) == ("hel-a",)
