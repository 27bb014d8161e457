"""The traffic role: management goes before monitoring, and both before storage, out of each node.

The classes are of the physical interface (HTB), told apart by WireGuard's own ports outside. Each
may take the whole line while nobody else wants it; where they meet, the first goes first, and each
keeps its share, so that none starves.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from backplane import planes
from backplane.roles import units
from backplane.roles.base import Parts, Role

if TYPE_CHECKING:
    from backplane.plan import Plan, PlanNode

NAME, FILE = "traffic", "classes.json"
UNLIMITED = 40_000
"""Mbit/s that are taken for the line's where none are declared: more than any cloud server has."""

HEADROOM = 0.95
"""What of a declared line is sent at most: what waits must wait here, where there are classes."""

_TOOL = "/usr/local/sbin/backplane-node"
_CLASSES = (
    (50, (planes.ENROLLMENT, planes.MANAGEMENT)),
    (20, (planes.MONITORING,)),
    (20, ()),
    (10, (planes.STORAGE,)),
)
"""Share of the line in percent and planes; the first class goes first, the third has all else."""


def classes(plan: Plan, node: PlanNode) -> str:
    """What the node tool needs: classes.json, as `node.traffic` says."""
    used = {one.slot for one in plan.planes}
    document = {
        "kbit": round(node.uplink * HEADROOM * 1000) if node.uplink else UNLIMITED * 1000,
        "classes": [
            [share, [plane.port for plane in of if plane.slot in used]] for share, of in _CLASSES
        ],
    }
    return json.dumps(document, sort_keys=True) + "\n"


def _parts(plan: Plan, node: PlanNode) -> Parts:
    if not plan.traffic:
        return Parts()
    unit = units.service(
        about="Backplane's traffic classes: management before monitoring before storage",
        start=f"{_TOOL} shape",
        # The physical interface is up when the first tunnel is.
        slots=[planes.ENROLLMENT.slot],
        once=True,
        settings=[
            "RemainAfterExit=yes",
            "StandardOutput=null",
            f"ExecStop={_TOOL} unshape",
            # The way outside may come late.
            "Restart=on-failure",
            "RestartSec=5",
        ],
    )
    return Parts(files={FILE: classes(plan, node)}, units={"backplane-traffic.service": unit})


ROLE = Role(name=NAME, everywhere=True, parts=_parts)
