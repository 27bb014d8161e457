"""Private networks over HTTP."""

from __future__ import annotations

from collections.abc import Callable

from lab.api import listing, state_actions, state_common, state_networks, views, views_networks
from lab.api import requests as bodies
from lab.api.app import Call, Endpoint, Reply, created
from lab.api.cloud import clock
from lab.api.state import Action, Network, Server


def _network(call: Call) -> Network:
    return state_common.find("network", call.cloud.state.networks, call.ids["id"])


def _reply(action: Action) -> Reply:
    return created({"action": views.action(action)})


async def _list(call: Call) -> Reply:
    found = [views_networks.network(one) for one in call.cloud.state.networks.values()]
    found = listing.filtered(found, call.query, "name")
    ordered = listing.ordered(found, call.query, ("id", "name", "created"))
    return Reply(listing.page("networks", ordered, call.query))


async def _create(call: Call) -> Reply:
    body = call.read(bodies.NetworkCreate)
    made = state_networks.create(
        call.cloud.state,
        name=body.name,
        ip_range=body.ip_range,
        labels=body.labels,
        now=clock(),
    )
    return created({"network": views_networks.network(made)})


async def _get(call: Call) -> Reply:
    return Reply({"network": views_networks.network(_network(call))})


async def _update(call: Call) -> Reply:
    body, one = call.read(bodies.Named), _network(call)
    networks = call.cloud.state.networks
    state_common.rename("network", networks, one, name=body.name, labels=body.labels)
    return Reply({"network": views_networks.network(one)})


async def _delete(call: Call) -> Reply:
    state_networks.delete(call.cloud.state, _network(call))
    return Reply(status=204)


async def _add_subnet(call: Call) -> Reply:
    body, one = call.read(bodies.AddSubnet), _network(call)
    state_networks.add_subnet(one, ip_range=body.ip_range, zone=body.network_zone)
    on = ("network", one.id)
    return _reply(state_actions.done(call.cloud.state, "add_subnet", clock(), on))


async def _delete_subnet(call: Call) -> Reply:
    one = _network(call)
    state_networks.delete_subnet(one, call.read(bodies.DeleteSubnet).ip_range)
    on = ("network", one.id)
    return _reply(state_actions.done(call.cloud.state, "delete_subnet", clock(), on))


def _both(call: Call, network: int) -> tuple[Server, Network]:
    """The server that is asked about, which nothing else goes on with, and a network."""
    state = call.cloud.state
    server = state_common.find("server", state.servers, call.ids["id"])
    state_actions.check_unlocked(state, server)
    return server, state_common.find("network", state.networks, network)


async def _attach(call: Call) -> Reply:
    body = call.read(bodies.Attach)
    server, network = _both(call, body.network)
    state_networks.attach(network, server, body.ip)

    def failed() -> None:
        network.servers.pop(server.id, None)

    return _plug(call, server, network, "attach_to_network", failed)


async def _detach(call: Call) -> Reply:
    server, network = _both(call, call.read(bodies.Detach).network)
    state_networks.detach(network, server)
    return _plug(call, server, network, "detach_from_network", lambda: None)


def _plug(
    call: Call, server: Server, network: Network, command: str, failed: Callable[[], None]
) -> Reply:
    """Tell the machine in which networks it is by now."""
    cloud = call.cloud
    on = (("server", server.id), ("network", network.id))
    action = state_actions.begin(cloud.state, command, clock(), *on)

    async def run() -> None:
        found = (one.servers.get(server.id) for one in cloud.state.networks.values())
        await cloud.driver.set_private(server.id, tuple(at for at in found if at))

    cloud.launch(server, [action], run, failed=failed)
    return _reply(action)


_ONE = "/networks/{id}"
_SERVER = "/servers/{id}/actions"
ENDPOINTS = (
    Endpoint("GET", "/networks", _list, query=listing.PAGING | {"name", "label_selector", "sort"}),
    Endpoint("POST", "/networks", _create, body=bodies.NetworkCreate),
    Endpoint("GET", _ONE, _get),
    Endpoint("PUT", _ONE, _update, body=bodies.Named),
    Endpoint("DELETE", _ONE, _delete),
    Endpoint("POST", f"{_ONE}/actions/add_subnet", _add_subnet, body=bodies.AddSubnet),
    Endpoint("POST", f"{_ONE}/actions/delete_subnet", _delete_subnet, body=bodies.DeleteSubnet),
    Endpoint("POST", f"{_SERVER}/attach_to_network", _attach, body=bodies.Attach),
    Endpoint("POST", f"{_SERVER}/detach_from_network", _detach, body=bodies.Detach),
)
