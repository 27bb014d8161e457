"""The routes role: each node of a routed mesh follows the gateways that carry remote sites now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backplane import planes
from backplane.links import ROUTES_PORT
from backplane.render import routes
from backplane.roles import units
from backplane.roles.base import Parts, Role

if TYPE_CHECKING:
    from backplane.plan import Plan, PlanNode

NAME = "routes"
_TOOL = "/usr/local/sbin/backplane-node"


def _parts(plan: Plan, node: PlanNode) -> Parts:
    unit = units.service(
        about="Backplane's ways to other sites",
        start=f"{_TOOL} routes",
        slots=[planes.MANAGEMENT.slot],
        sees_files=True,
        settings=[
            "StandardOutput=null",
            # What it has set stays while it starts anew; all of it goes when the role does.
            f"ExecStopPost=-{_TOOL} routes-end",
        ],
    )
    return Parts(
        files={routes.FILE: routes.document(plan, node)},
        units={"backplane-routes.service": unit},
    )


ROLE = Role(
    name=NAME,
    routed=True,
    implied="topology: routed",
    listens=((planes.MANAGEMENT.slot, "udp", ROUTES_PORT),),
    parts=_parts,
)
