"""What the engine would do when a node is renamed or rebuilt, from a whole mesh on paper."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api_server import ApiServer
from tests.engine.paper import HANDS_OFF, declare
from tests.pulumi_project import PulumiProject

SERVER = "backplane:index:Node$hcloud:index/server:Server"


@pytest.fixture
def standing(project: PulumiProject, mesh: dict[str, Any]) -> PulumiProject:
    """The lab's mesh, protected, in the state and in the cloud on paper; no node was touched."""
    project.program(HANDS_OFF)
    mesh["protect"] = True
    declare(project, mesh)
    project.up()
    assert project.steps() == {}
    return project


def _steps(project: PulumiProject) -> dict[str, str]:
    return {name: op for name, op in project.steps().items() if op not in {"read", "refresh"}}


def test_a_renamed_node_keeps_everything(
    standing: PulumiProject, mesh: dict[str, Any], api: ApiServer
) -> None:
    """A rename updates in place and neither deletes nor replaces: the server keeps its id.

    Without `was` the old node would be deleted, which its protection refuses.
    """
    nodes = mesh["sites"]["hel"]["nodes"]
    nodes["hel-z"] = nodes.pop("hel-b")
    declare(standing, mesh)
    refused = standing.run("preview", "--stack", "test", check=False)
    assert "hel-b-server" in refused.text.partition("cannot be deleted")[0]
    assert refused.code != 0
    nodes["hel-z"]["was"] = "hel-b"
    declare(standing, mesh)
    steps = _steps(standing)
    assert set(steps.values()) == {"update"}, steps
    assert {name for name in steps if name.startswith("hel-z")} == {
        *("hel-z-server", "hel-z-ipv4", "hel-z-ipv6")
    }
    before = {server.name: server.id for server in api.client().servers.get_all()}
    standing.up()
    after = {server.name: server.id for server in api.client().servers.get_all()}
    assert after == {("hel-z" if name == "hel-b" else name): n for name, n in before.items()}
    del nodes["hel-z"]["was"]
    declare(standing, mesh)
    assert set(_steps(standing).values()) <= {"update"}


def test_a_protected_machine_is_rebuilt_after_one_word(
    standing: PulumiProject, mesh: dict[str, Any]
) -> None:
    """A raised incarnation is refused while the server is protected, and goes once it is not.

    Only the machine and what is done to it are replaced: addresses and seed stay.
    """
    mesh["sites"]["hel"]["nodes"]["hel-b"]["incarnation"] = 2
    declare(standing, mesh)
    refused = standing.run("preview", "--stack", "test", check=False)
    assert refused.code != 0
    assert "currently marked for protection" in refused.text
    urn = f"urn:pulumi:test::throwaway::{SERVER}::hel-b-server"
    standing.run("state", "unprotect", urn, "--yes", "--stack", "test")
    steps = _steps(standing)
    replaced = {name for name, op in steps.items() if "replace" in op or "delete" in op}
    assert replaced == {"hel-b-server", "hel-b-enroll"}, steps
    assert "hel-b-ipv4" not in steps
    assert "hel-b-seed" not in steps


def test_both_ways_in_never_change_at_once(standing: PulumiProject, mesh: dict[str, Any]) -> None:
    """Refused before the first resource, with both numbers; one way alone goes, then the other.

    A refused `up` leaves the salts as they were: taking one number back is all that is needed.
    """
    export = standing.run("stack", "export", "--stack", "test").text
    planes = mesh.setdefault("planes", {})
    planes["enrollment"], planes["management"] = {"keys": 2}, {"psk": 2}
    declare(standing, mesh)
    refused = standing.run("up", "--yes", "--skip-preview", "--stack", "test", check=False)
    assert refused.code != 0
    assert "both ways in would change at once" in refused.text
    assert "enrollment: keys 1 -> 2; management: psk 1 -> 2" in refused.text
    assert _salts(standing.run("stack", "export", "--stack", "test").text) == _salts(export)
    del planes["management"]
    mesh["sites"]["hel"]["nodes"]["hel-b"]["epochs"] = {"management": 2}
    declare(standing, mesh)
    refused = standing.run("up", "--yes", "--skip-preview", "--stack", "test", check=False)
    assert "enrollment: keys 1 -> 2; management: own epoch 1 -> 2 (hel-b)" in refused.text
    del mesh["sites"]["hel"]["nodes"]["hel-b"]["epochs"]
    declare(standing, mesh)
    standing.up()
    planes["management"] = {"psk": 2}
    declare(standing, mesh)
    standing.up()
    assert standing.steps() == {}


def _salts(export: str) -> dict[str, object]:
    """When each of the stack's random values was made, by URN."""
    found = json.loads(export[export.index("{") :])["deployment"]["resources"]
    return {one["urn"]: one.get("created") for one in found if "Random" in one["type"]}
