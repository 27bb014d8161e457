"""Private networks of the lab's API, through the vendor's client."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hcloud import APIException, Client
from hcloud.images import Image
from hcloud.networks import Network, NetworkSubnet
from hcloud.server_types import ServerType
from hcloud.servers import Server

from lab.driver import DriverError
from lab.machines.driver import MachineDriver
from tests.api_server import ApiServer

BLOCK = "172.16.1.0/24"


@pytest.fixture(autouse=True)
def _swept(api: ApiServer) -> Iterator[None]:
    """The next test finds no server and no network of this one's."""
    yield
    client = api.client()
    for server in client.servers.get_all():
        client.servers.delete(server).wait_until_finished()
    for network in client.networks.get_all():
        client.networks.delete(network)


def _server(client: Client, name: str) -> Server:
    made = client.servers.create(
        name=name, server_type=ServerType(name="cx23"), image=Image(name="debian-12")
    )
    made.action.wait_until_finished()
    for action in made.next_actions:
        action.wait_until_finished()
    return made.server


def _network(client: Client, name: str = "inside") -> Network:
    made = client.networks.create(name=name, ip_range=BLOCK, labels={"of": "tests"})
    subnet = NetworkSubnet(ip_range=BLOCK, type="cloud", network_zone="eu-central")
    client.networks.add_subnet(made, subnet).wait_until_finished()
    return made


def test_a_server_comes_and_goes(api: ApiServer) -> None:
    """Attached while it runs, shown on both sides, detached; what is empty can be deleted."""
    client = api.client()
    network, server = _network(client), _server(client, "one")
    client.servers.attach_to_network(server, network, ip="172.16.1.2").wait_until_finished()
    [held] = client.servers.get_by_id(int(server.id or 0)).private_net or []
    assert (held.ip, held.network.id if held.network else None) == ("172.16.1.2", network.id)
    found = client.networks.get_by_id(int(network.id or 0))
    assert [one.id for one in found.servers or ()] == [server.id]
    assert [one.gateway for one in found.subnets or ()] == ["172.16.1.1"]
    with pytest.raises(APIException, match="still has servers"):
        client.networks.delete(network)
    client.servers.detach_from_network(server, network).wait_until_finished()
    client.networks.delete(network)
    assert client.networks.get_all(label_selector="of=tests") == []


def test_a_deleted_server_is_in_no_network(api: ApiServer) -> None:
    """Its address is free again."""
    client = api.client()
    network, server = _network(client), _server(client, "one")
    client.servers.attach_to_network(server, network, ip="172.16.1.2").wait_until_finished()
    client.servers.delete(server).wait_until_finished()
    other = _server(client, "two")
    client.servers.attach_to_network(other, network, ip="172.16.1.2").wait_until_finished()


@pytest.mark.parametrize("address", ["172.16.1.1", "172.16.1.255", "172.16.2.2", "nowhere"])
def test_addresses_that_are_none_are_refused(api: ApiServer, address: str) -> None:
    """The gateway's, the last one, one outside, and what is no address."""
    client = api.client()
    network, server = _network(client), _server(client, "one")
    with pytest.raises(APIException):
        client.servers.attach_to_network(server, network, ip=address)


def test_what_clashes_is_refused(api: ApiServer) -> None:
    """A name twice, a public range, overlapping subnets, an address twice, a server twice."""
    client = api.client()
    network, server = _network(client), _server(client, "one")
    with pytest.raises(APIException, match="already used"):
        _network(client)
    with pytest.raises(APIException, match="not inside"):
        client.networks.create(name="public", ip_range="198.51.100.0/24")
    subnet = NetworkSubnet(ip_range="172.16.1.128/25", type="cloud", network_zone="eu-central")
    with pytest.raises(APIException, match="overlaps"):
        client.networks.add_subnet(network, subnet)
    client.servers.attach_to_network(server, network, ip="172.16.1.2").wait_until_finished()
    with pytest.raises(APIException, match="is attached"):
        client.servers.attach_to_network(server, network, ip="172.16.1.3")
    with pytest.raises(APIException, match="not to be had"):
        client.servers.attach_to_network(_server(client, "two"), network, ip="172.16.1.2")


def test_a_real_machine_is_not_plugged_in_silently() -> None:
    """The lab has no wire for it, so the action fails; to be in no network is fine."""
    driver = MachineDriver("none")
    with pytest.raises(DriverError, match="have no private network"):
        asyncio.run(driver.set_private(1, ("172.16.1.2",)))
    asyncio.run(driver.set_private(1, ()))
