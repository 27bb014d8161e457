"""Remote commands: how they connect, what they show, when they go."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from backplane.recipe import Recipe
from components.push import PER_DIAL
from runner import tool
from runner.order import ordered
from tests.components.recorder import ROOT, Recorder

REMOTE = "command:remote:Command"
LOCAL = "command:local:Command"


def commands(recorded: Recorder) -> list[Any]:
    """Every remote command."""
    return list(recorded.of(REMOTE).values())


def test_connections_are_pinned_and_patient(lab: Recorder) -> None:
    """Each command dials its node's plane address with a pinned key, without a limit of tries."""
    for one in commands(lab):
        connection = one.inputs["connection"]
        node = one.name.removesuffix("-enroll")
        site, number = {"fsn": 1, "hel": 2}[node[:3]], {"a": 1, "b": 2}[node[4]]
        assert connection["host"] == f"10.200.{site}.{number}"
        assert connection["hostKey"].startswith("ssh-ed25519 AAAA")
        assert connection["privateKey"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
        assert (connection["user"], connection["port"]) == ("root", 22)
        assert (connection["dialErrorLimit"], connection["perDialTimeout"]) == (-1, PER_DIAL)


def test_each_enrollment_pins_a_key_of_its_own(lab: Recorder) -> None:
    """The one-time host key is good for the first contact with one machine only."""
    keys = [one.inputs["connection"]["hostKey"] for one in commands(lab)]
    assert len(set(keys)) == len(keys) == 4
    lasting = {node["host_key"] for node in lab.outputs["nodes"].values()}
    assert not lasting & set(keys)


def test_nothing_is_logged_triggered_or_run_at_the_end(lab: Recorder) -> None:
    """No triggers, no update, no delete, no environment, no log: only create with stdin."""
    for one in commands(lab):
        assert sorted(one.inputs) == [
            "addPreviousOutputInEnv",
            "connection",
            "create",
            "logging",
            "stdin",
        ]
        assert one.inputs["logging"] == "none"
        assert one.inputs["addPreviousOutputInEnv"] is False


def test_content_is_secret_and_text_is_not(lab: Recorder) -> None:
    """Stdin and connection carry the secret mark; create does not, and holds no key or address."""
    public = {card["endpoint"] for card in lab.outputs["nodes"].values()}
    public |= {
        key for card in lab.outputs["nodes"].values() for key in card["public_keys"].values()
    }
    for one in commands(lab):
        assert one.secret == {"stdin", "connection"}
        assert not [word for word in public if word in one.inputs["create"]]
        assert len(one.inputs["create"].encode()) < 131_072


def test_the_rollout_tells_what_the_mesh_becomes(lab: Recorder) -> None:
    """Its text has planes, epochs and members, and addresses and openings of each node."""
    text = lab.of(LOCAL)["mesh-receipt"].inputs["create"]
    assert text.startswith("exec .venv/bin/python -m runner.receipt\n# lab: mesh, timer 120 s, ")
    assert "\n# management: 10.201.0.0/16 " in text
    assert "udp 51821, mtu 1420, keys 1, psk 1\n" in text
    assert "\n# members of monitoring: alice fsn-a fsn-b hel-a hel-b\n" in text
    (line,) = [one for one in text.splitlines() if one.startswith("# fsn-a ")]
    assert line.startswith(
        "# fsn-a 1.1, incarnation 1, own keys 1,1,1,1, console 1; enrollment 10.200.1.1 fd"
    )
    assert "; management 10.201.1.1 " in line
    assert " open tcp 22 ssh" in line


def test_commands_end_with_their_server(lab: Recorder) -> None:
    """A command is deleted with its server, replaced with it, and has ten minutes."""
    for one in commands(lab):
        node = one.name.rsplit("-", 1)[0]
        assert one.request.deletedWith.endswith(f"::{node}-server")
        assert [urn.split("::")[-1] for urn in one.request.replace_with] == [f"{node}-server"]
        assert one.request.customTimeouts.create == "10m"
        assert one.request.customTimeouts.update == "10m"


def test_enrollment_runs_at_birth_only(lab: Recorder) -> None:
    """Enrollments ignore whatever changes later."""
    for one in commands(lab):
        assert list(one.request.ignoreChanges) == ["create", "stdin", "connection"]


def test_rollout_waits_for_every_node(lab: Recorder, kept: Recorder) -> None:
    """One local command after all enrollments; who is away or going is left out by its driver."""
    one = lab.of(LOCAL)["mesh-command"]
    waited = {urn.split("::")[-1] for urn in one.request.dependencies}
    assert {"fsn-a-enroll", "fsn-b-enroll", "hel-a-enroll", "hel-b-enroll"} <= waited
    assert one.inputs["create"] == "exec .venv/bin/python -m runner.driver"
    assert one.inputs["logging"] == "stderr"
    assert one.secret == {"stdin"}
    told = kept.of(LOCAL)["mesh-command"].inputs["stdin"]
    order = ordered(Recipe.decode(told))
    assert [target.name for target in order.targets] == ["fsn-a", "hel-a"]
    assert order.offline == ("hel-b",)


def test_a_rollout_depends_on_its_receipt_and_its_machines(lab: Recorder) -> None:
    """Both read one recipe; the receipt, the machines and the epochs are in plain words."""
    receipt, rollout = (lab.of(LOCAL)[name] for name in ("mesh-receipt", "mesh-command"))
    assert receipt.secret == rollout.secret == {"stdin"}
    assert receipt.inputs["stdin"] == rollout.inputs["stdin"]
    assert receipt.inputs["logging"] == "none"
    told = rollout.inputs["environment"]
    assert set(told) == {"BACKPLANE_RECEIPT", "BACKPLANE_MACHINES", "BACKPLANE_EPOCHS"}
    assert told["BACKPLANE_RECEIPT"] == "of the mocks"
    assert json.loads(told["BACKPLANE_EPOCHS"])["hel-b"] == dict.fromkeys(
        ("enrollment", "management", "monitoring", "storage"), 1
    )
    assert {urn.split("::")[-1] for urn in receipt.request.dependencies}.isdisjoint(
        {"fsn-a-enroll", "fsn-a-server"}
    ), "a failed enrollment must leave outputs"


def test_the_same_recipe_under_another_program_is_another(lab: Recorder) -> None:
    """Other sources make other bundles: the recipe tells both versions."""
    recipe = Recipe.decode(lab.of(LOCAL)["mesh-command"].inputs["stdin"])
    assert recipe.program == f"{tool.version(tool.build())} {tool.program()}"


@pytest.mark.parametrize("path", sorted((ROOT / "components").rglob("*.py")), ids=str)
def test_only_one_module_makes_remote_commands(path: Path) -> None:
    """No other module of the components imports the remote half of pulumi-command."""
    imported = {
        alias.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "pulumi_command"
        for alias in node.names
    }
    assert ("remote" in imported) is (path.name == "push.py")
