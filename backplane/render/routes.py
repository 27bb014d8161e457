"""What a node of a routed mesh must know of the ways to other sites: routes.json."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from backplane import planes
from backplane.links import ROUTES_PORT

if TYPE_CHECKING:
    from backplane.addressing import Address
    from backplane.members import PlanSite
    from backplane.plan import Plan, PlanNode

FILE = "routes.json"

Json = dict[str, Any]


def document(plan: Plan, node: PlanNode) -> str:
    """The file as the node tool reads it (`node.routing`).

    Args:
        plan: the mesh, which is routed.
        node: whose.
    """
    own = plan.gateways(node.site)
    way = planes.MANAGEMENT.slot
    mates = [one for one in plan.nodes if one.site == node.site and not one.retire]
    between = next((link for link in node.links if link.between), None)
    remote = plan.remote(node.site)
    told: Json = {
        "site": node.site_id,
        "slot": node.slot if node.links else None,
        "name": node.name,
        "port": ROUTES_PORT,
        "gateways": [
            {"slot": one.slot, "name": one.name, "v4": one.addresses[way].v4} for one in own
        ],
        "nodes": sorted(one.addresses[way].v4 for one in mates),
        "sibling": {"interface": between.interface} if between else None,
        "sites": {str(site.id): _site(plan, node, site) for site in remote},
        "planes": {
            plane.interface: {
                **_both(node.addresses[plane.slot]),
                "near": _both(plan.near(plane.slot, node.site_id)),
                "far": {str(site.id): _both(plan.near(plane.slot, site.id)) for site in remote},
            }
            for plane in plan.planes
        },
    }
    return json.dumps(told, sort_keys=True, indent=1) + "\n"


def _site(plan: Plan, node: PlanNode, site: PlanSite) -> Json:
    links = [link for link in node.links if link.site == site.name]
    there = plan.gateways(site.name)
    owner = plan.node(str(plan.owner(node.site, site.name)))
    theirs = plan.owner(site.name, node.site)
    via = next((link.interface for link in links if link.peer == theirs), None)
    return {
        "name": site.name,
        "owner": owner.slot,
        "links": [link.interface for link in links],
        "ends": {link.interface: _both(link.own) for link in links},
        "via": via,
        "targets": {
            plane.interface: {
                "v4": [one.addresses[plane.slot].v4 for one in there],
                "v6": [one.addresses[plane.slot].v6 for one in there],
            }
            for plane in plan.planes
        },
    }


def _both(address: Address) -> Json:
    return {"v4": address.v4, "v6": address.v6}
