"""What a killed `pulumi up` on stack `lab` leaves on its runner: tunnel interfaces and a lock."""

from __future__ import annotations

import json
from pathlib import Path

from lab.layout import Lab
from lab.network.namespace import Namespace

TUNNELS = ("lab-wg0", "lab-wg1")
"""The runner's interfaces of stack `lab`; wireguard-go ends with its interface."""

_LOCKS = Path("/run")


def clear(lab: Lab, *, locks: Path = _LOCKS) -> None:
    """Take them away, for a lab whose runner is this computer or a namespace that still stands.

    Args:
        lab: Whose runner.
        locks: Where runners that are root keep their locks.
    """
    runner = Namespace(None if lab.hosted else lab.namespace("runner"))
    if not runner.exists:
        return
    there = {link["ifname"] for link in json.loads(runner.run("ip", "-json", "link"))}
    for name in TUNNELS:
        if name in there:
            runner.run("ip", "link", "delete", name)
    inode = (runner.path or Path("/proc/self/ns/net")).stat().st_ino
    for lock in locks.glob(f"backplane-*-{inode}-*.lock"):
        lock.unlink(missing_ok=True)
