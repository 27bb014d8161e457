"""Private networks: what is in them, and which server has which address there."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, ip_address

from lab.api.errors import ApiError, invalid
from lab.api.labels import check_labels
from lab.api.state import Network, Server, State, Subnet
from lab.api.state_common import check_name

MAX_SERVERS = 100
"""Servers in a network (docs.hetzner.com/cloud/networks/faq)."""

_PRIVATE = tuple(IPv4Network(one) for one in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))


def create(state: State, *, name: str, ip_range: str, labels: dict[str, str], now: str) -> Network:
    """Add a network without a subnet."""
    check_labels(labels)
    check_name("network", state.networks, name)
    _range(ip_range, within=_PRIVATE)
    made = Network(
        id=state.take_id(), name=name, created=now, labels=dict(labels), ip_range=ip_range
    )
    state.networks[made.id] = made
    return made


def add_subnet(network: Network, *, ip_range: str, zone: str) -> None:
    """Add a subnet, which overlaps no other."""
    inside = _range(ip_range, within=(IPv4Network(network.ip_range),))
    if any(inside.overlaps(IPv4Network(one.ip_range)) for one in network.subnets):
        raise invalid("ip_range", "overlaps with another subnet of the network")
    network.subnets.append(Subnet(ip_range=ip_range, zone=zone))


def delete_subnet(network: Network, ip_range: str) -> None:
    """Remove a subnet that no server is in."""
    held = [one for one in network.subnets if one.ip_range == ip_range]
    if not held:
        raise invalid("ip_range", "is no subnet of the network")
    inside = IPv4Network(ip_range)
    if any(ip_address(at) in inside for at in network.servers.values()):
        raise ApiError("conflict", f"subnet {ip_range} still has servers")
    network.subnets.remove(held[0])


def attach(network: Network, server: Server, address: str) -> None:
    """Give a server an address in a subnet of the network."""
    if server.id in network.servers:
        raise ApiError(
            "server_already_attached", f"server {server.name} is attached to {network.name}"
        )
    if len(network.servers) >= MAX_SERVERS:
        raise ApiError("resource_limit_exceeded", f"network {network.name} has {MAX_SERVERS}")
    try:
        at = ip_address(address)
    except ValueError:
        raise invalid("ip", f"'{address}' is no address") from None
    subnets = [IPv4Network(one.ip_range) for one in network.subnets]
    home = next((one for one in subnets if at in one), None)
    taken = address in network.servers.values()
    if home is None or at in {home[0], home[1], home[-1]} or taken:
        raise ApiError("ip_not_available", f"{address} is not to be had in {network.name}")
    network.servers[server.id] = address


def detach(network: Network, server: Server) -> None:
    """Take a server out of the network."""
    if network.servers.pop(server.id, None) is None:
        raise invalid("network", f"server {server.name} is not attached to it")


def delete(state: State, network: Network) -> None:
    """Remove a network that no server is in."""
    if network.servers:
        raise ApiError("conflict", f"network {network.name} still has servers")
    del state.networks[network.id]


def _range(text: str, *, within: Iterable[IPv4Network]) -> IPv4Network:
    try:
        made = IPv4Network(text)
    except ValueError:
        raise invalid("ip_range", f"'{text}' is no network") from None
    if not any(made.subnet_of(one) for one in within):
        raise invalid("ip_range", f"{text} is not inside what may be had")
    return made
