"""Networks: VPCs, subnets, and the gateway to the internet."""

from __future__ import annotations

from typing import Any, ClassVar

from lab.plugins.aws.base import FLAG, TAGS, AwsResource, Raw, one
from lab.plugins.aws.client import until
from lab.plugins.common import Field, Schema
from lab.plugins.common.resource import Plain

_BLOCKS = "Ipv6CidrBlockAssociationSet"
_UNDER_WAY = ("associating", "disassociating", "disassociated", "failing", "failed")


def _block6(raw: Raw) -> str | None:
    """The IPv6 network of a VPC or subnet, when it is there."""
    ready = [one for one in raw.get(_BLOCKS) or () if _ready(one)]
    return str(ready[0]["Ipv6CidrBlock"]) if ready else None


def _ready(association: Raw) -> bool:
    # moto wraps the state of a subnet's block once too often; it is there at once.
    state = (association.get("Ipv6CidrBlockState") or {}).get("State")
    return bool(association.get("Ipv6CidrBlock")) and state not in _UNDER_WAY


class Vpc(AwsResource):
    """A private network."""

    noun, kind = "VPC", "vpc"
    schema: ClassVar[Schema] = Schema(
        token="aws:ec2/vpc:Vpc",  # noqa: S106  a type's name
        inputs={
            "cidrBlock": Field(required=True, replaces=True),
            "assignGeneratedIpv6CidrBlock": FLAG,
            "tags": TAGS,
        },
        outputs={"ipv6CidrBlock": Field(), "ownerId": Field(), "tagsAll": TAGS},
    )

    def make(self, client: Any, inputs: Plain) -> str:  # noqa: ANN401 - a client has no type
        """Make it, with an IPv6 block of Amazon's if asked."""
        made = client.create_vpc(
            CidrBlock=inputs["cidrBlock"],
            AmazonProvidedIpv6CidrBlock=inputs.get("assignGeneratedIpv6CidrBlock") is True,
            TagSpecifications=self.specification(inputs),
        )
        return str(made["Vpc"]["VpcId"])

    def settle(self, client: Any, key: str, inputs: Plain) -> None:  # noqa: ANN401
        """Wait for the IPv6 block."""
        if inputs.get("assignGeneratedIpv6CidrBlock") is True:
            until(lambda: _block6(self.find(client, key) or {}) is not None, f"IPv6 of VPC {key}")

    def find(self, client: Any, key: str) -> Raw | None:  # noqa: ANN401
        """It as it is."""
        return one(client.describe_vpcs(VpcIds=[key])["Vpcs"])

    def state(self, raw: Raw) -> Plain:
        """What AWS tells of it."""
        block = _block6(raw)
        return {
            "cidrBlock": raw["CidrBlock"],
            "assignGeneratedIpv6CidrBlock": block is not None,
            "ipv6CidrBlock": block or "",
            "ownerId": raw.get("OwnerId"),
        }

    def remove(self, client: Any, key: str) -> None:  # noqa: ANN401
        """Delete it."""
        client.delete_vpc(VpcId=key)


