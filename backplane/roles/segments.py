"""The segments role: a node's VXLAN interfaces, their bridges, and whom they flood to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from backplane.roles import units
from backplane.roles.base import Parts, Role
from backplane.segments import NAME as SECTION

if TYPE_CHECKING:
    from backplane.plan import Plan, PlanNode

NAME, FILE = SECTION, "segments.json"
UNIT = "backplane-segments.service"
_TOOL = "/usr/local/sbin/backplane-node"


def document(plan: Plan, node: PlanNode) -> str:
    """What the node tool needs: segments.json, as `node.segments` says."""
    told = [
        {
            "name": one.name,
            "id": one.id,
            "local": node.addresses[one.slot].v4,
            "mtu": one.mtu,
            "peers": [
                plan.node(name).addresses[one.slot].v4 for name in one.nodes if name != node.name
            ],
        }
        for one in plan.segments
        if node.name in one.nodes
    ]
    return json.dumps({"segments": told}, sort_keys=True) + "\n"


def _parts(plan: Plan, node: PlanNode) -> Parts:
    unit = units.service(
        about="Backplane's layer-2 segments: VXLAN interfaces and bridges",
        start=f"{_TOOL} segments",
        slots=sorted({one.slot for one in plan.segments if node.name in one.nodes}),
        once=True,
        settings=[
            "RemainAfterExit=yes",
            "StandardOutput=null",
            # What stays declared stays, with the guests on it.
            f"ExecStop={_TOOL} segments-end",
            "Restart=on-failure",
            "RestartSec=5",
        ],
    )
    return Parts(files={FILE: document(plan, node)}, units={UNIT: unit})


ROLE = Role(name=NAME, implied="segments:", parts=_parts)
