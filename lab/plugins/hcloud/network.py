"""Private networks, their subnets, and the servers in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from lab.plugins.common import Context, Field, Kind, Schema
from lab.plugins.common.resource import Plain
from lab.plugins.common.schema import Failure
from lab.plugins.hcloud import vendor
from lab.plugins.hcloud.base import (
    FLAG,
    LABELS,
    NAME,
    HcloudResource,
    known,
    labels,
    not_done,
    number,
    plain_labels,
)


def _refused(inputs: Plain, *keys: str) -> list[Failure]:
    return not_done(*(key for key in keys if inputs.get(key)))


_BUSY = ("locked", "conflict", "service_error")


def _network_state(network: vendor.BoundNetwork) -> Plain:
    return {
        "name": network.name,
        "ipRange": network.ip_range,
        "labels": plain_labels(network.labels),
    }


class Network(HcloudResource):
    """A private network."""

    schema: ClassVar[Schema] = Schema(
        token="hcloud:index/network:Network",  # noqa: S106  a type's name
        inputs={
            "name": NAME,
            "ipRange": Field(required=True, replaces=True),
            "labels": LABELS,
            "deleteProtection": FLAG,
            "exposeRoutesToVswitch": FLAG,
        },
        delete_first=True,
    )

    def check(self, inputs: Plain) -> Sequence[Failure]:
        """Refuse what is not done here."""
        return _refused(inputs, "deleteProtection", "exposeRoutesToVswitch")

    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Make one without a subnet."""
        del context
        name = str(inputs["name"])
        made = await self.api.call(
            f"network {name}",
            lambda client: client.networks.create(
                name=name, ip_range=str(inputs["ipRange"]), labels=labels(inputs.get("labels"))
            ),
        )
        return str(made.id), _network_state(made)

    async def read(self, context: Context, resource_id: str, state: Plain) -> Plain | None:
        """The network as the project has it."""
        del context
        found = await self.api.find(
            f"network {resource_id}", lambda client: client.networks.get_by_id(int(resource_id))
        )
        return None if found is None else {**state, **_network_state(found)}

    async def update(self, context: Context, resource_id: str, olds: Plain, news: Plain) -> Plain:
        """Change name and labels."""
        del context, olds
        made = await self.api.call(
            f"network {news['name']}",
            lambda client: client.networks.update(
                vendor.Network(id=int(resource_id)),
                name=str(news["name"]),
                labels=labels(news.get("labels")),
            ),
        )
        return _network_state(made)

    async def delete(self, context: Context, resource_id: str, state: Plain) -> None:
        """Remove it, once nobody is in it any more."""
        del context
        await self.api.find(
            f"network {state.get('name')}",
            lambda client: client.networks.delete(vendor.Network(id=int(resource_id))),
        )


