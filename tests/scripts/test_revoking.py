"""`backplane operator revoke`: who refuses, who does not, and what is left to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner import members
from runner.credentials import Credentials
from runner.revocation import Revoked
from runner.ssh import private_key
from scripts import _revoking, _stack, _survey
from scripts._declared import StackFile
from scripts._problem import Problem
from tests.runner.fleet import FakeNode
from tests.scripts import fakes
from tests.scripts.test_edit import PROD
from tests.scripts.test_operator import run


def test_an_operator_who_was_never_deployed_goes_from_the_file_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No node is asked; who is nowhere is told of."""
    monkeypatch.setattr(_stack, "deployed", lambda _: None)
    assert run("add", "zoe", "-p", "management").exit_code == 0
    told = run("revoke", "zoe", "--json")
    assert told.exit_code == 0, told.output
    assert json.loads(told.output)["removed_from"] == "stacks/Pulumi.prod.yaml"
    assert file.read_text() == PROD
    assert isinstance(run("revoke", "zoe").exception, Problem)


def test_nodes_are_told_by_ssh_and_the_slowest_is_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entry nodes first; one that refuses the list, and one that is not there, are named."""
    monkeypatch.setattr(_survey, "AGAIN", 0.05)
    order: list[str] = []
    ids = {"n000": "0" * 12, "n001": "1" * 12, "n002": "2" * 12, "zoe": "f" * 12}
    nodes = {name: {"retire": False} for name in ids if name != "zoe"}
    outputs = {"plan": {"sites": {"fsn": {"entry": ["n001"]}}}, "nodes": nodes}

    def prepare(fleet: list[FakeNode]) -> None:
        key = private_key(fleet[0].fleet.order().push_key)
        for node in fleet:
            answers = {"peers": ids, "members": members.line(ids.values(), 1, key)}
            monkeypatch.setattr(node, "do_peers", lambda _, told=answers: told, raising=False)

            def hold(request: dict[str, Any], name: str = node.name) -> dict[str, Any]:
                order.append(name)
                assert f"-{ids['zoe']}" in request["members"]
                return {"held": ["zoe"]}

            monkeypatch.setattr(node, "do_hold", hold, raising=False)
        fleet[2].refuse = "hold"

    async def act(credentials: Credentials) -> Revoked:
        return await _revoking.carry_out(credentials, outputs, "zoe", 0.0, lambda _: None)

    done = fakes.among(3, prepare, act)
    assert sorted(done.held) == ["n000", "n001"]
    assert order == ["n001", "n000"]
    assert "disk full" in done.silent["n002"]


def test_an_entry_that_cannot_be_edited_hides_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shares its place with another: what the nodes did is told, and that it is still there."""
    monkeypatch.setattr(_stack, "deployed", lambda _: None)
    monkeypatch.setattr(StackFile, "remove", _unwritable)
    told = run("revoke", "alice", "--json")
    assert told.exit_code == 1
    said = json.loads(told.output)
    assert (said["ok"], said["removed_from"]) == (False, None)
    assert "by hand" in said["left"]
    assert any("still declared" in line for line in _revoking.lines(said))
    assert file.read_text() == PROD


def _unwritable(*_: object) -> None:
    raise Problem(where="x", what="it cannot be removed", why="shared", fix="take it out by hand")


def test_words_say_who_refuses_who_does_not_and_what_is_next() -> None:
    """Every node: well. One that was not reached: not well, and it is said when it learns."""
    well = _revoking.document("zoe", Revoked(held={"a": 0.2, "b": 0.71}), "f.yaml")
    assert (well["ok"], well["worst"]) == (True, 0.71)
    assert _revoking.lines(well)[0] == "zoe is refused by 2 nodes, by the last after 0.71 s"
    part = _revoking.document("zoe", Revoked(held={"a": 0.2}, silent={"b": "no answer"}), None)
    assert part["ok"] is False
    assert "  not b: no answer" in _revoking.lines(part)
    assert any("five minutes" in line for line in _revoking.lines(part))
    entry = _revoking.document("zoe", Revoked(silent={"b": "no answer"}), None, entries={"b"})
    assert any("b is an entry node" in line for line in _revoking.lines(entry))
    assert not any("entry" in line for line in _revoking.lines(part))
    nobody = _revoking.document("zoe", Revoked(), "f.yaml")
    assert _revoking.lines(nobody)[0] == "zoe is no node's peer"
