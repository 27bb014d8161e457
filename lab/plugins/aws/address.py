"""Interfaces and elastic IPs: what of a machine outlives it."""

from __future__ import annotations

from typing import Any, ClassVar

from lab.plugins.aws.base import FLAG, INTEGER, TAGS, TEXTS, AwsResource, Raw, one, texts
from lab.plugins.common import Field, Schema
from lab.plugins.common.resource import Plain


class NetworkInterface(AwsResource):
    """An interface of a subnet, with or without a machine."""

    noun, kind = "network interface", "network-interface"
    sets = frozenset({"securityGroups"})
    schema: ClassVar[Schema] = Schema(
        token="aws:ec2/networkInterface:NetworkInterface",  # noqa: S106  a type's name
        inputs={
            "subnetId": Field(required=True, replaces=True),
            "securityGroups": TEXTS,
            "ipv6AddressCount": INTEGER,
            "sourceDestCheck": FLAG,
            "tags": TAGS,
        },
        outputs={
            "ipv6Addresses": TEXTS,
            "macAddress": Field(),
            "ownerId": Field(),
            "privateIp": Field(),
            "tagsAll": TAGS,
        },
    )

    def make(self, client: Any, inputs: Plain) -> str:  # noqa: ANN401 - a client has no type
        """Make it with its addresses."""
        count = inputs.get("ipv6AddressCount")
        made = client.create_network_interface(
            SubnetId=inputs["subnetId"],
            Groups=texts(inputs.get("securityGroups")),
            TagSpecifications=self.specification(inputs),
            **({"Ipv6AddressCount": count} if count else {}),
        )
        return str(made["NetworkInterface"]["NetworkInterfaceId"])

    def settle(self, client: Any, key: str, inputs: Plain) -> None:  # noqa: ANN401
        """The source check is a setting of its own, on at first."""
        if inputs.get("sourceDestCheck") is False:
            self._check(client, key, on=False)

    @staticmethod
    def _check(client: Any, key: str, *, on: bool) -> None:  # noqa: ANN401
        client.modify_network_interface_attribute(
            NetworkInterfaceId=key, SourceDestCheck={"Value": on}
        )

    def find(self, client: Any, key: str) -> Raw | None:  # noqa: ANN401
        """It as it is."""
        found = client.describe_network_interfaces(NetworkInterfaceIds=[key])
        return one(found["NetworkInterfaces"])

    def state(self, raw: Raw) -> Plain:
        """What AWS tells of it."""
        addresses = [each["Ipv6Address"] for each in raw.get("Ipv6Addresses") or ()]
        return {
            "subnetId": raw["SubnetId"],
            "securityGroups": [group["GroupId"] for group in raw.get("Groups") or ()],
            "ipv6AddressCount": len(addresses),
            "ipv6Addresses": [*addresses],
            "sourceDestCheck": raw.get("SourceDestCheck") is not False,
            "macAddress": raw.get("MacAddress"),
            "ownerId": raw.get("OwnerId"),
            "privateIp": raw.get("PrivateIpAddress"),
        }

    def change(self, client: Any, key: str, news: Plain, changed: set[str]) -> None:  # noqa: ANN401
        """Change groups and the source check."""
        if "securityGroups" in changed:
            client.modify_network_interface_attribute(
                NetworkInterfaceId=key, Groups=texts(news.get("securityGroups"))
            )
        if "sourceDestCheck" in changed:
            self._check(client, key, on=news.get("sourceDestCheck") is not False)
        super().change(client, key, news, changed - {"securityGroups", "sourceDestCheck"})

    def remove(self, client: Any, key: str) -> None:  # noqa: ANN401
        """Delete it."""
        client.delete_network_interface(NetworkInterfaceId=key)


class Eip(AwsResource):
    """A public IPv4 address of the account's."""

    noun, kind = "elastic IP", "elastic-ip"
    schema: ClassVar[Schema] = Schema(
        token="aws:ec2/eip:Eip",  # noqa: S106  a type's name
        inputs={
            "domain": Field(replaces=True, choices=("vpc",)),
            "networkInterface": Field(),
            "tags": TAGS,
        },
        outputs={
            "allocationId": Field(),
            "associationId": Field(),
            "publicIp": Field(),
            "privateIp": Field(),
            "tagsAll": TAGS,
        },
        recomputed=frozenset({"associationId"}),
    )

    def make(self, client: Any, inputs: Plain) -> str:  # noqa: ANN401
        """Take an address."""
        made = client.allocate_address(Domain="vpc", TagSpecifications=self.specification(inputs))
        return str(made["AllocationId"])

    def settle(self, client: Any, key: str, inputs: Plain) -> None:  # noqa: ANN401
        """Put it on its interface."""
        if inputs.get("networkInterface"):
            client.associate_address(
                AllocationId=key,
                NetworkInterfaceId=inputs["networkInterface"],
                AllowReassociation=True,
            )

    def find(self, client: Any, key: str) -> Raw | None:  # noqa: ANN401
        """It as it is."""
        return one(client.describe_addresses(AllocationIds=[key])["Addresses"])

    def state(self, raw: Raw) -> Plain:
        """What AWS tells of it."""
        return {
            "domain": raw.get("Domain"),
            "networkInterface": raw.get("NetworkInterfaceId") or "",
            "allocationId": raw["AllocationId"],
            "associationId": raw.get("AssociationId") or "",
            "publicIp": raw["PublicIp"],
            "privateIp": raw.get("PrivateIpAddress") or "",
        }

    def change(self, client: Any, key: str, news: Plain, changed: set[str]) -> None:  # noqa: ANN401
        """Put it on another interface."""
        if "networkInterface" in changed:
            self._free(client, key)
            self.settle(client, key, news)
        super().change(client, key, news, changed - {"networkInterface"})

    def _free(self, client: Any, key: str) -> None:  # noqa: ANN401
        association = (self.find(client, key) or {}).get("AssociationId")
        if association:
            client.disassociate_address(AssociationId=association)

    def remove(self, client: Any, key: str) -> None:  # noqa: ANN401
        """Take it off and give it back."""
        self._free(client, key)
        client.release_address(AllocationId=key)
