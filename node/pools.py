"""ZFS pools of this machine: taken as they are, made where nothing is, never made over anything."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from node.errors import Refused
from node.machine import Machine
from node.request import Answer, Request

FILE = "roles/zfs/pools.json"
"""In a generation: {"pools": {name: {"device": path or null, "gigabytes": n}}, "sources":
[dataset], "copies": [dataset]}; copies are the datasets below which others are received."""

FOLDER = "/var/lib/backplane-pools"
_FIX = "look at `zpool status` and `lsblk -f` on the machine"
_NOTHING_FOUND = 2  # blkid(8): no signature
_PATIENCE, _STEP = 60.0, 0.5
_DEADLINE = 240.0
_GIGABYTE = 1_000_000_000
_ENDS = 4 << 20


def pools(machine: Machine, _: Request) -> Answer:
    """Import what is there, make what is not, and the datasets that replications need.

    Returns:
        ``imported``, ``made``: pools; ``datasets``: those that were made.

    Raises:
        Refused: A pool's place holds something else, or ZFS does not do it.
    """
    file = machine.layout.active / FILE
    told: dict[str, list[str]] = {"imported": [], "made": [], "datasets": []}
    if not file.exists():
        return told
    wanted: dict[str, Any] = json.loads(file.read_text(encoding="ascii"))
    present = _patiently(machine)
    for name, place in wanted["pools"].items():
        if name not in present:
            told["imported" if _imported(machine, name, place) else "made"].append(name)
    told["datasets"] = _datasets(machine, wanted)
    for kind, names in told.items():
        if names:
            machine.journal.say(f"ZFS, {kind}: {', '.join(names)}")
    return told


def _datasets(machine: Machine, wanted: Mapping[str, Any]) -> list[str]:
    """Make those that are missing, and see that no copy can be written but by what is received."""
    have = set(_zfs(machine, "list", "-H", "-o", "name", "-t", "filesystem,volume").split())
    absent = [one for one in (*wanted["sources"], *wanted["copies"]) if one not in have]
    for dataset in absent:
        _zfs(machine, "create", "-p", dataset)
    for dataset in wanted["copies"]:
        # What is below inherits it: a copy is never mounted and never written, so that it is always
        # what was received, and nothing must ever be rolled back for the next one.
        for setting in ("readonly=on", "mountpoint=none"):
            _zfs(machine, "set", setting, dataset)
    return absent


def _patiently(machine: Machine) -> set[str]:
    """The pools that are there, once ZFS answers: at boot its module or daemon comes late."""
    until = machine.clock.seconds() + _PATIENCE
    while True:
        machine.commands.run(["modprobe", "--quiet", "zfs"])
        done = machine.commands.run(["zpool", "list", "-H", "-o", "name"])
        if done.code == 0:
            return set(done.out.split())
        if machine.clock.seconds() > until:
            raise Refused(f"ZFS does not answer: {done.err.strip()[-300:]}", _FIX)
        machine.clock.sleep(_STEP)


def _imported(machine: Machine, name: str, place: Mapping[str, Any]) -> bool:
    """Import a pool, or make it where there is nothing; whether it was there."""
    device = place["device"]
    path = machine.layout.at(device or f"{FOLDER}/{name}")
    if device is None and not path.exists():
        _allocated(machine, path, place["gigabytes"] * _GIGABYTE)
        _made(machine, name, str(path))
        return False
    if not path.exists():
        raise Refused(f"pool {name}: there is no {path}", "attach the device, or correct its path")
    folder = "/dev" if device else FOLDER
    done = machine.commands.run(["zpool", "import", "-d", folder, name], timeout=_DEADLINE)
    if done.code == 0:
        return True
    found = machine.commands.run(["blkid", "--probe", str(path)])
    if "zfs" in found.out:
        said = done.err.strip()[-300:]
        raise Refused(
            f"pool {name}: {path} is a part of a pool that is not imported: {said}",
            "on the machine `zpool import` says what is there and how to take it",
        )
    if found.code != _NOTHING_FOUND or found.err.strip() or not _empty(path):
        what = found.out.strip()[-200:] or "something that cannot be read"
        raise Refused(
            f"pool {name}: {path} holds something else ({what}), and is left as it is",
            "name another device; only if nobody needs what is there, empty this one by hand",
        )
    _made(machine, name, str(path))
    return False


def _allocated(machine: Machine, path: Path, size: int) -> None:
    """Make a pool's file, whole or not at all."""
    machine.disk.ensure_directory(path.parent, 0o700)
    new = path.with_name(f"{path.name}.new")
    machine.disk.remove(new)
    try:
        _must(machine, ["fallocate", "--length", str(size), str(new)])
        new.rename(path)
    finally:
        machine.disk.remove(new)


def _empty(path: Path) -> bool:
    """Whether both ends of a device are zero: not all that is somebody's has a signature."""
    with path.open("rb") as device:
        begin = device.read(_ENDS)
        device.seek(max(0, device.seek(0, os.SEEK_END) - _ENDS))
        return not any(begin) and not any(device.read(_ENDS))


def _made(machine: Machine, name: str, path: str) -> None:
    _must(machine, ["zpool", "create", name, path])


def _zfs(machine: Machine, *words: str) -> str:
    return _must(machine, ["zfs", *words])


def _must(machine: Machine, argv: list[str]) -> str:
    return machine.commands.must(
        argv, why=f"`{' '.join(argv[:2])}` fails", fix=_FIX, timeout=_DEADLINE
    )
