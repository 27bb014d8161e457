"""What a lab has: its servers, and whether it is up."""

from __future__ import annotations

import ipaddress
import json
import sys
from dataclasses import asdict
from typing import Any

from lab.control import services
from lab.control.settings import Settings
from lab.control.switch import machines
from lab.layout import Lab
from lab.process import run


def status(lab: Lab) -> dict[str, Any]:
    """Return what `backplane lab status --json` prints.

    Keys: `lab` (its name), `up` (whether the API's process runs), `paper`, `endpoint`, and
    `servers`, each with `id`, `name`, `ipv4`, `ipv6` (the address the server uses),
    `ipv6_network` (its /64), `status` (`running` or `off`; on paper as the API says) and
    `rules`: those its firewall enforces now, in the API's shape, or null without a firewall.
    """
    up = services.alive(lab, "api")
    settings = Settings(lab)
    return {
        "lab": lab.name,
        "up": up,
        "paper": settings.paper,
        "endpoint": settings.endpoint if up else None,
        "servers": (_asked(lab) if up else []) if settings.paper else _seen(lab),
    }


def _address(network: str | None) -> str | None:
    return None if network is None else str(ipaddress.IPv6Network(network)[1])


def _seen(lab: Lab) -> list[dict[str, Any]]:
    """Return the servers as they are on this computer, whatever the API believes."""
    found = []
    for machine in machines(lab):
        if not machine.place.exists:
            continue
        spec = machine.book().spec
        rules = None if spec.rules is None else [asdict(rule) for rule in spec.rules]
        found.append(
            {
                "id": spec.id,
                "name": spec.name,
                "ipv4": spec.ipv4,
                "ipv6": _address(spec.ipv6),
                "ipv6_network": spec.ipv6,
                "status": "running" if machine.running else "off",
                "rules": rules,
            }
        )
    return sorted(found, key=lambda server: str(server["name"]))


def _asked(lab: Lab) -> list[dict[str, Any]]:
    """Return the servers that the API of a lab on paper has."""
    servers = _listing(lab, "servers")
    firewalls = {wall["id"]: wall["rules"] for wall in _listing(lab, "firewalls")}
    found = []
    for server in servers:
        net = server["public_net"]
        walls = [one["id"] for one in net["firewalls"]]
        network = net["ipv6"] and net["ipv6"]["ip"]
        found.append(
            {
                "id": server["id"],
                "name": server["name"],
                "ipv4": net["ipv4"] and net["ipv4"]["ip"],
                "ipv6": _address(network),
                "ipv6_network": network,
                "status": server["status"],
                "rules": [rule for wall in walls for rule in firewalls[wall]] if walls else None,
            }
        )
    return sorted(found, key=lambda server: str(server["name"]))


def _listing(lab: Lab, kind: str) -> list[dict[str, Any]]:
    """Return all things of one kind from the API, page by page."""
    settings = Settings(lab)
    found: list[dict[str, Any]] = []
    page: int | None = 1
    while page is not None:
        text = run(
            sys.executable, "-m", "lab.control.ask",
            f"{settings.endpoint}/{kind}?per_page=50&page={page}", str(settings.token_file),
        )  # fmt: skip
        answer = json.loads(text)
        found += answer[kind]
        page = answer["meta"]["pagination"]["next_page"]
    return found
