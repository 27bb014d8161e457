"""Changes of the declaration that the flow is measured through, each as a user makes it."""

from __future__ import annotations

from tests.lab.mesh import Declaration

FRESH = "hel-c"
"""The node that comes, is rebuilt and goes; the four others ping each other meanwhile."""

PORT = 3306
"""A port that the storage plane may have open and that no role of the lab's mesh opens."""

SERVICE = "tables"
"""What a service of the user's own is called that has that port."""


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


def open_port(mesh: Declaration) -> None:
    """Have every node open `PORT` on the storage plane, for a service of the user's own."""
    mesh["services"] = {SERVICE: {"plane": "storage", "tcp": [PORT]}}
    for site in mesh["sites"].values():
        for node in site["nodes"].values():
            node["roles"] = [*node.get("roles", []), SERVICE]


def shut_port(mesh: Declaration) -> None:
    """Take that service away again."""
    mesh.pop("services", None)
    for site in mesh["sites"].values():
        for node in site["nodes"].values():
            node["roles"] = [role for role in node.get("roles", []) if role != SERVICE]
