"""The end: `pulumi destroy`, then the lab is switched off, and nothing of it is left."""

from __future__ import annotations

import json
import time
from pathlib import Path

from lab.control import switch
from tests.lab.leavings import leftovers
from tests.lab.mesh import Mesh


def _locks(runner: int) -> list[str]:
    """What the runner's tools keep in /run for one network namespace, by its number."""
    return [str(path) for path in Path("/run").glob(f"backplane-*-{runner}-*")]


def test_destroy_and_down_leave_nothing(mesh: Mesh) -> None:
    """No server after `destroy`; no process, mount, namespace, interface or file after `down`.

    While the lab is up the same look finds all of these kinds, so it is not blind.
    """
    lab = mesh.lab.lab
    runner = Path("/run/netns", str(lab.runner)).stat().st_ino
    while_up = leftovers(lab)
    assert {"processes", "mounts", "namespaces", "files", "loops", "cgroups"} <= set(while_up)
    destroy = mesh.must("destroy", "--yes", seconds=300)
    assert "deleted" in destroy.counts
    assert mesh.servers() == {}
    export = json.loads(mesh.run("pulumi", "stack", "export", "--stack", "lab").out)
    kept = export["deployment"].get("resources", [])
    assert [item["type"] for item in kept if not item["type"].startswith("pulumi:")] == []
    switch.down(lab)
    # A killed process is there until its parent has heard of it.
    end = time.monotonic() + 5
    while leftovers(lab) and time.monotonic() < end:
        time.sleep(0.1)
    assert leftovers(lab) == {}
    assert _locks(runner) == []
    switch.down(lab)
