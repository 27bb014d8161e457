"""Servers: what may be created and changed, and what a driver is told about one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.api import catalogue, state_addresses, state_firewalls, state_groups, state_images
from lab.api.errors import ApiError, invalid
from lab.api.labels import check_labels
from lab.api.state import PrimaryIp, Server, State
from lab.api.state_addresses import Family
from lab.api.state_common import check_name, find
from lab.api.state_keys import resolve as resolve_key
from lab.driver import MachineSpec

MAX_USER_DATA = 32 * 1024
"""Bytes of user-data (https://docs.hetzner.cloud)."""
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_HOSTNAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_MAX_HOSTNAME = 253
_FAMILIES: tuple[Family, ...] = ("ipv4", "ipv6")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A server as ordered.

    Attributes:
        location: Id or name; None takes the primary IPs' location, else the type's first.
        addresses: Per family a primary IP's id, or None for a fresh one; absent for none.
    """

    name: str
    type: int | str
    image: int | str
    location: int | str | None = None
    user_data: str = ""
    ssh_keys: Sequence[int | str] = ()
    labels: dict[str, str] = field(default_factory=dict)
    firewalls: Sequence[int] = ()
    placement_group: int | None = None
    addresses: dict[Family, int | None] = field(default_factory=dict)


def check_hostname(state: State, name: str, *, but: int | None = None) -> None:
    """Refuse a name that is taken or no host name (RFC 1123)."""
    if len(name) > _MAX_HOSTNAME or not _HOSTNAME.fullmatch(name):
        raise invalid("name", f"'{name}' is not a valid hostname (RFC 1123)")
    check_name("server", state.servers, name, but=but)


def _check_user_data(user_data: str) -> None:
    if len(user_data.encode()) > MAX_USER_DATA:
        raise invalid("user_data", f"at most {MAX_USER_DATA} bytes")


def _given_addresses(state: State, order: Order) -> list[PrimaryIp]:
    found = []
    for family, key in order.addresses.items():
        if key is None:
            continue
        one = find("primary_ip", state.primary_ips, key)
        if one.type != family:
            raise ApiError("primary_ip_version_mismatch", f"primary IP {key} is not {family}")
        if one.assignee_id is not None:
            raise ApiError("primary_ip_assigned", f"primary IP {one.name} is assigned already")
        found.append(one)
    return found


def _location(order: Order, kind: catalogue.ServerType, given: Sequence[PrimaryIp]) -> str:
    if order.location is not None:
        location = state_addresses.resolve_location(order.location)
    else:
        location = given[0].location if given else kind.locations[0]
    if location not in kind.locations:
        raise invalid("location", f"server type {kind.name} is not available in {location}")
    if any(one.location != location for one in given):
        raise ApiError("primary_ip_datacenter_mismatch", f"a primary IP is not in {location}")
    return location


def create(state: State, order: Order, now: str) -> Server:
    """Enter a server; its machine is still to be made."""
    check_hostname(state, order.name)
    check_labels(order.labels)
    _check_user_data(order.user_data)
    kind = catalogue.server_type(order.type)
    if kind is None:
        raise invalid("server_type", f"server type '{order.type}' not found")
    image = state_images.resolve(state, order.image)
    if image.disk > kind.disk:
        raise invalid("image", f"needs a disk of {image.disk} GB, {kind.name} has {kind.disk}")
    if not order.addresses:
        raise invalid("public_net", "a server needs an IPv4 or an IPv6 address")
    given = _given_addresses(state, order)
    location = _location(order, kind, given)
    keys = [resolve_key(state, key).public_key for key in order.ssh_keys]
    walls = [find("firewall", state.firewalls, key) for key in dict.fromkeys(order.firewalls)]
    if len(walls) > state_firewalls.MAX_PER_SERVER:
        raise invalid("firewalls", f"at most {state_firewalls.MAX_PER_SERVER} firewalls")
    if order.placement_group is not None:
        state_groups.check_room(state, order.placement_group)
    fresh: list[Family] = [family for family, key in order.addresses.items() if key is None]
    for family in fresh:
        state_addresses.take(state, family)
    server = Server(
        id=state.take_id(),
        name=order.name,
        created=now,
        labels=dict(order.labels),
        type=kind.name,
        image=image.id,
        location=location,
        user_data=order.user_data,
        ssh_keys=keys,
        disk=kind.disk,
        placement_group=order.placement_group,
    )
    state.servers[server.id] = server
    for family in fresh:
        given.append(fresh_address(state, family, location, now))
    for one in given:
        state_addresses.attach(one, server)
    for wall in walls:
        wall.servers = sorted({*wall.servers, server.id})
    return server


def fresh_address(state: State, family: Family, location: str, now: str) -> PrimaryIp:
    """A primary IP that goes away with its server, as the cloud makes when none is given."""
    return state_addresses.create(
        state,
        name=f"primary_ip-{state.next_id}",
        family=family,
        location=location,
        labels={},
        auto_delete=True,
        now=now,
    )


def spec(state: State, server: Server) -> MachineSpec:
    """What the driver is told."""
    ipv4, ipv6 = (state_addresses.of_server(state, server, family) for family in _FAMILIES)
    return MachineSpec(
        id=server.id,
        name=server.name,
        image=state_images.driver_name(state_images.find(state, server.image)),
        user_data=server.user_data,
        ipv4=ipv4.ip if ipv4 else None,
        ipv6=ipv6.ip if ipv6 else None,
        ssh_keys=tuple(server.ssh_keys),
        rules=state_firewalls.in_force(state, server),
    )


def check_deletable(server: Server) -> None:
    """Refuse to delete a protected server."""
    if server.protect_delete:
        raise ApiError("protected", f"server {server.name} is delete protected")


def forget(state: State, server: Server) -> None:
    """Strike a server whose machine is gone, and what goes with it."""
    for family in _FAMILIES:
        one = state_addresses.of_server(state, server, family)
        if one is None:
            continue
        state_addresses.detach(one, server)
        if one.auto_delete and not one.protected:
            del state.primary_ips[one.id]
    for wall in state.firewalls.values():
        wall.servers = [key for key in wall.servers if key != server.id]
    for network in state.networks.values():
        network.servers.pop(server.id, None)
    del state.servers[server.id]


def check_rebuild(
    state: State, server: Server, image: int | str, user_data: str | None
) -> state_images.Image:
    """The image a rebuild is made from."""
    if server.protect_rebuild:
        raise ApiError("protected", f"server {server.name} is rebuild protected")
    if user_data is not None:
        _check_user_data(user_data)
    found = state_images.resolve(state, image)
    if found.disk > server.disk:
        raise invalid("image", f"needs a disk of {found.disk} GB, the server has {server.disk}")
    return found


def check_type(server: Server, key: int | str) -> catalogue.ServerType:
    """The type a server that is off may be changed to."""
    if server.status != "off":
        raise ApiError("server_not_stopped", f"server {server.name} must be powered off")
    kind = catalogue.server_type(key)
    if kind is None or server.location not in kind.locations:
        raise ApiError("invalid_server_type", f"server type '{key}' is not available here")
    if kind.name == server.type:
        raise ApiError("invalid_server_type", f"server {server.name} is a {kind.name} already")
    if kind.disk < server.disk:
        raise ApiError(
            "invalid_server_type", f"{kind.name} has {kind.disk} GB, the disk is {server.disk} GB"
        )
    return kind
