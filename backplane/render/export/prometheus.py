"""What a Prometheus outside the stack asks, by name, over monitoring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backplane.contract import as_json
from backplane.roles import alertmanager, node_exporter, prometheus

if TYPE_CHECKING:
    from backplane.contract import Outputs

MEASURED = tuple(one.ROLE.name for one in (alertmanager, node_exporter, prometheus))
"""The roles that answer with metrics."""


def targets(outputs: Outputs) -> str:
    """Target groups as file_sd and http_sd take them: JSON, one group for each role of a node.

    The labels are `instance` (the node), `role` and `site`; the job's name is the reader's.
    """
    zone = outputs.dns.zones.get("monitoring")
    return as_json(
        [
            {
                "targets": [f"{name}.{zone}:{opening.port}"],
                "labels": {"instance": name, "role": opening.role, "site": node.site},
            }
            for name, node in sorted(outputs.nodes.items())
            if zone and not node.retire
            for opening in outputs.plan.openings.get(name, [])
            if (opening.slot, opening.proto) == ("monitoring", "tcp") and opening.role in MEASURED
        ]
    )
