"""Kernel settings of a generation: read back, and only those written that differ."""

from pathlib import Path

from node.errors import Refused
from node.machine import Machine


def differences(machine: Machine, file: Path) -> list[tuple[str, str]]:
    """The settings of ``file`` (sysctl.d(5)) that the kernel has otherwise: name and value.

    A setting of IPv6 counts as met on a kernel without IPv6.

    Raises:
        Refused: The kernel knows no such setting.
    """
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals or name.startswith(("#", ";")):
            continue
        path = _path(machine, name)
        if path.exists():
            if path.read_text(encoding="ascii").split() != value.split():
                found.append((name, value))
        elif not name.startswith("net.ipv6."):
            raise Refused(
                f"the kernel of this machine has no setting {name}",
                "run `pulumi up` with a declaration that does without it",
            )
    return found


def read(machine: Machine, name: str) -> str:
    """What the kernel has."""
    return " ".join(_path(machine, name).read_text(encoding="ascii").split())


def write(machine: Machine, name: str, value: str) -> None:
    """Set one of them."""
    _path(machine, name).write_text(f"{value}\n", encoding="ascii")


def _path(machine: Machine, name: str) -> Path:
    return machine.layout.settings / name.replace(".", "/")
