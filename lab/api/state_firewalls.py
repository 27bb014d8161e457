"""Firewalls: rules as posted, what they are applied to, and what is in force where.

Limits and errors: https://docs.hetzner.com/cloud/firewalls/overview and the API description.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Literal

from lab.api.errors import ApiError, invalid_fields
from lab.api.labels import check_labels, check_selector, matches
from lab.api.state import Firewall, FirewallRule, Server, State
from lab.api.state_common import check_name
from lab.driver import Rule

MAX_RULES = 50
MAX_NETWORKS = 100
MAX_PER_SERVER = 5
_MAX_DESCRIPTION = 255
_MAX_PORT = 65535
_PORT = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_WITH_PORT = frozenset({"tcp", "udp"})

Protocol = Literal["tcp", "udp", "icmp", "esp", "gre"]


def _networks(path: str, listed: Sequence[str], wrong: dict[str, list[str]]) -> tuple[str, ...]:
    found = []
    for text in listed:
        try:
            if "/" not in text:
                raise ValueError  # noqa: TRY301 - told as any other malformed network
            found.append(str(ip_network(text)))
        except ValueError:
            wrong.setdefault(path, []).append(f"'{text}' is not a network in CIDR notation")
    if len(listed) > MAX_NETWORKS:
        wrong.setdefault(path, []).append(f"at most {MAX_NETWORKS} networks")
    return tuple(found)


def _port_fault(protocol: str, port: str | None) -> str | None:
    if protocol not in _WITH_PORT:
        return f"not allowed for {protocol}" if port is not None else None
    if port is None:
        return f"required for {protocol}"
    if port == "any":
        return None
    match = _PORT.fullmatch(port)
    if match is None:
        return f"'{port}' is not a port or range of ports"
    low, high = int(match[1]), int(match[2] or match[1])
    return None if 1 <= low <= high <= _MAX_PORT else f"'{port}' is not within 1-{_MAX_PORT}"


def rule(
    index: int,
    *,
    direction: Literal["in", "out"],
    protocol: Protocol,
    port: str | None,
    source_ips: Sequence[str],
    destination_ips: Sequence[str],
    description: str | None,
) -> FirewallRule:
    """Check one rule and bring its networks into canonical form.

    All that is wrong with it is told at once, by field.
    """
    at = f"rules.{index}"
    wrong: dict[str, list[str]] = {}
    sources = _networks(f"{at}.source_ips", source_ips, wrong)
    destinations = _networks(f"{at}.destination_ips", destination_ips, wrong)
    needed, banned = ("source_ips", "destination_ips")
    if direction == "out":
        needed, banned = banned, needed
    listed = {"source_ips": source_ips, "destination_ips": destination_ips}
    if not listed[needed]:
        wrong.setdefault(f"{at}.{needed}", []).append(f"required for direction {direction}")
    if listed[banned]:
        wrong.setdefault(f"{at}.{banned}", []).append(f"not allowed for direction {direction}")
    port_fault = _port_fault(protocol, port)
    if port_fault is not None:
        wrong.setdefault(f"{at}.port", []).append(port_fault)
    if description is not None and len(description) > _MAX_DESCRIPTION:
        wrong.setdefault(f"{at}.description", []).append(f"at most {_MAX_DESCRIPTION} characters")
    if wrong:
        raise invalid_fields(wrong)
    return FirewallRule(
        rule=Rule(
            direction=direction,
            protocol=protocol,
            port=port,
            source_ips=sources,
            destination_ips=destinations,
        ),
        description=description,
    )


def check_count(rules: Sequence[object]) -> None:
    """Refuse more rules than a firewall holds."""
    if len(rules) > MAX_RULES:
        raise invalid_fields({"rules": [f"at most {MAX_RULES} rules"]})


def create(
    state: State, *, name: str, labels: dict[str, str], rules: list[FirewallRule], now: str
) -> Firewall:
    """Add a firewall that is applied to nothing yet."""
    check_labels(labels)
    check_name("firewall", state.firewalls, name)
    one = Firewall(
        id=state.take_id(), name=name, created=now, labels=dict(labels), rules=list(rules)
    )
    state.firewalls[one.id] = one
    return one


def selected(state: State, firewall: Firewall, selector: str) -> list[int]:
    """Ids of the servers a label selector applies the firewall to."""
    return sorted(
        server.id
        for server in state.servers.values()
        if server.id not in firewall.servers and matches(selector, server.labels)
    )


def covered(state: State, firewall: Firewall) -> list[int]:
    """Ids of all servers the firewall stands in front of, ascending."""
    by_label = {key for one in firewall.selectors for key in selected(state, firewall, one)}
    return sorted({*firewall.servers, *by_label} & state.servers.keys())


def of_server(state: State, server: Server) -> list[Firewall]:
    """The firewalls in front of this server, by id."""
    return [one for one in state.firewalls.values() if server.id in covered(state, one)]


def in_force(state: State, server: Server) -> tuple[Rule, ...] | None:
    """The union of the rules in front of this server; None when it has no firewall."""
    firewalls = of_server(state, server)
    if not firewalls:
        return None
    return tuple(dict.fromkeys(one.rule for firewall in firewalls for one in firewall.rules))


def _check_server(state: State, key: int) -> Server:
    server = state.servers.get(key)
    if server is None:
        raise ApiError("firewall_resource_not_found", f"server {key} not found", status=404)
    return server


def apply(
    state: State, firewall: Firewall, servers: Sequence[int], selectors: Sequence[str]
) -> None:
    """Put the firewall in front of these servers and of those with these labels."""
    if len(set(servers)) != len(servers):
        raise ApiError("server_already_added", "a server is named more than once")
    for selector in selectors:
        check_selector(selector)
        if selector in firewall.selectors:
            raise ApiError("firewall_already_applied", f"already applied to '{selector}'")
    for key in servers:
        server = _check_server(state, key)
        if key in firewall.servers:
            raise ApiError("firewall_already_applied", f"already applied to {server.name}")
        if len(of_server(state, server)) >= MAX_PER_SERVER:
            raise ApiError(
                "resource_limit_exceeded",
                f"server {server.name} has {MAX_PER_SERVER} firewalls already",
            )
    firewall.servers = sorted({*firewall.servers, *servers})
    firewall.selectors = sorted({*firewall.selectors, *selectors})


def remove(
    state: State, firewall: Firewall, servers: Sequence[int], selectors: Sequence[str]
) -> None:
    """Take the firewall away from these servers and label selectors."""
    for key in servers:
        server = _check_server(state, key)
        if key in firewall.servers:
            continue
        if key in covered(state, firewall):
            raise ApiError(
                "firewall_managed_by_label_selector",
                f"firewall {firewall.name} is applied to {server.name} by a label selector",
            )
    for selector in selectors:
        if selector not in firewall.selectors:
            raise ApiError(
                "firewall_resource_not_found", f"not applied to '{selector}'", status=404
            )
    firewall.servers = [key for key in firewall.servers if key not in servers]
    firewall.selectors = [one for one in firewall.selectors if one not in selectors]


def delete(state: State, firewall: Firewall) -> None:
    """Remove a firewall; not while it is applied to anything."""
    if firewall.servers or firewall.selectors:
        raise ApiError("resource_in_use", f"firewall {firewall.name} is still in use")
    del state.firewalls[firewall.id]
