"""The gateway role: what FRR is told on a gateway, loaded without a session's end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backplane import planes
from backplane.render.frr import Neighbour, Plane, Site, Speaker, Subnets, frr
from backplane.roles import bgp, units
from backplane.roles.base import Parts, Role

if TYPE_CHECKING:
    from backplane.plan import Plan, PlanNode

NAME, FILE, SHELL = "gateway", "frr.conf", "vtysh.conf"
_TOOL = "/usr/local/sbin/backplane-node"
OWNER, OTHER = 50, 100
"""Metrics (MED): other sites take the gateway that carries theirs while all is well."""


def speaker(plan: Plan, node: PlanNode) -> Speaker:
    """What a gateway's FRR has to know, from the plan's links."""
    return Speaker(
        site=node.site_id,
        router=node.addresses[planes.MANAGEMENT.slot].v4,
        planes=tuple(
            Plane(
                interface=plane.interface,
                own=node.addresses[plane.slot],
                near=_subnets(plan, plane.slot, node.site_id),
            )
            for plane in plan.planes
        ),
        sites=tuple(
            Site(
                number=site.id,
                metric=OWNER if plan.owner(node.site, site.name) == node.name else OTHER,
                subnets={
                    plane.interface: _subnets(plan, plane.slot, site.id) for plane in plan.planes
                },
            )
            for site in plan.remote(node.site)
        ),
        neighbours=tuple(
            Neighbour(
                interface=link.interface,
                site=link.site_id,
                peer=link.far.v4,
                hops={plane.interface: link.hops[plane.index] for plane in plan.planes},
                far={plane.interface: far.hops[plane.index] for plane in plan.planes},
            )
            for link in node.links
            if not link.between
            for far in plan.node(link.peer).links
            if far.peer == node.name
        ),
    )


def _subnets(plan: Plan, slot: str, site: int) -> Subnets:
    near = plan.near(slot, site)
    return Subnets(v4=near.v4, v6=near.v6)


def parts(told: Speaker) -> Parts:
    """What the role puts on a gateway."""
    loader = units.service(
        about="Backplane's configuration of FRR",
        start=f"{_TOOL} frr",
        slots=[one.slot for one in planes.PLANES],
        once=True,
        settings=[
            # It waits for the daemons itself.
            "RemainAfterExit=yes",
            "StandardOutput=null",
            "TimeoutStartSec=120",
            f"ReadWritePaths=-{bgp.RUN}",
            "Restart=on-failure",
            "RestartSec=5",
        ],
    )
    return Parts(
        files={FILE: frr(told), SHELL: "service integrated-vtysh-config\n"},
        units={"backplane-frr-config.service": loader},
        checks=(("vtysh", "-C", "--config_dir", "{}"),),
    )


def _parts(plan: Plan, node: PlanNode) -> Parts:
    return parts(speaker(plan, node))


ROLE = Role(name=NAME, routed=True, parts=_parts)
