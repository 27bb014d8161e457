"""Private networks as the API shows them."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

from lab.api.state import Network, Server, State

Json = dict[str, Any]


def network(one: Network) -> Json:
    """A private network."""
    return {
        "id": one.id,
        "name": one.name,
        "labels": one.labels,
        "created": one.created,
        "ip_range": one.ip_range,
        "subnets": [
            {
                "type": "cloud",
                "ip_range": subnet.ip_range,
                "network_zone": subnet.zone,
                "gateway": str(IPv4Network(one.ip_range)[1]),
                "vswitch_id": None,
            }
            for subnet in one.subnets
        ],
        "routes": [],
        "servers": sorted(one.servers),
        "load_balancers": [],
        "protection": {"delete": False},
        "expose_routes_to_vswitch": False,
    }


def _mac(one: Server) -> str:
    """Of a server's interface in a private network."""
    octets = (0x86, 0, *(one.id & 0xFFFFFFFF).to_bytes(4, "big"))
    return ":".join(f"{octet:02x}" for octet in octets)


def private_net(state: State, one: Server) -> list[Json]:
    """A server's addresses in private networks."""
    return [
        {"network": n.id, "ip": n.servers[one.id], "alias_ips": [], "mac_address": _mac(one)}
        for n in state.networks.values()
        if one.id in n.servers
    ]
