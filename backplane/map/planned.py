"""A plan in the shape of a stack's plain outputs, as far as a map reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backplane.picture import addresses, picture

if TYPE_CHECKING:
    from backplane.plan import Plan


def planned(plan: Plan) -> dict[str, Any]:
    """`nodes` and `plan` of docs/outputs.md; what no plan can know is None."""
    drawn = picture(plan)
    nodes = {
        node.name: {
            "key": node.key,
            "site": node.site,
            "endpoint": None,
            "offline": node.offline,
            "retire": node.retire,
            "roles": drawn["nodes"][node.name]["roles"],
            "generation": None,
            "addresses": addresses(node.addresses),
        }
        for node in plan.nodes
    }
    return {"nodes": nodes, "plan": drawn}
