"""An account at AWS, through the vendor's own client, one region after the other."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.e2e.offer import LABEL, Cloud, Thing

Json = dict[str, Any]
Connect = Callable[[str], Any]
"""Gives the EC2 client of a region."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Something that EC2 has, by the words of its API.

    Attributes:
        name: the thing.
        describe: the call that lists it.
        listed: the key of the list in its answer.
        key: the key of an item's id.
        delete: the call that deletes it.
        argument: what that call names the id; a list for `InstanceIds`.
    """

    name: str
    describe: str
    listed: str
    key: str
    delete: str
    argument: str


def _kind(name: str, listed: str, key: str) -> Kind:
    return Kind(
        name=name.replace("_", " "),
        describe=f"describe_{name}s",
        listed=listed,
        key=key,
        delete=f"delete_{name}",
        argument=key,
    )


KINDS = (
    Kind(
        name="instance",
        describe="describe_instances",
        listed="Reservations",
        key="InstanceId",
        delete="terminate_instances",
        argument="InstanceIds",
    ),
    _kind("network_interface", "NetworkInterfaces", "NetworkInterfaceId"),
    Kind(
        name="address",
        describe="describe_addresses",
        listed="Addresses",
        key="AllocationId",
        delete="release_address",
        argument="AllocationId",
    ),
    _kind("volume", "Volumes", "VolumeId"),
    _kind("security_group", "SecurityGroups", "GroupId"),
    _kind("subnet", "Subnets", "SubnetId"),
    _kind("route_table", "RouteTables", "RouteTableId"),
    _kind("internet_gateway", "InternetGateways", "InternetGatewayId"),
    _kind("vpc", "Vpcs", "VpcId"),
    _kind("key_pair", "KeyPairs", "KeyName"),
)
"""All that a mesh could have, in the order of deletion."""

_BY_NAME = {kind.name: kind for kind in KINDS}


class Aws:
    """`tests.e2e.offer.Account`."""

    def __init__(self, regions: tuple[str, ...], connect: Connect) -> None:
        self._clients: Mapping[str, Any] = {region: connect(region) for region in regions}

    @classmethod
    def open(cls, regions: tuple[str, ...]) -> Aws:
        """With the credentials that the vendor's client finds."""
        session = importlib.import_module("boto3").Session()
        return cls(regions, lambda region: session.client("ec2", region_name=region))

    def found(self, stack: str) -> list[Thing]:
        """Everything that carries the stack's tag; terminated instances are listed for an hour."""
        return [
            Thing(kind=kind.name, id=str(one[kind.key]), name=_name(one), place=region)
            for region in self._clients
            for kind in KINDS
            for one in self._all(region, kind, stack)
        ]

    def delete(self, thing: Thing) -> None:
        """Delete it, loosened from what holds it; the sweep asks again for what goes late."""
        kind, client = _BY_NAME[thing.kind], self._clients[thing.place]
        if kind.name in _LOOSEN:
            _LOOSEN[kind.name](client, thing.id)
        if kind.argument == "InstanceIds":
            client.terminate_instances(InstanceIds=[thing.id])
        else:
            getattr(client, kind.delete)(**{kind.argument: thing.id})

    def addresses(self, stack: str) -> list[str]:
        """Elastic IPv4 addresses, and the IPv6 addresses of the instances' interfaces."""
        found = []
        for region in self._clients:
            found += [one["PublicIp"] for one in self._all(region, _BY_NAME["address"], stack)]
            for machine in self._all(region, _BY_NAME["instance"], stack):
                for card in machine.get("NetworkInterfaces", ()):
                    found += [one["Ipv6Address"] for one in card.get("Ipv6Addresses", ())]
        return found

    def dearer(self, cloud: Cloud) -> list[str]:
        """Nothing: the price list is a service of its own, which asks for a right of its own."""
        del cloud
        return []

    def _all(self, region: str, kind: Kind, stack: str) -> list[Json]:
        filters = [{"Name": f"tag:{LABEL}", "Values": [stack]}]
        answer = getattr(self._clients[region], kind.describe)(Filters=filters)
        listed: list[Json] = answer[kind.listed]
        if kind.listed == "Reservations":
            listed = [one for group in listed for one in group["Instances"]]
            listed = [one for one in listed if one["State"]["Name"] != "terminated"]
        return listed


def _detach(client: Any, gateway: str) -> None:  # noqa: ANN401 - made at run time
    answer = client.describe_internet_gateways(InternetGatewayIds=[gateway])
    for one in answer["InternetGateways"]:
        for held in one.get("Attachments", ()):
            client.detach_internet_gateway(InternetGatewayId=gateway, VpcId=held["VpcId"])


def _disassociate(client: Any, table: str) -> None:  # noqa: ANN401 - made at run time
    for one in client.describe_route_tables(RouteTableIds=[table])["RouteTables"]:
        for held in one.get("Associations", ()):
            if not held.get("Main"):
                client.disassociate_route_table(AssociationId=held["RouteTableAssociationId"])


_LOOSEN = {"internet gateway": _detach, "route table": _disassociate}
"""What holds others, and how it lets go."""


def _name(one: Json) -> str:
    # An interface has its tags under another name than everything else.
    tags = {tag["Key"]: tag["Value"] for tag in one.get("Tags") or one.get("TagSet", ())}
    return str(tags.get("Name", ""))
