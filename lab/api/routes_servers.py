"""Servers over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lab.api import (
    listing,
    state_actions,
    state_addresses,
    state_common,
    state_groups,
    state_images,
    state_servers,
    views,
)
from lab.api import requests as bodies
from lab.api.app import Call, Endpoint, Reply, created
from lab.api.cloud import Cloud, clock
from lab.api.errors import ApiError, invalid
from lab.api.state import Action, Server, Status
from lab.api.state_addresses import Family

_SORT = ("id", "name", "created")
_STATUSES = (
    "running", "initializing", "starting", "stopping", "off", "deleting", "migrating",
    "rebuilding", "unknown",
)  # fmt: skip


def _server(call: Call) -> Server:
    return state_common.find("server", call.cloud.state.servers, call.ids["id"])


def _reply(action: Action) -> Reply:
    return created({"action": views.action(action)})


async def _list(call: Call) -> Reply:
    state = call.cloud.state
    await call.cloud.observe(list(state.servers.values()))
    wanted = listing.many(call.query, "status", _STATUSES)
    found = [
        views.server(state, one)
        for one in state.servers.values()
        if wanted is None or one.status in wanted
    ]
    found = listing.filtered(found, call.query, "name")
    return Reply(listing.page("servers", listing.ordered(found, call.query, _SORT), call.query))


async def _get(call: Call) -> Reply:
    server = _server(call)
    await call.cloud.observe([server])
    return Reply({"server": views.server(call.cloud.state, server)})


def _addresses(net: bodies.PublicNet) -> dict[Family, int | None]:
    addresses: dict[Family, int | None] = {}
    for family, enabled, key in (
        ("ipv4", net.enable_ipv4, net.ipv4),
        ("ipv6", net.enable_ipv6, net.ipv6),
    ):
        if enabled:
            addresses["ipv4" if family == "ipv4" else "ipv6"] = key
        elif key is not None:
            raise invalid(f"public_net.{family}", f"enable_{family} is false")
    return addresses


async def _create(call: Call) -> Reply:
    body = call.read(bodies.ServerCreate)
    cloud, state = call.cloud, call.cloud.state
    location = body.location
    if body.datacenter is not None:
        if location is not None:
            raise invalid("datacenter", "not together with location")
        location = state_addresses.resolve_datacenter(body.datacenter)
    order = state_servers.Order(
        name=body.name,
        type=body.server_type,
        image=body.image,
        location=location,
        user_data=body.user_data,
        ssh_keys=body.ssh_keys,
        labels=body.labels,
        firewalls=[one.firewall for one in body.firewalls],
        placement_group=body.placement_group,
        addresses=_addresses(body.public_net),
    )
    server = state_servers.create(state, order, clock())
    on = ("server", server.id)
    action = state_actions.begin(state, "create_server", clock(), on)
    following = []
    if body.start_after_create:
        following.append(state_actions.begin(state, "start_server", clock(), on))
    cloud.launch(
        server,
        [action, *following],
        lambda: cloud.make(server, start=body.start_after_create),
        failed=lambda: cloud.set_status(server, "off"),
    )
    return created(
        {
            "server": views.server(state, server),
            "action": views.action(action),
            "next_actions": [views.action(one) for one in following],
            # The lab never sets a root password; without keys nobody gets in.
            "root_password": None,
        }
    )


async def _update(call: Call) -> Reply:
    body = call.read(bodies.Named)
    server = _server(call)
    state = call.cloud.state
    if body.name is not None:
        state_servers.check_hostname(state, body.name, but=server.id)
    state_common.rename("server", state.servers, server, name=body.name, labels=body.labels)
    call.cloud.push_rules([server.id])
    return Reply({"server": views.server(state, server)})


async def _delete(call: Call) -> Reply:
    cloud, server = call.cloud, _server(call)
    state_servers.check_deletable(server)
    if server.status == "deleting":
        raise ApiError("locked", f"server {server.name} is being deleted")
    server.status = "deleting"
    action = state_actions.begin(cloud.state, "delete_server", clock(), ("server", server.id))

    def failed() -> None:
        server.status = "off"

    cloud.launch(server, [action], lambda: cloud.unmake(server), failed=failed)
    return Reply({"action": views.action(action)})


Power = Callable[[Cloud, int], Awaitable[None]]


def _power(command: str, meanwhile: Status, effect: Power) -> Callable[[Call], Awaitable[Reply]]:
    """A handler for an action that changes the power; the machine tells the status after it."""

    async def handler(call: Call) -> Reply:
        cloud, server = call.cloud, _server(call)
        state_actions.check_unlocked(cloud.state, server)
        if meanwhile == "starting" and server.ipv4 is None and server.ipv6 is None:
            raise invalid("server", "has no network interface to start with")
        before = server.status
        action = state_actions.begin(cloud.state, command, clock(), ("server", server.id))
        server.status = meanwhile

        async def run() -> None:
            await effect(cloud, server.id)
            await cloud.push(server)
            running = await cloud.driver.running(server.id)
            cloud.set_status(server, "running" if running else "off")

        cloud.launch(server, [action], run, failed=lambda: cloud.set_status(server, before))
        return _reply(action)

    return handler


async def _rebuild(call: Call) -> Reply:
    body = call.read(bodies.Rebuild)
    cloud, server = call.cloud, _server(call)
    state_actions.check_unlocked(cloud.state, server)
    image = state_servers.check_rebuild(cloud.state, server, body.image, body.user_data)
    server.image = image.id
    if body.user_data is not None:
        server.user_data = body.user_data
    server.status = "rebuilding"
    action = state_actions.begin(cloud.state, "rebuild_server", clock(), ("server", server.id))

    async def run() -> None:
        await cloud.driver.rebuild(state_servers.spec(cloud.state, server))
        cloud.set_status(server, "running")

    cloud.launch(server, [action], run, failed=lambda: cloud.set_status(server, "off"))
    return created({"action": views.action(action), "root_password": None})


async def _change_type(call: Call) -> Reply:
    body = call.read(bodies.ChangeType)
    cloud, server = call.cloud, _server(call)
    state_actions.check_unlocked(cloud.state, server)
    kind = state_servers.check_type(server, body.server_type)
    server.type = kind.name
    if body.upgrade_disk:
        server.disk = kind.disk
    server.status = "migrating"
    action = state_actions.begin(cloud.state, "change_server_type", clock(), ("server", server.id))

    async def run() -> None:
        await cloud.driver.power_on(server.id)
        cloud.set_status(server, "running")

    cloud.launch(server, [action], run, failed=lambda: cloud.set_status(server, "off"))
    return _reply(action)


async def _protect(call: Call) -> Reply:
    body = call.read(bodies.ServerProtection)
    server = _server(call)
    delete = server.protect_delete if body.delete is None else body.delete
    rebuild = server.protect_rebuild if body.rebuild is None else body.rebuild
    if delete != rebuild:
        raise invalid("rebuild", "delete and rebuild must have the same value")
    server.protect_delete, server.protect_rebuild = delete, rebuild
    on = ("server", server.id)
    return _reply(state_actions.done(call.cloud.state, "change_protection", clock(), on))


async def _pointer(call: Call) -> Reply:
    body = call.read(bodies.Pointer)
    state, server = call.cloud.state, _server(call)
    family: Family = "ipv6" if ":" in body.ip else "ipv4"
    one = state_addresses.of_server(state, server, family)
    if one is None:
        raise invalid("ip", f"server {server.name} has no {family} address")
    state_addresses.set_ptr(one, body.ip, body.dns_ptr)
    on = ("server", server.id)
    return _reply(state_actions.done(state, "change_dns_ptr", clock(), on))


async def _join(call: Call) -> Reply:
    body = call.read(bodies.JoinGroup)
    state, server = call.cloud.state, _server(call)
    state_actions.check_unlocked(state, server)
    state_groups.join(state, server, body.placement_group)
    on = ("server", server.id)
    return _reply(state_actions.done(state, "add_to_placement_group", clock(), on))


async def _leave(call: Call) -> Reply:
    state, server = call.cloud.state, _server(call)
    state_actions.check_unlocked(state, server)
    if server.placement_group is None:
        raise invalid("placement_group", f"server {server.name} is in no placement group")
    server.placement_group = None
    on = ("server", server.id)
    return _reply(state_actions.done(state, "remove_from_placement_group", clock(), on))


async def _create_image(call: Call) -> Reply:
    body = call.read(bodies.CreateImage)
    cloud, server = call.cloud, _server(call)
    state = cloud.state
    state_actions.check_unlocked(state, server)
    snapshot = state_images.begin_snapshot(
        state, server, description=body.description, labels=body.labels, now=clock()
    )
    on = (("server", server.id), ("image", snapshot.id))
    action = state_actions.begin(state, "create_image", clock(), *on)

    async def run() -> None:
        await cloud.driver.snapshot(server.id, state_images.driver_name(snapshot))
        snapshot.status = "available"

    def failed() -> None:
        state.snapshots.pop(snapshot.id, None)

    cloud.launch(server, [action], run, failed=failed)
    return created({"action": views.action(action), "image": views.image(snapshot)})


def _action(name: str, handler: Callable[[Call], Awaitable[Reply]]) -> Endpoint:
    return Endpoint("POST", f"/servers/{{id}}/actions/{name}", handler)


def _action_with(
    name: str, handler: Callable[[Call], Awaitable[Reply]], body: type[bodies.Body]
) -> Endpoint:
    return Endpoint("POST", f"/servers/{{id}}/actions/{name}", handler, body=body)


_QUERY = listing.PAGING | {"name", "label_selector", "sort", "status"}
ENDPOINTS = (
    Endpoint("GET", "/servers", _list, query=_QUERY),
    Endpoint("POST", "/servers", _create, body=bodies.ServerCreate),
    Endpoint("GET", "/servers/{id}", _get),
    Endpoint("PUT", "/servers/{id}", _update, body=bodies.Named),
    Endpoint("DELETE", "/servers/{id}", _delete),
    _action("poweron", _power("start_server", "starting", lambda c, i: c.driver.power_on(i))),
    _action("poweroff", _power("stop_server", "stopping", lambda c, i: c.driver.power_off(i))),
    _action("shutdown", _power("shutdown_server", "stopping", lambda c, i: c.driver.shutdown(i))),
    _action("reboot", _power("reboot_server", "running", lambda c, i: c.driver.reboot(i))),
    _action("reset", _power("reset_server", "running", lambda c, i: c.driver.reset(i))),
    _action_with("rebuild", _rebuild, bodies.Rebuild),
    _action_with("change_type", _change_type, bodies.ChangeType),
    _action_with("change_protection", _protect, bodies.ServerProtection),
    _action_with("change_dns_ptr", _pointer, bodies.Pointer),
    _action_with("add_to_placement_group", _join, bodies.JoinGroup),
    _action("remove_from_placement_group", _leave),
    _action_with("create_image", _create_image, bodies.CreateImage),
)
