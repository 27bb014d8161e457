"""What a machine was before it was taken over: remembered whole, so that it can be that again.

``before.json``: {"phase", "socket", "service", "settings": {name: value}, "files": {path: what}},
where ``what`` is null for a path that was not there, {"link": target}, or {"mode", "owner":
"uid:gid", "text": base64}.
It is written before anything is touched. `phase` is ``trying`` until the takeover is finished
(which it is from the moment that a generation is confirmed, whatever is still to be done), then
``kept``, and ``leaving`` from the moment that the machine is given back for good.

This is the first format, which does not say so: what has no "format" is of it. A reader passes over
fields that it does not know, and they are gone when it moves on; so what a machine needs in order
to be itself again comes with another format, whose number stands in "format".
"""

import base64
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from node import fixed, sysctl
from node.errors import Refused
from node.layout import LINKS, SSH_SOCKET, SSH_UNIT
from node.machine import Machine

SSHD = "/etc/ssh/sshd_config"
SSHD_PARTS = "/etc/ssh/sshd_config.d"
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"
PENALTIES = f"{SSHD_PARTS}/10-backplane-penalties.conf"
TRYING, KEPT, LEAVING = "trying", "kept", "leaving"
FORMAT = 1
_RUNS = {"active", "activating", "reloading"}
_FIX = "look at `systemctl status` on the machine; nothing has been changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """A machine as it was.

    Attributes:
        phase: How far it has come since.
        socket: Whether a socket of systemd's started its sshd (Ubuntu's way).
        service: Whether boot started sshd by itself.
        settings: Kernel settings that the takeover changes, as they were.
        files: Every file that the takeover writes, moves or removes, as it was.
    """

    phase: str
    socket: bool
    service: bool
    settings: Mapping[str, str]
    files: Mapping[str, Mapping[str, str] | None]

    @property
    def sshd(self) -> dict[str, Mapping[str, str] | None]:
        """The files of sshd among them."""
        return {path: was for path, was in self.files.items() if path.startswith("/etc/ssh/")}


def read(machine: Machine) -> Before | None:
    """What is remembered; None on a machine that was born by this program.

    Raises:
        Refused: It is of another format, or damaged; nothing may be changed on a guess.
    """
    try:
        told: Any = json.loads(machine.layout.before.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        told = None
    formed = told.get("format", FORMAT) if isinstance(told, dict) else None
    if isinstance(formed, int) and formed != FORMAT:
        raise Refused(
            f"what this machine was is remembered in the format {formed}; this tool knows {FORMAT}",
            "do the same from a checkout at least as new as the one that took the machine over",
        )
    fields = Before.__dataclass_fields__
    if formed is None or not fields.keys() <= told.keys():
        raise Refused(
            f"what this machine was cannot be read: {machine.layout.before} is damaged",
            "put that file back from a copy of the disk; without one install the machine anew",
        )
    return Before(**{name: told[name] for name in fields})


def remember(machine: Machine, settings: Path) -> None:
    """Remember the machine as it is now.

    Args:
        machine: The machine.
        settings: The kernel settings to come, as sysctl.d(5) has them.
    """
    parts = machine.layout.at(SSHD_PARTS)
    paths = {
        *fixed.FILES,
        *fixed.LATER,
        *(path for path, _ in LINKS),
        *(SSHD, PENALTIES),
        *(f"{SSHD_PARTS}/{one.name}" for one in parts.glob("*.conf") if parts.is_dir()),
    }
    made = Before(
        phase=TRYING,
        socket=by_socket(machine),
        service=_is(machine, SSH_UNIT, "UnitFileState", {"enabled"}),
        settings={
            name: sysctl.read(machine, name) for name, _ in sysctl.differences(machine, settings)
        },
        files={path: _as_it_is(machine.layout.at(path)) for path in sorted(paths)},
    )
    _write(machine, made)


def by_socket(machine: Machine) -> bool:
    """Whether a socket of systemd's starts sshd now."""
    return _is(machine, SSH_SOCKET, "ActiveState", _RUNS)


def move_on(machine: Machine, was: Before, phase: str) -> None:
    """Remember how far the machine has come; durable."""
    _write(machine, replace(was, phase=phase))


def put_back(machine: Machine, files: Mapping[str, Mapping[str, str] | None]) -> None:
    """Make files what they were, owner and all; what is so already is not touched."""
    for path, was in files.items():
        there = machine.layout.at(path)
        if _as_it_is(there) == was:
            continue
        if was is None:
            machine.disk.remove(there)
            machine.disk.sync_directory(there.parent)
            continue
        machine.disk.ensure_directory(there.parent, 0o755)
        if "link" in was:
            machine.disk.point(there, was["link"])
        else:
            machine.disk.replace(there, base64.b64decode(was["text"]), int(was["mode"], 8))
            os.chown(there, *map(int, was["owner"].split(":")))


def plain(files: Mapping[str, Mapping[str, str] | None]) -> dict[str, bytes]:
    """The content of those of some files that were neither links nor absent."""
    return {
        path: base64.b64decode(was["text"]) for path, was in files.items() if was and "text" in was
    }


def _as_it_is(path: Path) -> dict[str, str] | None:
    if path.is_symlink():
        return {"link": str(path.readlink())}
    if not path.is_file():
        return None
    state = path.stat()
    return {
        "mode": f"{stat.S_IMODE(state.st_mode):04o}",
        "owner": f"{state.st_uid}:{state.st_gid}",
        "text": base64.b64encode(path.read_bytes()).decode(),
    }


def _is(machine: Machine, unit: str, about: str, states: set[str]) -> bool:
    told = machine.commands.must(
        ["systemctl", "show", f"--property={about}", "--value", unit],
        why=f"{unit} cannot be looked at",
        fix=_FIX,
    )
    return told.strip() in states


def _write(machine: Machine, was: Before) -> None:
    told = {name: getattr(was, name) for name in was.__dataclass_fields__}
    machine.disk.ensure_directory(machine.layout.state, 0o755)
    machine.disk.replace(machine.layout.before, json.dumps(told).encode(), 0o600)
