"""The node_exporter role: what Prometheus learns of every node, on monitoring.

With it go the files that the exporter shows beside its own findings: WireGuard's metrics, guard
hits and waiting reboots, written every 15 s by the node tool, which asks for no private key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backplane import planes
from backplane.roles import units
from backplane.roles.base import Parts, Role

if TYPE_CHECKING:
    from backplane.plan import Plan, PlanNode

METRICS = "/run/backplane/metrics"
"""Where other roles put what they measure, one `.prom` file each."""

PORT = 9100
_SLOT = planes.MONITORING.slot
_TOOL = "/usr/local/sbin/backplane-node"


def _parts(plan: Plan, node: PlanNode) -> Parts:
    # FRR's sockets, which tell of a gateway's links, are its own user's.
    asks = " CAP_DAC_OVERRIDE" if node in plan.gateways(node.site) else ""
    at = node.addresses[_SLOT]
    flags = [
        f"--web.listen-address={at.v4}:{PORT}",
        f"--web.listen-address=[{at.v6}]:{PORT}",
        f"--collector.textfile.directory={METRICS}",
        "--collector.systemd",
        "--collector.processes",
        "--no-collector.wifi",
    ]
    exporter = units.service(
        about="Backplane's node exporter, on the monitoring plane",
        start=" ".join(["/usr/bin/prometheus-node-exporter", *flags]),
        slots=[_SLOT],
        user="prometheus",
        sees_files=True,
    )
    metrics = units.service(
        about="Backplane's own metrics, for the node exporter",
        start=f"{_TOOL} metrics",
        slots=[],
        once=True,
        settings=[
            "StandardOutput=null",
            f"CapabilityBoundingSet=CAP_NET_ADMIN{asks}",
            f"ReadWritePaths={METRICS}",
            "RuntimeDirectory=backplane/metrics",
            "RuntimeDirectoryPreserve=yes",
        ],
    )
    every = {"OnBootSec": "5s", "OnUnitActiveSec": "15s", "AccuracySec": "1s"}
    return Parts(
        units={
            "backplane-node-exporter.service": exporter,
            "backplane-metrics.service": metrics,
            "backplane-metrics.timer": units.timer(
                about="Backplane's own metrics, every 15 s", settings=every
            ),
        }
    )


ROLE = Role(
    name="node_exporter",
    everywhere=True,
    listens=((_SLOT, "tcp", PORT),),
    packages=("prometheus-node-exporter",),
    shut=("prometheus-node-exporter.service",),
    parts=_parts,
)
