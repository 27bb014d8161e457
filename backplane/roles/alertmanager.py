"""The alertmanager role: tells the declared receivers of alerts, on monitoring.

Two nodes with this role do not know each other: gossip would need a port beside those that the
plane may open. Every Prometheus tells both, so a receiver hears twice; none is missed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backplane import planes
from backplane.roles import alerts, documents, units
from backplane.roles.base import Named, Parts, Role, at, hidden

if TYPE_CHECKING:
    from backplane.monitoring import Monitoring
    from backplane.plan import Plan, PlanNode

NAME = "alertmanager"
PORT = 9093
CONFIG = "alertmanager.yml"
# No declared name can be one of these.
_NULL, _WATCHDOG = "_null", "_watchdog"
_SLOT = planes.MONITORING.slot
_STATE = "backplane-alertmanager"
_CREDENTIALS = "/run/credentials/backplane-alertmanager.service"


def config(plan: Plan) -> str:
    """Who hears of what: alertmanager.yml, the same on every node.

    Every receiver gets every alert. The watchdog's goes to its URL alone, again every 5 minutes.
    """
    declared = plan.monitoring
    receivers: list[dict[str, Any]] = [{"name": _NULL}]
    receivers += [
        {"name": name, "webhook_configs": [_hook(declared, name, url)]}
        for name, url in sorted(declared.receivers.items())
    ]
    watchdog: dict[str, Any] = {
        "matchers": [f'alertname="{alerts.WATCHDOG}"'],
        "receiver": _WATCHDOG if declared.watchdog else _NULL,
        "group_wait": "0s",
        # Whether to repeat is looked at once in this interval.
        "group_interval": "1m",
        "repeat_interval": "5m",
    }
    if declared.watchdog:
        hook = {"url": declared.watchdog, "send_resolved": False}
        receivers.append({"name": _WATCHDOG, "webhook_configs": [hook]})
    return documents.text(
        {
            "route": {
                "receiver": _NULL,
                "group_by": ["alertname"],
                "group_wait": "30s",
                "group_interval": "5m",
                "repeat_interval": "4h",
                "routes": [
                    watchdog,
                    *({"receiver": name, "continue": True} for name in sorted(declared.receivers)),
                ],
            },
            "receivers": receivers,
            "inhibit_rules": [
                {
                    "source_matchers": [f'alertname="{alerts.NODE_DOWN}"'],
                    "target_matchers": [f'alertname=~"{"|".join(alerts.of_a_node(plan))}"'],
                    "equal": ["node"],
                }
            ],
        }
    )


def _hook(declared: Monitoring, name: str, url: str) -> dict[str, Any]:
    if name not in declared.secrets:
        return {"url": url}
    shown = {"credentials_file": f"{_CREDENTIALS}/{name}"}
    return {"url": url, "http_config": {"authorization": shown}}


def _parts(plan: Plan, node: PlanNode) -> Parts:
    own, tokens = node.addresses[_SLOT], plan.monitoring.secrets
    flags = [
        f"--config.file={at(NAME, CONFIG)}",
        f"--storage.path=/var/lib/{_STATE}",
        f"--web.listen-address={own.v4}:{PORT}",
        f"--web.listen-address=[{own.v6}]:{PORT}",
        f"--web.external-url=http://{node.name}.{plan.plane(_SLOT).zone}:{PORT}/",
        # Empty for no clustering; else it listens on every address.
        "--cluster.listen-address=",
    ]
    daemon = units.service(
        about="Backplane's Alertmanager, on the monitoring plane",
        start=" ".join(["/usr/bin/prometheus-alertmanager", *flags]),
        slots=[_SLOT],
        user="prometheus",
        state=_STATE,
        settings=[f"LoadCredential={name}:{hidden(NAME, name)}" for name in tokens],
    )
    return Parts(
        files={CONFIG: config(plan)},
        secrets={name: (Named(name=secret),) for name, secret in tokens.items()},
        units={"backplane-alertmanager.service": daemon},
        checks=(("amtool", "check-config", f"{{}}/{CONFIG}"),),
    )


ROLE = Role(
    name=NAME,
    listens=((_SLOT, "tcp", PORT),),
    packages=("prometheus-alertmanager",),
    shut=("prometheus-alertmanager.service",),
    parts=_parts,
)
