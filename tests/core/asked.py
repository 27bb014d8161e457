"""What the dashboards ask of Prometheus, with Grafana's variables filled in."""

from __future__ import annotations

import json

from backplane.plan import Plan
from backplane.roles import dashboards


def queries(mesh: Plan) -> list[str]:
    """Every query of every panel, in order: over a minute, of all nodes."""
    found = [
        target["expr"].replace(dashboards.RATE, "1m").replace("$node", ".+")
        for text in dashboards.files(mesh).values()
        for panel in json.loads(text)["panels"]
        for target in panel["targets"]
    ]
    assert not [query for query in found if "$" in query]
    return found
