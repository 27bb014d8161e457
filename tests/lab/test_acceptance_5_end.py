"""The end: `pulumi destroy`, then the lab is switched off, and nothing of it is left."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from lab.control import switch
from lab.layout import Lab
from lab.network.namespace import listed
from tests.lab.mesh import Mesh


def _processes(lab: Lab) -> set[str]:
    """Processes that belong to the lab: in its control group, or with its name or folders."""
    found: set[str] = set()
    marks = (str(lab.state), str(lab.run), f"--lab\0{lab.name}\0", lab.namespace(""))
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().decode(errors="replace")
            group = (folder / "cgroup").read_text()
        except OSError:
            continue
        if f"/{lab.cgroup}" in group or any(mark in line for mark in marks):
            found.add(line.replace("\0", " "))
    return found


def _mounts(lab: Lab) -> set[str]:
    """Mounts of the lab's folders in any process's view: machines have views of their own."""
    found: set[str] = set()
    for view in Path("/proc").glob("[0-9]*/mounts"):
        with suppress(OSError):
            found |= {line for line in view.read_text().splitlines() if str(lab.state) in line}
    return found


def _locks(runner: int) -> list[str]:
    """What the runner's tools keep in /run for one network namespace, by its number."""
    return [str(path) for path in Path("/run").glob(f"backplane-*-{runner}-*")]


def leftovers(lab: Lab) -> dict[str, list[str]]:
    """Everything of a lab on this computer, by kind."""
    links = json.loads(
        subprocess.run(["ip", "-json", "link"], capture_output=True, text=True, check=True).stdout
    )
    loops = subprocess.run(
        ["losetup", "--list", "--noheadings", "--output", "BACK-FILE"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    kinds = {
        "processes": sorted(_processes(lab)),
        "mounts": sorted(_mounts(lab)),
        "namespaces": [name for name in listed() if lab.owns(name)],
        "interfaces": [link["ifname"] for link in links if lab.name in link["ifname"]],
        "files": [str(path) for path in (lab.state, lab.run) if path.exists()],
        "loops": [line for line in loops.splitlines() if str(lab.state) in line],
        "cgroups": [str(path) for path in Path("/sys/fs/cgroup").rglob(lab.cgroup)],
    }
    return {kind: found for kind, found in kinds.items() if found}


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
