"""Everything that a lab keeps on this computer, found without its own books."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import suppress
from pathlib import Path

from lab.layout import Lab
from lab.network.namespace import listed


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
        "cgroups": [at for at, _, _ in os.walk("/sys/fs/cgroup") if at.endswith(f"/{lab.cgroup}")],
    }
    return {kind: found for kind, found in kinds.items() if found}
