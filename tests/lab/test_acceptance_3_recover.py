"""Pulumi is killed at its worst moments; `recover` and a plain `up` put all right."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.network.namespace import Namespace
from tests.lab.mesh import STACK, Declaration, Mesh

FRESH = "hel-c"


def _grow(mesh: Declaration) -> None:
    mesh["sites"]["hel"]["nodes"][FRESH] = {"id": 3}


def _shrink(mesh: Declaration) -> None:
    del mesh["sites"]["hel"]["nodes"][FRESH]


def _killed(mesh: Mesh, moment: Callable[[], bool]) -> None:
    """Start `pulumi up` and kill it, and it alone, at a moment."""
    log = mesh.folder / "killed.log"
    words = ("pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", STACK)
    with (
        log.open("w+") as said,
        subprocess.Popen(
            [*Namespace(mesh.lab.lab.runner).entry, *words],
            cwd=mesh.project,
            env={**os.environ, **mesh.lab.settings.environment(), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        ) as up,
    ):
        end = time.monotonic() + 120
        while not moment():
            assert up.poll() is None, log.read_text()
            assert time.monotonic() < end
            time.sleep(0.02)
        assert Path(f"/proc/{up.pid}/comm").read_text().strip() == "pulumi"
        up.send_signal(signal.SIGKILL)
    mesh.said[f"up killed {len(mesh.said)}"] = log.read_text()


def _rolling(mesh: Mesh) -> bool:
    """Whether a rollout of this project is at work."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if b"runner.driver" in words and (entry / "cwd").resolve() == mesh.project.resolve():
                return True
        except OSError:
            continue
    return False


def _recovered(mesh: Mesh) -> dict[str, Any]:
    done = mesh.backplane("recover", "--stack", STACK, "--yes", "--json")
    assert done.code == 0, done.out + done.err
    told: dict[str, Any] = json.loads(done.out)
    assert told["clean"] is True
    assert len(told["locks"]) == 1
    return told


def _whole(mesh: Mesh, nodes: int) -> None:
    """A plain `up` goes through, every node stands as declared, every pair answers."""
    up = mesh.must("up", "--yes", "--skip-preview")
    assert "pending operations" not in up.out
    assert len(mesh.servers()) == nodes
    standing = json.loads(mesh.backplane("status", "--stack", STACK, "--json").out)
    assert standing["ok"] is True, standing
    verdict = mesh.verify()
    assert verdict["ok"] is True, verdict
    assert verdict["pairs"]["ipv4"]["reached"] == 4 * nodes * (nodes - 1)


def test_killed_while_a_server_is_made(mesh: Mesh) -> None:
    """The server is in no state: it is deleted, made anew by a plain `up`, nobody else is touched.

    Before that a plain `up` refuses, and a look says what there is and changes nothing.
    """
    before = {name: server["id"] for name, server in mesh.servers().items()}
    mesh.declare(_grow)
    _killed(mesh, lambda: FRESH in mesh.servers())
    refused = mesh.pulumi("up", "--yes", "--skip-preview")
    assert refused.code != 0
    assert "locked" in refused.out + refused.err
    look = mesh.backplane("recover", "--stack", STACK, "--dry-run", "--json")
    assert look.code == 1
    cut = mesh.servers()[FRESH]["id"]
    told = _recovered(mesh)
    assert [one["name"] for one in told["strays"] if one["type"].endswith(":Server")] == [FRESH]
    assert f"creating {FRESH}-server" in told["pending"]
    assert FRESH not in mesh.servers()
    _whole(mesh, 5)
    after = {name: server["id"] for name, server in mesh.servers().items()}
    assert after.pop(FRESH) != cut
    assert after == before


def test_killed_in_the_middle_of_a_rollout(mesh: Mesh) -> None:
    """The rollout goes on alone and is waited for; a plain `up` does what is left.

    Without a fifth node again, the mesh is as it was.
    """
    mesh.declare(_shrink)
    _killed(mesh, lambda: _rolling(mesh))
    told = _recovered(mesh)
    assert "rollout" in {one["what"] for one in told["processes"]}
    assert not _rolling(mesh)
    _whole(mesh, 4)
