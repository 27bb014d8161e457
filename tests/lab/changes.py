"""Changes of the declaration that the flow is measured through, each as a user makes it."""

from __future__ import annotations

from pathlib import Path

from tests.lab.mesh import Declaration, Mesh

FRESH = "hel-c"
"""The node that comes, is rebuilt and goes; the four others ping each other meanwhile."""

PORT = 9100
"""A port that the monitoring plane may have open and that no role of this version opens."""

_ROLE = Path("backplane/roles/ssh.py")
_LISTENS = "    listens=("


def grow(mesh: Declaration) -> None:
    """Add a fifth node."""
    mesh["sites"]["hel"]["nodes"][FRESH] = {"id": 3}


def rebuild(mesh: Declaration) -> None:
    """Have the fifth node's machine built anew, under the same addresses and new keys."""
    node = mesh["sites"]["hel"]["nodes"][FRESH]
    node["incarnation"] = node.get("incarnation", 1) + 1


def shrink(mesh: Declaration) -> None:
    """Take the fifth node out again."""
    del mesh["sites"]["hel"]["nodes"][FRESH]


def raised(mesh: Declaration, slot: str, number: str) -> None:
    """Raise a plane's `keys` or `psk` by one: that plane draws fresh ones."""
    plane = mesh.setdefault("planes", {}).setdefault(slot, {})
    plane[number] = plane.get(number, 1) + 1


def open_port(mesh: Mesh, *, opened: bool) -> None:
    """Have every node open `PORT` on the monitoring plane, or no longer.

    What is open follows from roles, and no role that a declaration can choose opens a port yet: so
    the role that every node runs gets one more listener, in the mesh's copy of the program.
    """
    file = mesh.project / _ROLE
    plain = file.read_text().replace(f"{_LISTENS}{_listener()}", _LISTENS)
    file.write_text(plain.replace(_LISTENS, f"{_LISTENS}{_listener()}") if opened else plain)


def _listener() -> str:
    return f'(planes.MONITORING.slot, "tcp", {PORT}),'
