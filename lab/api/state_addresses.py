"""Primary IPs: the pool, assignment to servers, reverse DNS."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Literal

from lab.api import catalogue
from lab.api.errors import ApiError, invalid
from lab.api.labels import check_labels
from lab.api.state import PrimaryIp, Server, State
from lab.api.state_common import check_name, find

Family = Literal["ipv4", "ipv6"]


def take(state: State, family: Family) -> str:
    """The lowest free address or network of the pool."""
    used = {one.ip for one in state.primary_ips.values()}
    pool = state.pool.ipv4() if family == "ipv4" else state.pool.ipv6_networks()
    free = next((ip for ip in pool if ip not in used), None)
    if free is None:
        raise ApiError(
            "resource_unavailable", f"no {family} address left: all {state.pool.size} are in use"
        )
    return free


def default_ptr(ip: str) -> str:
    """The name Hetzner gives an IPv4 address that has none of its own."""
    return f"static.{'.'.join(reversed(ip.split('.')))}.clients.your-server.de"


def create(
    state: State,
    *,
    name: str,
    family: Family,
    location: str,
    labels: dict[str, str],
    auto_delete: bool,
    now: str,
) -> PrimaryIp:
    """Take an address out of the pool, unassigned."""
    check_labels(labels)
    check_name("primary IP", state.primary_ips, name)
    ip = take(state, family)
    one = PrimaryIp(
        id=state.take_id(),
        name=name,
        created=now,
        labels=dict(labels),
        type=family,
        ip=ip,
        location=location,
        auto_delete=auto_delete,
        dns_ptr={ip: default_ptr(ip)} if family == "ipv4" else {},
    )
    state.primary_ips[one.id] = one
    return one


def resolve_location(key: int | str, field: str = "location") -> str:
    """Name of the location of this id or name."""
    place = catalogue.location(key)
    if place is None:
        raise invalid(field, f"location '{key}' not found")
    return place.name


def resolve_datacenter(key: str) -> str:
    """Name of the location of this data center (a deprecated way to say where)."""
    for place in catalogue.LOCATIONS:
        if key in (place.datacenter, str(place.id)):
            return place.name
    raise invalid("datacenter", f"datacenter '{key}' not found")


def of_server(state: State, server: Server, family: Family) -> PrimaryIp | None:
    """The server's address of this family."""
    key = server.ipv4 if family == "ipv4" else server.ipv6
    return state.primary_ips[key] if key is not None else None


def check_assignable(state: State, one: PrimaryIp, server: Server) -> None:
    """Refuse an assignment that the cloud would refuse."""
    if server.status != "off":
        raise ApiError("server_not_stopped", f"server {server.name} must be powered off")
    if one.assignee_id is not None:
        raise ApiError("primary_ip_already_assigned", f"primary IP {one.name} is assigned already")
    if of_server(state, server, one.type) is not None:
        raise ApiError(
            "server_has_ipv4" if one.type == "ipv4" else "server_has_ipv6",
            f"server {server.name} already has an {one.type} address",
        )
    if one.location != server.location:
        raise ApiError(
            "primary_ip_datacenter_mismatch",
            f"primary IP {one.name} is in {one.location}, the server in {server.location}",
        )


def attach(one: PrimaryIp, server: Server) -> None:
    """Make the address the server's; the checks were made."""
    one.assignee_id = server.id
    if one.type == "ipv4":
        server.ipv4 = one.id
    else:
        server.ipv6 = one.id


def check_unassignable(state: State, one: PrimaryIp) -> Server:
    """The server the address is to be taken from."""
    if one.assignee_id is None:
        raise ApiError("invalid_input", f"primary IP {one.name} is not assigned")
    server = find("server", state.servers, one.assignee_id)
    if server.status != "off":
        raise ApiError("server_not_stopped", f"server {server.name} must be powered off")
    return server


def detach(one: PrimaryIp, server: Server) -> None:
    """Take the address from the server; the checks were made."""
    one.assignee_id = None
    if one.type == "ipv4":
        server.ipv4 = None
    else:
        server.ipv6 = None


def delete(state: State, one: PrimaryIp) -> None:
    """Give an address back; not while it is protected or assigned."""
    if one.protected:
        raise ApiError("protected", f"primary IP {one.name} is delete protected")
    if one.assignee_id is not None:
        raise ApiError("must_be_unassigned", f"primary IP {one.name} is still assigned")
    del state.primary_ips[one.id]


def set_ptr(one: PrimaryIp, ip: str, name: str | None) -> None:
    """Set the reverse name of an address of this primary IP; None resets it."""
    try:
        address = ip_address(ip)
    except ValueError:
        raise invalid("ip", f"'{ip}' is not an IP address") from None
    if address not in ip_network(one.ip):
        raise invalid("ip", f"'{ip}' is not part of {one.ip}")
    if name is not None:
        one.dns_ptr[str(address)] = name
    elif one.type == "ipv4":
        one.dns_ptr[str(address)] = default_ptr(str(address))
    else:
        one.dns_ptr.pop(str(address), None)
