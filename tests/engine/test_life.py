"""What the engine would do when a node is renamed or rebuilt, from a whole mesh on paper."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api_server import ApiServer
from tests.engine.paper import FAILS, HANDS_OFF, ROOT, declare
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


def test_a_rebuild_goes_through(
    project: PulumiProject, mesh: dict[str, Any], api: ApiServer
) -> None:
    """Of the very first node too, whose server the program asks for before any command.

    The others keep their machines, and every machine its addresses.
    """
    project.program(HANDS_OFF)
    declare(project, mesh)
    project.up()
    before = {server.name: server.id for server in api.client().servers.get_all()}
    endpoints = {name: node["endpoint"] for name, node in project.outputs()["nodes"].items()}
    mesh["sites"]["fsn"]["nodes"]["fsn-a"]["incarnation"] = 2
    declare(project, mesh)
    project.up()
    assert project.steps() == {}
    after = {server.name: server.id for server in api.client().servers.get_all()}
    assert {name for name in after if after[name] != before[name]} == {"fsn-a"}
    told = project.outputs()["nodes"].items()
    assert {name: node["endpoint"] for name, node in told} == endpoints


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


def test_a_way_in_that_a_failed_run_drew_anew_is_not_forgotten(
    standing: PulumiProject, mesh: dict[str, Any]
) -> None:
    """Enrollment's rotation fails, then another one tries management's: refused, whatever follows.

    Taken back, enrollment is drawn once more, under the number that nodes know and with keys that
    they do not: still refused, until a rollout has come through.
    """
    planes = mesh.setdefault("planes", {})
    for enrollment in (2, 1):
        planes.clear()
        planes["enrollment"] = {"keys": enrollment}
        declare(standing, mesh)
        _failing(standing)
        planes["management"] = {"keys": 2}
        declare(standing, mesh)
        refused = standing.run("up", "--yes", "--skip-preview", "--stack", "test", check=False)
        assert refused.code != 0
        assert "both ways in would change at once" in refused.text
        assert "enrollment: keys drawn anew by a run that failed" in refused.text
    del planes["management"]
    declare(standing, mesh)
    standing.up()
    planes["management"] = {"keys": 2}
    declare(standing, mesh)
    standing.up()
    assert standing.steps() == {}


def test_a_change_that_failed_and_is_taken_back_is_rolled_out(
    standing: PulumiProject, mesh: dict[str, Any]
) -> None:
    """Nobody knows what a failed rollout left behind: the same declaration as before runs one.

    Meanwhile the outputs tell what was declared, for those who look what is wrong.
    """
    before = standing.outputs()["nodes"]
    mesh["operators"]["carol"] = {"id": 9, "planes": ["management"]}
    declare(standing, mesh)
    _failing(standing)
    tried = standing.outputs()["nodes"]
    assert all(tried[name]["generation"] != before[name]["generation"] for name in before)
    assert standing.steps() == {"mesh-command": "update"}
    standing.run("state", "unprotect", "--all", "--yes", "--stack", "test")
    del mesh["operators"]["carol"]
    declare(standing, mesh)
    assert _steps(standing) == {
        "mesh-receipt": "update",
        "mesh-command": "update",
        "carol": "delete",
        "carol-seed": "delete",
    }
    standing.up()
    assert standing.outputs()["nodes"] == before
    assert standing.steps() == {}


def test_another_rollout_is_tried_until_one_comes_through(standing: PulumiProject) -> None:
    """`--replace` of the receipt, which drift tells to run: one that fails is tried again."""
    urn = "urn:pulumi:test::throwaway::backplane:index:Rollout$command:local:Command::mesh-receipt"
    _failing(standing, "--replace", urn)
    assert standing.steps() == {"mesh-command": "update"}
    standing.up()
    assert standing.steps() == {}


def test_a_first_run_that_fails_leaves_outputs(
    project: PulumiProject, mesh: dict[str, Any]
) -> None:
    """`status`, `doctor` and the others need them just then."""
    project.program(HANDS_OFF)
    declare(project, mesh)
    _failing(project)
    told = project.outputs()
    assert {"nodes", "runner", "plan"} <= set(told)
    assert len({node["generation"] for node in told["nodes"].values()}) == 4


def test_a_target_leaves_the_others_as_they_are(
    standing: PulumiProject, mesh: dict[str, Any]
) -> None:
    """A node that no receipt tells of has no generation yet; the others have those they had."""
    before = standing.outputs()["nodes"]
    mesh["sites"]["hel"]["nodes"]["hel-c"] = {"id": 3}
    declare(standing, mesh)
    of = ("hel-c", "hel-c-seed", "hel-c-ipv4", "hel-c-ipv6")
    standing.up(*(word for name in of for word in ("--target", f"**::{name}")))
    told = standing.outputs()["nodes"]
    assert told.pop("hel-c")["generation"] == "0" * 16
    assert told == before


def test_a_rollout_alone_is_refused_for_another_declaration(
    standing: PulumiProject, mesh: dict[str, Any]
) -> None:
    """With `--target` of the rollout its receipt is the old one."""
    # Here the real driver is wanted; it refuses before it would reach for any node.
    standing.program(HANDS_OFF.replace("components.rollout.DRIVER = ", "_ = "))
    (standing.directory / ".venv").symlink_to(ROOT / ".venv")
    standing.env["PYTHONPATH"] = str(ROOT)
    mesh["operators"]["carol"] = {"id": 9, "planes": ["management"]}
    declare(standing, mesh)
    targets = ("**::mesh-command", "**::carol", "**::carol-seed")
    words = [word for target in targets for word in ("--target", target)]
    done = standing.up(*words, check=False)
    assert done.code != 0
    assert "its receipt is for another declaration" in done.text


def _failing(project: PulumiProject, *words: str) -> None:
    """An `up` whose rollout fails."""
    project.env[FAILS] = "1"
    done = project.up(*words, check=False)
    del project.env[FAILS]
    assert done.code != 0
    assert "exit status 1" in done.text


def _salts(export: str) -> dict[str, object]:
    """When each of the stack's random values was made, by URN."""
    found = json.loads(export[export.index("{") :])["deployment"]["resources"]
    return {one["urn"]: one.get("created") for one in found if "Random" in one["type"]}
