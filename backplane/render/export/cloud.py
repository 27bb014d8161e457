"""What the clouds call the mesh's firewalls and machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backplane.contract import as_json

if TYPE_CHECKING:
    from backplane.contract import Outputs


def ids(outputs: Outputs) -> str:
    """By site: its cloud, the id of its firewall, and the ids of its machines by node, as JSON."""
    return as_json(
        {
            name: {
                "cloud": site.cloud,
                "firewall": outputs.firewall_ids.get(name),
                "servers": {
                    node: identifier
                    for node, identifier in outputs.server_ids.items()
                    if outputs.nodes[node].site == name
                },
            }
            for name, site in outputs.plan.sites.items()
        }
    )
