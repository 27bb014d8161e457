"""The end of a soak: no secret in what was printed, and nothing of the lab is left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from lab.control import switch
from tests.lab.canary import search
from tests.lab.leavings import leftovers
from tests.lab.mesh import Mesh
from tests.soak.driver import Soak
from tests.soak.facts import machines

GONE = 10.0
"""Seconds in which a killed process must have left /proc."""


def users(mesh: Mesh) -> Iterator[str]:
    """Command lines of processes that work on the soak's backend: pulumi, plugins, rollouts."""
    mark = str(mesh.lab.settings.backend).encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes():
                words = (folder / "cmdline").read_bytes()
                yield words.replace(b"\0", b" ").decode(errors="replace")[:200]
        except OSError:
            continue


def ended(mesh: Mesh, soak: Soak) -> list[str]:
    """Destroy the mesh, switch the lab off, and say what is wrong then."""
    texts: dict[str, bytes | str] = dict(mesh.said)
    texts |= {log.name: log.read_bytes() for log in sorted(soak.folder.glob("*.log"))}
    for name, machine in machines(mesh).items():
        if machine.running:
            done = machine.run("journalctl", "--no-pager", "--all", "--output=export", seconds=120)
            texts[f"journal of {name}"] = done.stdout
    assert soak.canaries.keys
    wrong = search(soak.canaries, texts)
    report = mesh.stop_stranger()
    if report["received_total"] or not report["done"]:
        wrong.append(f"the stranger got {report['received_total']} packets")
    mesh.tunnel("down")  # also where it is down
    destroy = mesh.pulumi("destroy", "--yes", "--skip-preview")
    if destroy.code != 0 or mesh.servers():
        wrong.append(f"destroy: {destroy.diagnostics}, servers {sorted(mesh.servers())}")
    wrong += [f"a process is left: {line}" for line in users(mesh)]
    switch.down(mesh.lab.lab)
    until = time.monotonic() + GONE
    while leftovers(mesh.lab.lab) and time.monotonic() < until:
        time.sleep(0.1)
    wrong += [f"{kind} left: {found}" for kind, found in leftovers(mesh.lab.lab).items()]
    return wrong
