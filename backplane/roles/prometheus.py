"""The prometheus role: asks every node what it measures, by name, and judges it, on monitoring.

Debian's Prometheus (2.42, 2.53) takes one address to listen on; a relay has the IPv6 one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backplane import planes
from backplane.roles import alertmanager, alerts, documents, node_exporter, units
from backplane.roles.base import Parts, Role, at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backplane.plan import Plan, PlanNode

NAME = "prometheus"
PORT = 9090
CONFIG, RULES = "prometheus.yml", "alerts.yml"
_SLOT = planes.MONITORING.slot
_STATE = "backplane-prometheus"
EVERY = "15s"
"""How often every target is asked, and every rule judged."""

# Some ten times of what the largest answers: a node in bad hands must not fill this one's memory.
_LIMITS = {"body_size_limit": "20MB", "sample_limit": 50000}
_OURS = {"source_labels": ["__name__"], "regex": "(backplane|wireguard)_.+"}


def config(plan: Plan) -> str:
    """What Prometheus asks, and whom it tells: prometheus.yml, the same on every node.

    The job `wireguard` asks the node exporters for what the node tool measures and the job `node`
    for the rest, so that no sample is there twice.
    """
    zone = plan.plane(_SLOT).zone
    alive = [node for node in plan.nodes if not node.retire]
    tell = [f"{n.name}.{zone}:{alertmanager.PORT}" for n in alive if alertmanager.NAME in n.roles]
    every = _targets(alive, zone, node_exporter.PORT)
    document: dict[str, Any] = {
        "global": {"scrape_interval": EVERY, "evaluation_interval": EVERY},
        "rule_files": [RULES],
        "scrape_configs": [
            {
                **_LIMITS,
                "job_name": "node",
                "metric_relabel_configs": [{**_OURS, "action": "drop"}],
                "static_configs": every,
            },
            {
                **_LIMITS,
                "job_name": NAME,
                "static_configs": _targets((n for n in alive if NAME in n.roles), zone, PORT),
            },
            {
                **_LIMITS,
                "job_name": "wireguard",
                "params": {"collect[]": ["textfile"]},
                "metric_relabel_configs": [{**_OURS, "action": "keep"}],
                "static_configs": every,
            },
        ],
    }
    if tell:
        document["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": tell}]}]}
    return documents.text(document)


def _targets(nodes: Iterable[PlanNode], zone: str | None, port: int) -> list[dict[str, Any]]:
    return [
        {"labels": {"instance": node.name}, "targets": [f"{node.name}.{zone}:{port}"]}
        for node in nodes
    ]


def _parts(plan: Plan, node: PlanNode) -> Parts:
    own = node.addresses[_SLOT]
    flags = [
        f"--config.file={at(NAME, CONFIG)}",
        f"--storage.tsdb.path=/var/lib/{_STATE}",
        f"--storage.tsdb.retention.time={plan.monitoring.retention}",
        # A full disk would keep the node from staging and confirming.
        f"--storage.tsdb.retention.size={plan.monitoring.size}",
        f"--web.listen-address={own.v4}:{PORT}",
        f"--web.external-url=http://{node.name}.{plan.plane(_SLOT).zone}:{PORT}/",
    ]
    daemon = units.service(
        about="Backplane's Prometheus, on the monitoring plane",
        start=" ".join(["/usr/bin/prometheus", *flags]),
        slots=[_SLOT],
        user="prometheus",
        state=_STATE,
    )
    relay = units.relay(
        name="backplane-prometheus-ipv6",
        about="The IPv6 address of Backplane's Prometheus",
        address=own,
        port=PORT,
        slot=_SLOT,
        user="prometheus",
    )
    return Parts(
        files={CONFIG: config(plan), RULES: alerts.rules(plan)},
        units={
            "backplane-prometheus.service": daemon,
            **relay,
        },
        checks=(("promtool", "check", "config", f"{{}}/{CONFIG}"),),
    )


ROLE = Role(
    name=NAME,
    listens=((_SLOT, "tcp", PORT),),
    packages=("prometheus",),
    shut=("prometheus.service",),
    parts=_parts,
)
