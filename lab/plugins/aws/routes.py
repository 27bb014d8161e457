"""Routes: a table, and the subnets that follow it."""

from __future__ import annotations

from typing import Any, ClassVar

from lab.plugins.aws.base import TAGS, AwsResource, Raw, objects, one, ordered
from lab.plugins.common import Field, Kind, PluginError, Schema
from lab.plugins.common.resource import Plain

_ROUTE = Field(
    kind=Kind.OBJECT,
    fields={"cidrBlock": Field(), "ipv6CidrBlock": Field(), "gatewayId": Field()},
)


def _target(route: Plain) -> Raw:
    """Where a route leads to, as AWS's client has it."""
    if route.get("ipv6CidrBlock"):
        return {"DestinationIpv6CidrBlock": route["ipv6CidrBlock"]}
    return {"DestinationCidrBlock": route["cidrBlock"]}


class RouteTable(AwsResource):
    """The routes of subnets."""

    noun, kind = "route table", "route-table"
    sets = frozenset({"routes"})
    schema: ClassVar[Schema] = Schema(
        token="aws:ec2/routeTable:RouteTable",  # noqa: S106  a type's name
        inputs={
            "vpcId": Field(required=True, replaces=True),
            "routes": Field(kind=Kind.LIST, item=_ROUTE),
            "tags": TAGS,
        },
        outputs={"ownerId": Field(), "tagsAll": TAGS},
    )

    def make(self, client: Any, inputs: Plain) -> str:  # noqa: ANN401 - a client has no type
        """Make it, without routes."""
        made = client.create_route_table(
            VpcId=inputs["vpcId"], TagSpecifications=self.specification(inputs)
        )
        return str(made["RouteTable"]["RouteTableId"])

    def settle(self, client: Any, key: str, inputs: Plain) -> None:  # noqa: ANN401
        """Its routes become exactly these."""
        wanted = objects(inputs.get("routes"))
        there = objects(self.state(self.find(client, key) or {}).get("routes"))
        for route in there:
            if route not in wanted:
                client.delete_route(RouteTableId=key, **_target(route))
        for route in wanted:
            if route not in there:
                client.create_route(
                    RouteTableId=key, GatewayId=route["gatewayId"], **_target(route)
                )

    def find(self, client: Any, key: str) -> Raw | None:  # noqa: ANN401
        """It as it is."""
        return one(client.describe_route_tables(RouteTableIds=[key])["RouteTables"])

    def state(self, raw: Raw) -> Plain:
        """What AWS tells of it, without the VPC's own routes."""
        routes = []
        for route in raw.get("Routes") or ():
            if route.get("GatewayId") in {None, "local"}:
                continue
            wide = {
                "cidrBlock": route.get("DestinationCidrBlock"),
                "ipv6CidrBlock": route.get("DestinationIpv6CidrBlock"),
                "gatewayId": route["GatewayId"],
            }
            routes.append({key: value for key, value in wide.items() if value})
        return {
            "vpcId": raw.get("VpcId"),
            "routes": ordered([*routes]),
            "ownerId": raw.get("OwnerId"),
        }

    def change(self, client: Any, key: str, news: Plain, changed: set[str]) -> None:  # noqa: ANN401
        """Change its routes."""
        if "routes" in changed:
            self.settle(client, key, news)
        super().change(client, key, news, changed - {"routes"})

    def remove(self, client: Any, key: str) -> None:  # noqa: ANN401
        """Delete it."""
        client.delete_route_table(RouteTableId=key)


class RouteTableAssociation(AwsResource):
    """A subnet that follows a table."""

    noun = "route table association"
    schema: ClassVar[Schema] = Schema(
        token="aws:ec2/routeTableAssociation:RouteTableAssociation",  # noqa: S106  a type's name
        inputs={
            "subnetId": Field(required=True, replaces=True),
            "routeTableId": Field(required=True),
        },
    )

    def make(self, client: Any, inputs: Plain) -> str:  # noqa: ANN401
        """Associate the two."""
        made = client.associate_route_table(
            SubnetId=inputs["subnetId"], RouteTableId=inputs["routeTableId"]
        )
        return str(made["AssociationId"])

    def find(self, client: Any, key: str) -> Raw | None:  # noqa: ANN401
        """It as it is, which only its table knows."""
        name = "association.route-table-association-id"
        tables = client.describe_route_tables(Filters=[{"Name": name, "Values": [key]}])
        return one(
            [
                association
                for table in tables["RouteTables"]
                for association in table.get("Associations") or ()
                if association["RouteTableAssociationId"] == key
            ]
        )

    def state(self, raw: Raw) -> Plain:
        """What AWS tells of it."""
        if not raw.get("SubnetId"):
            raise PluginError(f"association {raw.get('RouteTableAssociationId')} has no subnet")
        return {"subnetId": raw["SubnetId"], "routeTableId": raw["RouteTableId"]}

    def remove(self, client: Any, key: str) -> None:  # noqa: ANN401
        """Part the two."""
        client.disassociate_route_table(AssociationId=key)
