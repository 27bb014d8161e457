"""The routes role: each node of a routed mesh follows who owns the ways to other sites.

Gateways say it on the management plane, and nobody else is believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backplane import planes
from backplane.links import ROUTES_PORT
from backplane.render import routes
from backplane.roles import bgp, units
from backplane.roles.base import Parts, Role

if TYPE_CHECKING:
    from backplane.plan import Plan, PlanNode

NAME = "routes"
_SLOT = planes.MANAGEMENT.slot
_TOOL = "/usr/local/sbin/backplane-node"


def _parts(plan: Plan, node: PlanNode) -> Parts:
    unit = units.service(
        about="Backplane's ways to other sites: who owns them",
        start=f"{_TOOL} routes",
        slots=[_SLOT],
        # On a gateway: what FRR reads must be there when this begins, to be written to; and when
        # the machine goes down, BGP goes on until the sibling has everything. So do interfaces.
        behind=[bgp.unit("zebra"), bgp.unit("bgpd")] if node.links else [],
        # Nobody would take over while it is started anew.
        rereads=[routes.FILE],
        settings=[
            "StandardOutput=null",
            # Nothing it made goes with it, unless the mesh is routed no more.
            f"ExecStopPost={_TOOL} routes-end",
            "TimeoutStopSec=10",
            # The site waits for its beats: 0.9 s without one move every route.
            "CPUWeight=1000",
            "OOMScoreAdjust=-900",
            f"ReadWritePaths=/run/backplane /var/lib/backplane -{bgp.RUN}",
        ],
    )
    return Parts(
        files={routes.FILE: routes.document(plan, node)}, units={f"backplane-{NAME}.service": unit}
    )


ROLE = Role(
    name=NAME,
    routed=True,
    implied="topology: routed",
    listens=((_SLOT, "udp", ROUTES_PORT),),
    parts=_parts,
)
