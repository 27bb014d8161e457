"""The books as the API shows them: one function per kind of resource, JSON-ready."""

from __future__ import annotations

from typing import Any

from lab.api import (
    catalogue,
    state_actions,
    state_firewalls,
    state_groups,
    state_images,
    views_networks,
)
from lab.api.state import (
    Action,
    Firewall,
    FirewallRule,
    PlacementGroup,
    PrimaryIp,
    Server,
    Snapshot,
    SshKey,
    State,
)

Json = dict[str, Any]
_TRAFFIC = 20 * 1024**4
"""Included traffic in bytes; the lab does not count any."""
_FREE = {"net": "0.0000000000", "gross": "0.0000000000000000"}


def action(one: Action) -> Json:
    """An action."""
    error = None
    if one.error_code is not None:
        error = {"code": one.error_code, "message": one.error_message}
    return {
        "id": one.id,
        "command": one.command,
        "status": one.status,
        "progress": 0 if one.status == "running" else 100,
        "started": one.started,
        "finished": one.finished,
        "resources": [{"type": kind, "id": key} for kind, key in one.resources],
        "error": error,
    }


def location(one: catalogue.Location) -> Json:
    """A location."""
    return {
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "country": one.country,
        "city": one.city,
        "latitude": one.latitude,
        "longitude": one.longitude,
        "network_zone": one.network_zone,
    }


def _place(name: str) -> catalogue.Location:
    return next(one for one in catalogue.LOCATIONS if one.name == name)


def datacenter(place: catalogue.Location) -> Json:
    """The data center of a location (deprecated, but older clients ask for it)."""
    sold = [one.id for one in catalogue.SERVER_TYPES if place.name in one.locations]
    return {
        "id": place.id,
        "name": place.datacenter,
        "description": f"{place.city} {place.datacenter}",
        "location": location(place),
        "server_types": {"available": sold, "available_for_migration": sold, "supported": sold},
    }


def server_type(one: catalogue.ServerType) -> Json:
    """A server type."""
    return {
        "id": one.id,
        "name": one.name,
        "description": one.name.upper(),
        "category": "Shared vCPU",
        "cores": one.cores,
        "memory": float(one.memory),
        "disk": one.disk,
        "storage_type": "local",
        "cpu_type": "shared",
        "architecture": one.architecture,
        "deprecated": False,
        "deprecation": None,
        "prices": [
            {
                "location": name,
                "price_hourly": _FREE,
                "price_monthly": _FREE,
                "price_per_tb_traffic": _FREE,
                "included_traffic": _TRAFFIC,
            }
            for name in one.locations
        ],
        "locations": [
            {
                "id": _place(name).id,
                "name": name,
                "available": True,
                "recommended": True,
                "deprecation": None,
            }
            for name in one.locations
        ],
    }


def image(one: catalogue.SystemImage | Snapshot) -> Json:
    """An image."""
    system = isinstance(one, catalogue.SystemImage)
    origin = None
    if isinstance(one, Snapshot):
        origin = {"id": one.created_from_id, "name": one.created_from_name}
    base = one.name if isinstance(one, catalogue.SystemImage) else one.base
    return {
        "id": one.id,
        "type": "system" if system else "snapshot",
        "status": "available" if isinstance(one, catalogue.SystemImage) else one.status,
        "name": one.name if system else None,
        "description": one.description,
        "image_size": None,
        "disk_size": one.disk,
        "created": one.created,
        "created_from": origin,
        "bound_to": None,
        "os_flavor": "debian",
        "os_version": base.removeprefix("debian-"),
        "architecture": "x86",
        "rapid_deploy": system,
        "protection": {"delete": one.protected if isinstance(one, Snapshot) else False},
        "deprecated": None,
        "deleted": None,
        "labels": one.labels if isinstance(one, Snapshot) else {},
    }


def ssh_key(one: SshKey) -> Json:
    """An SSH key."""
    return {
        "id": one.id,
        "name": one.name,
        "fingerprint": one.fingerprint,
        "public_key": one.public_key,
        "labels": one.labels,
        "created": one.created,
    }


