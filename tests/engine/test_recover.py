"""`recover` on what a killed pulumi leaves: its lock, its cut operations, objects in no state."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hcloud.images import Image
from hcloud.locations import Location
from hcloud.server_types import ServerType

from tests.api_server import ApiServer
from tests.pulumi_project import Done, PulumiProject

MINE, THEIRS = {"backplane-stack": "test"}, {"backplane-stack": "other"}
URN = "urn:pulumi:test::throwaway::hcloud:index/server:Server::fsn-a-server"


@pytest.fixture
def stack(engine: PulumiProject, api: ApiServer) -> PulumiProject:
    """One firewall in the state and at the cloud."""
    engine.env.update(api.environment())
    engine.program(
        """
        import pulumi_hcloud
        pulumi_hcloud.Firewall("fsn-firewall", name="fsn", labels={"backplane-stack": "test"})
        """
    )
    engine.up()
    return engine


def recover(stack: PulumiProject, *words: str) -> Done:
    """Run the verb where the project is, without a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts.cli", "recover", "--stack", "test", *words],
        cwd=stack.directory,
        env=stack.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return Done(code=done.returncode, stdout=done.stdout, stderr=done.stderr)


def dead() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


def lock(stack: PulumiProject, pid: int, host: str) -> Path:
    """A lock as pulumi writes it."""
    folder = stack.directory.parent / "state/.pulumi/locks/organization/throwaway/test"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "5f0c1b0e-0000-4000-8000-000000000000.json"
    since = "2026-03-01T12:00:00Z"
    path.write_text(
        json.dumps({"pid": pid, "username": "root", "hostname": host, "timestamp": since})
    )
    return path


def cut(stack: PulumiProject) -> None:
    """Write into the state that the creation of server fsn-a was cut.

    Into its file: `pulumi stack import` drops what was cut.
    """
    path = stack.directory.parent / "state/.pulumi/stacks/throwaway/test.json"
    checkpoint = json.loads(path.read_text())
    latest = checkpoint["checkpoint"]["latest"]
    resource = {
        "urn": URN,
        "custom": True,
        "type": "hcloud:index/server:Server",
        "inputs": {"name": "fsn-a"},
        "parent": next(
            one["urn"] for one in latest["resources"] if one["type"] == "pulumi:pulumi:Stack"
        ),
    }
    latest["pending_operations"] = [{"resource": resource, "type": "creating"}]
    path.write_text(json.dumps(checkpoint))
    assert pending(stack) == 1


def pending(stack: PulumiProject) -> int:
    """How many operations of the state are cut."""
    exported = json.loads(stack.run("stack", "export", "--stack", "test").stdout)
    return len(exported["deployment"].get("pending_operations") or [])


def order(api: ApiServer, name: str, labels: dict[str, str]) -> None:
    """Order a server without a program."""
    client = api.client()
    answer = client.servers.create(
        name=name,
        server_type=ServerType(name="cx23"),
        image=Image(name="debian-12"),
        location=Location(name="fsn1"),
        labels=labels,
    )
    answer.action.wait_until_finished()


def names(api: ApiServer) -> dict[str, list[str]]:
    """What the cloud holds, by kind."""
    client = api.client()
    found: dict[str, Any] = {"servers": client.servers, "firewalls": client.firewalls}
    return {kind: sorted(str(one.name) for one in all_.get_all()) for kind, all_ in found.items()}


def test_after_it_a_plain_up_goes_on(stack: PulumiProject, api: ApiServer) -> None:
    """Lock and cut creation go, and the server that was being made; nothing else does.

    A look changes nothing. What is in the state stays, and so does another stack's server.
    """
    cut(stack)
    order(api, "fsn-a", MINE)
    order(api, "theirs", THEIRS)
    path = lock(stack, dead(), socket.gethostname())
    assert "locked" in stack.up(check=False).text
    look = recover(stack, "--dry-run")
    assert look.code == 1, look.text
    assert "server fsn-a" in look.stdout
    assert "was cut while creating fsn-a-server" in look.stdout
    assert path.exists()
    assert names(api)["servers"] == ["fsn-a", "theirs"]
    assert recover(stack).code == 1  # nobody is there to be asked
    assert names(api)["servers"] == ["fsn-a", "theirs"]
    done = recover(stack, "--yes", "--json")
    assert done.code == 0, done.text
    told = json.loads(done.stdout)
    assert told["clean"] is True
    assert [(one["name"], one["deleted"]) for one in told["strays"]] == [("fsn-a", True)]
    assert not path.exists()
    assert names(api) == {"servers": ["theirs"], "firewalls": ["fsn"]}
    assert pending(stack) == 0
    assert "pending" not in stack.up().text
    again = recover(stack, "--yes")
    assert again.code == 0
    assert "clean" in again.stdout


def test_what_nothing_explains_is_left_to_a_person(stack: PulumiProject, api: ApiServer) -> None:
    """A labelled server that no cut creation explains: `--yes` leaves and names it.

    `--force` is the word for it. While it is there, the state keeps what explains the other.
    """
    order(api, "fsn-a", MINE)
    left = recover(stack, "--yes")
    assert left.code == 1
    assert "no cut creation explains it" in left.stdout
    assert names(api)["servers"] == ["fsn-a"]
    assert recover(stack, "--force").code == 0
    assert names(api) == {"servers": [], "firewalls": ["fsn"]}


@pytest.mark.parametrize("host", ["", "elsewhere"])
def test_a_lock_that_may_live_is_not_cleared(
    stack: PulumiProject, api: ApiServer, host: str
) -> None:
    """A pulumi that runs here, or any on another machine: nothing is touched without `--force`."""
    order(api, "fsn-a", MINE)
    with subprocess.Popen(["pulumi", "60"], executable="/bin/sleep") as living:
        try:
            path = lock(stack, living.pid, host or socket.gethostname())
            left = recover(stack, "--yes")
            assert left.code == 1
            assert "say --force" in left.stdout
            assert path.exists()
            assert names(api)["servers"] == ["fsn-a"]
            assert recover(stack, "--force").code == 0
            assert not path.exists()
        finally:
            living.kill()


def test_without_a_token_it_says_so(stack: PulumiProject) -> None:
    """No token for the cloud: one clear error, and the fix."""
    stack.env.pop("HCLOUD_TOKEN")
    done = recover(stack, "--yes")
    assert done.code == 1
    assert "there is no API token" in done.stderr
    assert "HCLOUD_TOKEN" in done.stderr


def test_it_waits_for_what_outlived_its_pulumi(stack: PulumiProject) -> None:
    """A plugin of this project without a pulumi is waited for, named when it stays.

    One of another project, and one whose pulumi lives, is none of its business.
    """
    plugin = stack.directory / "pulumi-resource-slow"
    plugin.symlink_to("/bin/sleep")
    with (
        subprocess.Popen([plugin, "4"], cwd=stack.directory) as slow,
        subprocess.Popen([plugin, "60"], cwd=stack.directory.parent) as other,
    ):
        try:
            left = recover(stack, "--yes", "--wait", "0")
            assert left.code == 1
            assert f"left: pulumi-resource-slow {slow.pid} still runs" in left.stdout
            assert str(other.pid) not in left.stdout
            done = recover(stack, "--yes")
            assert done.code == 0, done.text
            assert os.waitid(os.P_PID, slow.pid, os.WEXITED | os.WNOHANG) is not None
        finally:
            other.kill()
