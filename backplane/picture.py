"""A plan as plain data: what the output `plan` tells, and what two of which are compared by.

It has no key, no secret, and no value that is known only once a resource exists, so that it can be
made of a declaration alone.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backplane.addressing import Address
    from backplane.members import PlanLink, PlanMachine
    from backplane.plan import Plan, PlanNode, PlanPerson
    from backplane.roles import Parts

Json = dict[str, Any]

_SHOWN = 12
"""Hex digits of a digest: enough to see that two differ."""


def picture(plan: Plan) -> Json:
    """Everything about a mesh that people review, by name, sorted where it is a list."""
    return {
        "topology": plan.topology,
        "network": plan.network,
        "ula": plan.ula,
        "protect": plan.protect,
        "timer": plan.timer,
        "console": plan.console,
        "sites": {
            site.name: {
                "cloud": site.cloud,
                "location": site.location,
                "entry": list(site.entry),
                "private": site.private,
            }
            for site in plan.sites
        },
        "planes": [
            {
                "slot": plane.slot,
                "name": plane.name,
                "interface": plane.interface,
                "port": plane.port,
                "ipv4": plane.supernet4,
                "ipv6": plane.supernet6,
                "keys": plane.keys,
                "psk": plane.psk,
                "rotated": {"keys": plane.keys_rotated, "psk": plane.psk_rotated},
                "mtu": plane.mtu,
                "tcp": list(plane.tcp),
                "udp": list(plane.udp),
                "pairs": _pairs(plan, plane.slot),
            }
            for plane in plan.planes
        ],
        "nodes": {node.name: _node(plan, node) for node in plan.nodes},
        "owners": {
            site.name: {one.name: plan.owner(site.name, one.name) for one in plan.remote(site.name)}
            for site in plan.sites
            if plan.remote(site.name)
        },
        "epochs": {node.name: dict(node.epochs) for node in plan.nodes},
        "openings": {
            node.name: [asdict(opening) for opening in plan.openings(node.name)]
            for node in plan.nodes
        },
        "people": {person.name: _person(person) for person in plan.people},
        "copies": {
            one.name: {
                "source": one.source,
                "dataset": one.dataset,
                "target": one.target,
                "replica": one.copy,
                "seconds": one.seconds,
            }
            for one in plan.copies
        },
        "segments": {
            one.name: {
                "id": one.id,
                "plane": one.slot,
                "nodes": list(one.nodes),
                "mtu": one.mtu,
                "interface": one.tunnel,
                "bridge": one.bridge,
            }
            for one in plan.segments
        },
    }


def addresses(given: Mapping[str, Address]) -> Json:
    """Addresses by plane, as outputs have them."""
    return {slot: both(at) for slot, at in given.items()}


def both(address: Address) -> Json:
    """One address, as outputs have it."""
    return {"ipv4": address.v4, "ipv6": address.v6}


def _node(plan: Plan, node: PlanNode) -> Json:
    return {
        "key": node.key,
        "site": node.site,
        "cloud": node.cloud,
        "location": node.location,
        "type": node.type,
        "image": node.image + (f", snapshot {node.snapshot}" if node.snapshot else ""),
        "incarnation": node.incarnation,
        "console": node.console,
        "offline": node.offline,
        "retire": node.retire,
        "was": node.was,
        "endpoint_family": node.endpoint_family,
        "ipv6": node.ipv6,
        "bridges": list(node.bridges),
        "machine": _machine(node.machine),
        "uplink": node.uplink,
        "mtu": node.mtu,
        "pools": {one.name: one.device or f"{one.gigabytes} GB" for one in node.pools},
        "slot": node.slot if node in plan.gateways(node.site) else None,
        "links": [_link(link) for link in sorted(node.links, key=lambda link: link.interface)],
        "roles": [role.name for role in plan.roles(node.name)],
        "daemons": {
            role.name: _digest(role.parts(plan, node))
            for role in plan.roles(node.name)
            if role.parts
        },
    }


def _link(link: PlanLink) -> Json:
    return {
        "interface": link.interface,
        "port": link.port,
        "peer": link.peer,
        "site": link.site,
        "mtu": link.mtu,
        "addresses": both(link.own),
        "peer_addresses": both(link.far),
    }


def _machine(machine: PlanMachine | None) -> Json | None:
    if machine is None:
        return None
    return {"ipv4": machine.ipv4, "port": machine.port, "user": machine.user}


def _digest(parts: Parts) -> str:
    """Changes with anything that a role's daemons are started anew for, secrets left out."""
    texts = [*sorted(parts.files.items()), *sorted(parts.units.items())]
    told = "".join(f"{name}\0{text}\0" for name, text in texts)
    return hashlib.sha256(told.encode()).hexdigest()[:_SHOWN]


def _person(person: PlanPerson) -> Json:
    login = person.login
    return {
        "kind": person.kind,
        "key": person.key,
        "addresses": addresses(person.addresses),
        "public_keys": dict(sorted(person.public_keys.items())),
        "ssh_key": person.ssh_key,
        "expires": person.expires,
        "user": login.user if login else None,
        "sudo": list(login.sudo) if login else [],
    }


def _pairs(plan: Plan, slot: str) -> int:
    """How many pairs of members can have a session on a plane."""
    members = plan.members.get(slot, ())
    # In a routed mesh a node's peers are those of its own site, and people.
    groups = Counter(
        member.site if plan.routed else 0 for member in members if member.kind == "node"
    )
    nodes = groups.total()
    inside = sum(number * (number - 1) // 2 for number in groups.values())
    return inside + nodes * (len(members) - nodes)
