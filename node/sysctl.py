"""Kernel settings of a generation: read back, and only those written that differ.

What a flip changes for the first time is remembered as it was, beyond reboots, and is so again with
the first generation that says nothing of it.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from node.errors import Refused
from node.machine import Machine

_FORWARD, _RESET = "net.ipv4.ip_forward", "net.ipv4.conf.all.accept_redirects"
"""Writing the first gives the second what the kernel thinks right for a host, or for a router."""

_ENGINES = {_FORWARD, "net.ipv6.conf.all.forwarding"}
"""Where no generation says it, a container engine does, and only when it starts."""

_SWAPPED = str.maketrans("./", "/.")


def declared(file: Path) -> Iterator[tuple[str, str]]:
    """The settings of ``file`` (sysctl.d(5)): name and value."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    for line in text.splitlines():
        name, equals, value = (part.strip() for part in line.partition("="))
        if equals and not name.startswith(("#", ";")):
            yield name, value


def differences(machine: Machine, file: Path) -> list[tuple[str, str]]:
    """The settings of ``file`` that the kernel has otherwise: name and value.

    A setting of IPv6 counts as met on a kernel without IPv6. They are in the order to write them.

    Raises:
        Refused: The kernel knows no such setting.
    """
    found: list[tuple[str, str]] = []
    for name, value in declared(file):
        path = _path(machine, name)
        if path.exists():
            if path.read_text(encoding="ascii").split() != value.split():
                found.append((name, value))
        elif not name.startswith("net.ipv6."):
            raise Refused(
                f"the kernel of this machine has no setting {name}",
                "run `pulumi up` with a declaration that does without it",
            )
    forward = [one for one in found if one[0] == _FORWARD]
    if not forward:
        return found
    reset = [one for one in declared(file) if one[0] == _RESET]
    return [*forward, *(one for one in found if one not in (*forward, *reset)), *reset]


def left(machine: Machine, names: Iterable[str]) -> list[tuple[str, bool]]:
    """What flips have changed and no one wants any more: its name, and whether it is still so.

    Args:
        machine: The machine.
        names: The settings that the generation to be live says something of.
    """
    wanted = set(names)
    return [
        (name, _path(machine, name).exists() and read(machine, name) != value)
        for name, value in _before(machine).items()
        if name not in wanted
    ]


def read(machine: Machine, name: str) -> str:
    """What the kernel has."""
    return " ".join(_path(machine, name).read_text(encoding="ascii").split())


def write(machine: Machine, name: str, value: str) -> None:
    """Set one of them."""
    _path(machine, name).write_text(f"{value}\n", encoding="ascii")


def bring(machine: Machine, name: str, value: str) -> None:
    """Set one for a generation; what it was the first time is kept."""
    before = _before(machine)
    if name not in before and name not in _ENGINES:
        _keep(machine, {**before, name: read(machine, name)})
    write(machine, name, value)


def give_back(machine: Machine, name: str) -> None:
    """Make one what it was before a generation brought it."""
    before = _before(machine)
    # Its interface may be gone.
    if name in before and _path(machine, name).exists():
        write(machine, name, before[name])
    _keep(machine, {one: value for one, value in before.items() if one != name})


def name_of(*parts: str) -> str:
    """A setting's name; the dot of a VLAN's interface is a slash in it (sysctl.d(5))."""
    return "/".join(parts).translate(_SWAPPED)


def parts_of(name: str) -> list[str]:
    """The parts of a setting's name."""
    return name.translate(_SWAPPED).split("/")


def _before(machine: Machine) -> dict[str, str]:
    with contextlib.suppress(FileNotFoundError, ValueError):
        told = json.loads(_file(machine).read_bytes())
        return {str(name): str(value) for name, value in told.items()}
    return {}


def _keep(machine: Machine, before: dict[str, str]) -> None:
    machine.disk.replace(_file(machine), json.dumps(before, sort_keys=True).encode(), 0o600)


def _file(machine: Machine) -> Path:
    return machine.layout.state / "settings.json"


def _path(machine: Machine, name: str) -> Path:
    return machine.layout.settings.joinpath(*parts_of(name))