class NetworkSubnet(HcloudResource):
    """A subnet; its id is the network's and its range."""

    schema: ClassVar[Schema] = Schema(
        token="hcloud:index/networkSubnet:NetworkSubnet",  # noqa: S106  a type's name
        inputs={
            "networkId": Field(kind=Kind.INTEGER, required=True, replaces=True),
            "type": Field(required=True, replaces=True, choices=("cloud",)),
            "networkZone": Field(required=True, replaces=True),
            "ipRange": Field(required=True, replaces=True),
            "vswitchId": Field(kind=Kind.INTEGER, replaces=True),
        },
        outputs={"gateway": Field()},
        delete_first=True,
    )
    named: ClassVar[bool] = False

    def check(self, inputs: Plain) -> Sequence[Failure]:
        """Refuse what is not done here."""
        return _refused(inputs, "vswitchId")

    async def _now(self, key: int, block: str) -> Plain | None:
        found = await self.api.find(f"network {key}", lambda client: client.networks.get_by_id(key))
        for one in (found.subnets or ()) if found else ():
            if one.ip_range == block:
                return {
                    "networkId": key,
                    "type": one.type,
                    "networkZone": one.network_zone,
                    "ipRange": block,
                    "gateway": one.gateway,
                }
        return None

    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Add it to its network."""
        del context
        key, block = number(inputs["networkId"]), str(inputs["ipRange"])
        subnet = vendor.NetworkSubnet(
            ip_range=block, type=str(inputs["type"]), network_zone=str(inputs["networkZone"])
        )
        what = f"subnet {block}"
        action = await self.api.insist(
            what,
            lambda client: client.networks.add_subnet(vendor.Network(id=key), subnet),
            _BUSY,
        )
        await self.api.wait(what, [action])
        return f"{key}-{block}", await self._now(key, block) or {}

    async def read(self, context: Context, resource_id: str, state: Plain) -> Plain | None:
        """The subnet as its network has it."""
        del context, state
        key, _, block = resource_id.partition("-")
        return await self._now(int(key), block)

    async def delete(self, context: Context, resource_id: str, state: Plain) -> None:
        """Take it away."""
        del context, state
        key, _, block = resource_id.partition("-")
        subnet = vendor.NetworkSubnet(ip_range=block)
        action = await self.api.find(
            f"subnet {block}",
            lambda client: client.networks.delete_subnet(vendor.Network(id=int(key)), subnet),
        )
        await self.api.wait(f"subnet {block}", [action] if action else [])


class ServerNetwork(HcloudResource):
    """A server in a network; its id is the server's and the network's."""

    schema: ClassVar[Schema] = Schema(
        token="hcloud:index/serverNetwork:ServerNetwork",  # noqa: S106  a type's name
        inputs={
            "serverId": Field(kind=Kind.INTEGER, required=True, replaces=True),
            "networkId": Field(kind=Kind.INTEGER, replaces=True),
            "subnetId": Field(replaces=True),
            "ip": Field(replaces=True),
            "aliasIps": Field(kind=Kind.LIST, item=Field()),
        },
        outputs={"macAddress": Field()},
        delete_first=True,
    )
    named: ClassVar[bool] = False

    def check(self, inputs: Plain) -> Sequence[Failure]:
        """Refuse what is not done here; an address in a subnet is asked for, no other way."""
        missing = [
            Failure(key, "is needed here") for key in ("subnetId", "ip") if key not in inputs
        ]
        return [*missing, *_refused(inputs, "networkId", "aliasIps")]

    async def _now(self, server: int, network: int, subnet: str) -> Plain | None:
        found = await self.api.find(
            f"server {server}", lambda client: client.servers.get_by_id(server)
        )
        for one in (found.private_net or ()) if found else ():
            if one.network is not None and known(one.network.id) == network:
                return {
                    "serverId": server,
                    "subnetId": subnet,
                    "ip": one.ip,
                    "macAddress": one.mac_address,
                }
        return None

    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Attach the server, running or not."""
        del context
        server, subnet = number(inputs["serverId"]), str(inputs["subnetId"])
        network = int(subnet.partition("-")[0])
        what = f"server {server} in network {network}"
        action = await self.api.insist(
            what,
            lambda client: client.servers.attach_to_network(
                vendor.Server(id=server), vendor.Network(id=network), ip=str(inputs["ip"])
            ),
            _BUSY,
        )
        await self.api.wait(what, [action])
        return f"{server}-{network}", await self._now(server, network, subnet) or {}

    async def read(self, context: Context, resource_id: str, state: Plain) -> Plain | None:
        """Where the server is in the network."""
        del context
        server, network = map(int, resource_id.split("-"))
        return await self._now(server, network, str(state.get("subnetId")))

    async def delete(self, context: Context, resource_id: str, state: Plain) -> None:
        """Detach the server, if it is still there."""
        del context, state
        server, network = map(int, resource_id.split("-"))
        if await self._now(server, network, "") is None:
            return
        what = f"server {server} in network {network}"
        action = await self.api.insist(
            what,
            lambda client: client.servers.detach_from_network(
                vendor.Server(id=server), vendor.Network(id=network)
            ),
            _BUSY,
        )
        await self.api.wait(what, [action])