def placement_group(state: State, one: PlacementGroup) -> Json:
    """A placement group."""
    return {
        "id": one.id,
        "name": one.name,
        "labels": one.labels,
        "type": one.type,
        "servers": state_groups.members(state, one),
        "created": one.created,
    }


def _pointers(one: PrimaryIp) -> list[Json]:
    return [{"ip": ip, "dns_ptr": name} for ip, name in sorted(one.dns_ptr.items())]


def primary_ip(one: PrimaryIp) -> Json:
    """A primary IP."""
    place = _place(one.location)
    return {
        "id": one.id,
        "name": one.name,
        "labels": one.labels,
        "created": one.created,
        "type": one.type,
        "ip": one.ip,
        "assignee_type": "server",
        "assignee_id": one.assignee_id,
        "auto_delete": one.auto_delete,
        "blocked": False,
        "dns_ptr": _pointers(one),
        "protection": {"delete": one.protected},
        "location": location(place),
        "datacenter": datacenter(place),
    }


def rule(one: FirewallRule) -> Json:
    """A firewall rule."""
    return {
        "direction": one.rule.direction,
        "protocol": one.rule.protocol,
        "port": one.rule.port,
        "source_ips": list(one.rule.source_ips),
        "destination_ips": list(one.rule.destination_ips),
        "description": one.description,
    }


def firewall(state: State, one: Firewall) -> Json:
    """A firewall and what it is applied to."""
    direct = [{"type": "server", "server": {"id": key}} for key in one.servers]
    by_label = [
        {
            "type": "label_selector",
            "label_selector": {"selector": selector},
            "applied_to_resources": [
                {"type": "server", "server": {"id": key}}
                for key in state_firewalls.selected(state, one, selector)
            ],
        }
        for selector in one.selectors
    ]
    return {
        "id": one.id,
        "name": one.name,
        "labels": one.labels,
        "created": one.created,
        "rules": [rule(each) for each in one.rules],
        "applied_to": [*direct, *by_label],
    }


def _public_net(state: State, one: Server) -> Json:
    ipv4 = ipv6 = None
    if one.ipv4 is not None:
        held = state.primary_ips[one.ipv4]
        ipv4 = {
            "id": held.id,
            "ip": held.ip,
            "blocked": False,
            "dns_ptr": held.dns_ptr.get(held.ip, ""),
        }
    if one.ipv6 is not None:
        held = state.primary_ips[one.ipv6]
        ipv6 = {"id": held.id, "ip": held.ip, "blocked": False, "dns_ptr": _pointers(held)}
    status = "applied" if one.made else "pending"
    walls = [{"id": w.id, "status": status} for w in state_firewalls.of_server(state, one)]
    return {"ipv4": ipv4, "ipv6": ipv6, "floating_ips": [], "firewalls": walls}


def server(state: State, one: Server) -> Json:
    """A server."""
    kind = catalogue.server_type(one.type)
    if kind is None:
        message = f"server {one.name}: type {one.type} left the catalogue"
        raise LookupError(message)
    group = None
    if one.placement_group is not None:
        group = placement_group(state, state.placement_groups[one.placement_group])
    place = _place(one.location)
    return {
        "id": one.id,
        "name": one.name,
        "labels": one.labels,
        "created": one.created,
        "status": one.status,
        "locked": state_actions.busy(state, one),
        "server_type": server_type(kind),
        "image": image(state_images.find(state, one.image)),
        "location": location(place),
        "datacenter": datacenter(place),
        "public_net": _public_net(state, one),
        "private_net": views_networks.private_net(state, one),
        "placement_group": group,
        "protection": {"delete": one.protect_delete, "rebuild": one.protect_rebuild},
        "primary_disk_size": one.disk,
        "backup_window": None,
        "rescue_enabled": False,
        "iso": None,
        "volumes": [],
        "load_balancers": [],
        "included_traffic": _TRAFFIC,
        "ingoing_traffic": 0,
        "outgoing_traffic": 0,
    }
