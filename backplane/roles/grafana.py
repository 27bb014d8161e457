"""The grafana role: shows what Prometheus measures, on management, with a login.

From Grafana's own archive: Debian has no such package. Its settings, its data sources and its
dashboards are files of the generation, so that they change, and are undone, with it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from backplane import planes
from backplane.roles import dashboards, documents, prometheus, units
from backplane.roles.base import Archive, Named, Parts, Role, at, hidden

if TYPE_CHECKING:
    from backplane.plan import Plan, PlanNode

NAME = "grafana"
PORT = 3000
FINGERPRINT = "B53AE77BADB630A683046005963FA27710458545"
"""What Grafana Labs signs its archive with since 24 August 2023 (https://apt.grafana.com)."""

_SLOT = planes.MANAGEMENT.slot
_STATE = "backplane-grafana"
_UNIT = f"{_STATE}.service"
_PROGRAM = "/usr/share/grafana/bin/grafana"
_HOME, _CONFIG = "--homepath=/usr/share/grafana", f"--config={at(NAME, 'grafana.ini')}"


_GIVES = "password.sh"
_LOOK = """\
import sqlite3, sys
made = sqlite3.connect(sys.argv[1]).execute
there = made("select count(*) from sqlite_master where name = ?", ["user"]).fetchone()[0]
print(made("select count(*) from user where id = 1").fetchone()[0] if there else 0)"""
_SCRIPT = f"""\
#!/bin/sh
# password.sh FILE: gives Grafana's admin the password in FILE, if there is an admin yet.
# Its setting is for the first start alone, which makes the admin.
set -eu
db=/var/lib/{_STATE}/grafana.db
[ -s "$db" ] || exit 0
admins=$(python3 -c '{_LOOK}' "$db")
[ "$admins" = 1 ] || exit 0
exec {_PROGRAM} cli {_HOME} {_CONFIG} admin reset-admin-password --password-from-stdin <"$1"
"""


def _settings(plan: Plan, node: PlanNode) -> str:
    """grafana.ini: one address, one admin, nothing that asks the internet, no alerts of its own."""
    name = f"{node.name}.{plan.plane(_SLOT).zone}"
    sections: dict[str, dict[str, object]] = {
        "server": {
            "http_addr": node.addresses[_SLOT].v4,
            "http_port": PORT,
            "domain": name,
            "root_url": f"http://{name}:{PORT}/",
        },
        "paths": {
            "data": f"/var/lib/{_STATE}",
            "logs": f"/var/lib/{_STATE}/log",
            "plugins": f"/var/lib/{_STATE}/plugins",
            # Where the package puts them; that of Prometheus is one since 13.2.
            "bundled_plugins": "/var/lib/grafana/plugins-bundled",
            "provisioning": at(NAME, "provisioning"),
        },
        "log": {"mode": "console"},
        "security": {
            "admin_password": f"$__file{{/run/credentials/{_UNIT}/admin}}",
            "disable_gravatar": "true",
            "cookie_samesite": "strict",
        },
        "users": {"allow_sign_up": "false"},
        "auth.anonymous": {"enabled": "false"},
        "analytics": {
            "reporting_enabled": "false",
            "check_for_updates": "false",
            "check_for_plugin_updates": "false",
        },
        "news": {"news_feed_enabled": "false"},
        "snapshots": {"external_enabled": "false"},
        "plugins": {
            "preinstall_disabled": "true",
            "plugin_admin_enabled": "false",
            "public_key_retrieval_disabled": "true",
        },
        # Alerts are Prometheus' and Alertmanager's.
        "unified_alerting": {"enabled": "false"},
        "dashboards": {"default_home_dashboard_path": at(NAME, "dashboards/mesh.json")},
    }
    lines: list[str] = []
    for section, told in sections.items():
        lines += [f"[{section}]", *(f"{key} = {value}" for key, value in told.items())]
    return "".join(f"{line}\n" for line in lines)


def _sources(plan: Plan) -> str:
    """One data source for each Prometheus, the first of them by default."""
    zone = plan.plane(planes.MONITORING.slot).zone
    found = [n.name for n in plan.nodes if prometheus.NAME in n.roles and not n.retire]
    sources: list[dict[str, Any]] = [
        {
            "name": f"Prometheus on {name}",
            # At most 40 characters, where a node's name has up to 63.
            "uid": f"prometheus-{hashlib.sha256(name.encode()).hexdigest()[:12]}",
            "type": "prometheus",
            "access": "proxy",
            "url": f"http://{name}.{zone}:{prometheus.PORT}",
            "isDefault": name == found[0],
            "editable": False,
            "jsonData": {"timeInterval": prometheus.EVERY, "httpMethod": "POST"},
        }
        for name in found
    ]
    return documents.text({"apiVersion": 1, "prune": True, "datasources": sources})


def _provider() -> str:
    one = {
        "name": "backplane",
        "folder": "Backplane",
        "type": "file",
        # A page that is no more goes, in place of staying as one of nobody's.
        "disableDeletion": False,
        "allowUiUpdates": False,
        "options": {"path": at(NAME, "dashboards")},
    }
    return documents.text({"apiVersion": 1, "providers": [one]})


def _parts(plan: Plan, node: PlanNode) -> Parts:
    declared, own = plan.grafana, node.addresses[_SLOT]
    daemon = units.service(
        about="Backplane's Grafana, on the management plane",
        start=f"{_PROGRAM} server {_HOME} {_CONFIG} --packaging=deb",
        slots=[_SLOT, planes.MONITORING.slot],
        user=NAME,
        state=_STATE,
        settings=[
            f"LoadCredential=admin:{hidden(NAME, 'admin')}",
            f"ExecStartPre=/bin/sh {at(NAME, _GIVES)} %d/admin",
            # Its plugins are processes, which it meets by sockets there.
            "PrivateTmp=yes",
        ],
    )
    relay = units.relay(
        name="backplane-grafana-ipv6",
        about="The IPv6 address of Backplane's Grafana",
        address=own,
        port=PORT,
        slot=_SLOT,
        user=NAME,
    )
    shown = {f"dashboards/{name}": text for name, text in dashboards.files(plan).items()}
    return Parts(
        files={
            "grafana.ini": _settings(plan, node),
            "provisioning/datasources/backplane.yaml": _sources(plan),
            "provisioning/dashboards/backplane.yaml": _provider(),
            _GIVES: _SCRIPT,
            **shown,
        },
        secrets={"admin": (Named(name=declared.secret),)} if declared else {},
        units={_UNIT: daemon, **relay},
        archive=Archive(
            uri="https://apt.grafana.com",
            suite="stable",
            component="main",
            key="https://apt.grafana.com/gpg-full.key",
            fingerprint=(declared.key if declared else None) or FINGERPRINT,
        ),
    )


ROLE = Role(
    name=NAME,
    listens=((_SLOT, "tcp", PORT),),
    packages=("grafana",),
    shut=("grafana-server.service",),
    parts=_parts,
)
