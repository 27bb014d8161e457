"""Remote commands: how they connect, what they show, when they go."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from components.push import PER_DIAL
from tests.components.recorder import ROOT, Recorder

REMOTE = "command:remote:Command"


def commands(recorded: Recorder) -> list[Any]:
    """Every remote command."""
    return list(recorded.of(REMOTE).values())


def test_connections_are_pinned_and_patient(lab: Recorder) -> None:
    """Each command dials its node's plane address with a pinned key, without a limit of tries."""
    for one in commands(lab):
        connection = one.inputs["connection"]
        node, verb = one.name.rsplit("-", 1)
        site, number = {"fsn": 1, "hel": 2}[node[:3]], {"a": 1, "b": 2}[node[4]]
        plane = 200 if verb == "enroll" else 201
        assert connection["host"] == f"10.{plane}.{site}.{number}"
        assert connection["hostKey"].startswith("ssh-ed25519 AAAA")
        assert connection["privateKey"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
        assert (connection["user"], connection["port"]) == ("root", 22)
        assert (connection["dialErrorLimit"], connection["perDialTimeout"]) == (-1, PER_DIAL)


def test_enrollment_and_stage_pin_different_keys(lab: Recorder) -> None:
    """The one-time host key is good for the first contact only."""
    by_name = lab.of(REMOTE)
    keys = [one.inputs["connection"]["hostKey"] for one in by_name.values()]
    assert len(set(keys)) == len(keys) == 8


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


def test_stage_tells_what_it_does(lab: Recorder) -> None:
    """The plan data of a stage names peers, plane addresses, epochs and openings."""
    text = lab.of(REMOTE)["fsn-a-stage"].inputs["create"]
    assert text.startswith("/usr/local/sbin/backplane-node stage || ")
    assert "# management: 10.201.1.1 " in text
    assert "udp 51821, mtu 1420, keys 1, psk 1" in text
    assert "# peers on monitoring: alice fsn-b hel-a hel-b\n" in text
    assert "# open on management: tcp 22 for ssh\n" in text


def test_commands_end_with_their_server(lab: Recorder) -> None:
    """A command is deleted with its server, replaced with it, and has ten minutes."""
    for one in commands(lab):
        node = one.name.rsplit("-", 1)[0]
        assert one.request.deletedWith.endswith(f"::{node}-server")
        assert [urn.split("::")[-1] for urn in one.request.replace_with] == [f"{node}-server"]
        assert one.request.customTimeouts.create == "10m"
        assert one.request.customTimeouts.update == "10m"


def test_enrollment_runs_at_birth_only(lab: Recorder, kept: Recorder) -> None:
    """Enrollments ignore later inputs; so do stages of nodes that are away, and no others."""
    fixed = ["create", "stdin", "connection"]
    for recorded, away in ((lab, set[str]()), (kept, {"fsn-b-stage", "hel-b-stage"})):
        for one in commands(recorded):
            ignored = list(one.request.ignoreChanges)
            assert ignored == (fixed if one.name.endswith("enroll") or one.name in away else [])


def test_rollout_waits_for_every_stage(lab: Recorder, kept: Recorder) -> None:
    """One local command after all stages; who is away or going is left out."""
    one = lab.of("command:local:Command")["mesh-command"]
    waited = {urn.split("::")[-1] for urn in one.request.dependencies}
    assert {"fsn-a-stage", "fsn-b-stage", "hel-a-stage", "hel-b-stage"} <= waited
    assert one.inputs["create"].startswith("exec .venv/bin/python -m runner.rollout\n# lab: mesh")
    assert one.inputs["logging"] == "stderr"
    assert one.secret == {"stdin"}
    assert len(one.inputs["stdin"].splitlines()) == 5
    away = kept.of("command:local:Command")["mesh-command"].inputs["stdin"]
    assert '"fsn-a"' in away
    head, *targets = away.splitlines()
    assert '"offline": ["hel-b"]' in head
    assert not [line for line in targets if '"fsn-b"' in line or '"hel-b"' in line]


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