class Subnet(AwsResource):
    """A part of a VPC in one zone."""

    noun, kind = "subnet", "subnet"
    schema: ClassVar[Schema] = Schema(
        token="aws:ec2/subnet:Subnet",  # noqa: S106  a type's name
        inputs={
            "vpcId": Field(required=True, replaces=True),
            "cidrBlock": Field(replaces=True),
            "ipv6CidrBlock": Field(),
            "mapPublicIpOnLaunch": FLAG,
            "tags": TAGS,
        },
        outputs={"availabilityZone": Field(), "ownerId": Field(), "tagsAll": TAGS},
    )

    def make(self, client: Any, inputs: Plain) -> str:  # noqa: ANN401
        """Make it."""
        more = {"Ipv6CidrBlock": inputs["ipv6CidrBlock"]} if inputs.get("ipv6CidrBlock") else {}
        made = client.create_subnet(
            VpcId=inputs["vpcId"],
            CidrBlock=inputs["cidrBlock"],
            TagSpecifications=self.specification(inputs),
            **more,
        )
        return str(made["Subnet"]["SubnetId"])

    def settle(self, client: Any, key: str, inputs: Plain) -> None:  # noqa: ANN401
        """Whether machines get an address by themselves is a setting of its own."""
        wanted = inputs.get("mapPublicIpOnLaunch") is True
        client.modify_subnet_attribute(SubnetId=key, MapPublicIpOnLaunch={"Value": wanted})

    def find(self, client: Any, key: str) -> Raw | None:  # noqa: ANN401
        """It as it is."""
        return one(client.describe_subnets(SubnetIds=[key])["Subnets"])

    def state(self, raw: Raw) -> Plain:
        """What AWS tells of it."""
        return {
            "vpcId": raw["VpcId"],
            "cidrBlock": raw["CidrBlock"],
            "ipv6CidrBlock": _block6(raw) or "",
            "mapPublicIpOnLaunch": bool(raw.get("MapPublicIpOnLaunch")),
            "availabilityZone": raw.get("AvailabilityZone"),
            "ownerId": raw.get("OwnerId"),
        }

    def change(self, client: Any, key: str, news: Plain, changed: set[str]) -> None:  # noqa: ANN401
        """Change who gets an address by itself."""
        if "mapPublicIpOnLaunch" in changed:
            self.settle(client, key, news)
        super().change(client, key, news, changed - {"mapPublicIpOnLaunch"})

    def remove(self, client: Any, key: str) -> None:  # noqa: ANN401
        """Delete it."""
        client.delete_subnet(SubnetId=key)


class InternetGateway(AwsResource):
    """A VPC's way to the internet."""

    noun, kind = "internet gateway", "internet-gateway"
    schema: ClassVar[Schema] = Schema(
        token="aws:ec2/internetGateway:InternetGateway",  # noqa: S106  a type's name
        inputs={"vpcId": Field(), "tags": TAGS},
        outputs={"ownerId": Field(), "tagsAll": TAGS},
    )

    def make(self, client: Any, inputs: Plain) -> str:  # noqa: ANN401
        """Make it."""
        made = client.create_internet_gateway(TagSpecifications=self.specification(inputs))
        return str(made["InternetGateway"]["InternetGatewayId"])

    def settle(self, client: Any, key: str, inputs: Plain) -> None:  # noqa: ANN401
        """Attach it."""
        if inputs.get("vpcId"):
            client.attach_internet_gateway(InternetGatewayId=key, VpcId=inputs["vpcId"])

    def find(self, client: Any, key: str) -> Raw | None:  # noqa: ANN401
        """It as it is."""
        found = client.describe_internet_gateways(InternetGatewayIds=[key])
        return one(found["InternetGateways"])

    def state(self, raw: Raw) -> Plain:
        """What AWS tells of it."""
        attached = raw.get("Attachments") or [{}]
        return {"vpcId": attached[0].get("VpcId"), "ownerId": raw.get("OwnerId")}

    def change(self, client: Any, key: str, news: Plain, changed: set[str]) -> None:  # noqa: ANN401
        """Attach it to another VPC."""
        if "vpcId" in changed:
            self._detach(client, key)
            self.settle(client, key, news)
        super().change(client, key, news, changed - {"vpcId"})

    def _detach(self, client: Any, key: str) -> None:  # noqa: ANN401
        for attached in (self.find(client, key) or {}).get("Attachments") or ():
            client.detach_internet_gateway(InternetGatewayId=key, VpcId=attached["VpcId"])

    def remove(self, client: Any, key: str) -> None:  # noqa: ANN401
        """Detach and delete it."""
        self._detach(client, key)
        client.delete_internet_gateway(InternetGatewayId=key)
