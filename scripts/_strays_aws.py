"""What carries a stack's label in one region of AWS."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backplane.clouds import STACK_LABEL
from components.clouds.aws_api import CREDENTIALS, Ec2, SilentError
from components.clouds.reading_aws import tag
from scripts._problem import Problem
from scripts._strays import Found

ENDED = ("shutting-down", "terminated")
LOOKS = 60
"""Tries to delete what another object, on its way out, still holds; two seconds apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of object.

    Attributes:
        noun: What people call it.
        describe: The client's operation that lists it.
        answer: What the answer calls the list.
        key: What its entries call the id.
        delete: What the client's operation needs to delete one, by name and id.
    """

    noun: str
    describe: str
    answer: str
    key: str
    delete: Callable[[Any, str], object]


def _terminate(client: Any, key: str) -> None:  # noqa: ANN401 - a client has no type
    client.terminate_instances(InstanceIds=[key])
    client.get_waiter("instance_terminated").wait(InstanceIds=[key])


def _release(client: Any, key: str) -> None:  # noqa: ANN401
    [address] = client.describe_addresses(AllocationIds=[key])["Addresses"]
    if address.get("AssociationId"):
        client.disassociate_address(AssociationId=address["AssociationId"])
    client.release_address(AllocationId=key)


def _unroute(client: Any, key: str) -> None:  # noqa: ANN401
    [table] = client.describe_route_tables(RouteTableIds=[key])["RouteTables"]
    for one in table.get("Associations") or ():
        client.disassociate_route_table(AssociationId=one["RouteTableAssociationId"])
    client.delete_route_table(RouteTableId=key)


def _detach(client: Any, key: str) -> None:  # noqa: ANN401
    found = client.describe_internet_gateways(InternetGatewayIds=[key])["InternetGateways"]
    for one in found[0].get("Attachments") or ():
        client.detach_internet_gateway(InternetGatewayId=key, VpcId=one["VpcId"])
    client.delete_internet_gateway(InternetGatewayId=key)


KINDS = {
    "aws:ec2/instance:Instance": Kind(
        noun="instance",
        describe="describe_instances",
        answer="Reservations",
        key="InstanceId",
        delete=_terminate,
    ),
    "aws:ec2/eip:Eip": Kind(
        noun="elastic IP",
        describe="describe_addresses",
        answer="Addresses",
        key="AllocationId",
        delete=_release,
    ),
    "aws:ec2/networkInterface:NetworkInterface": Kind(
        noun="network interface",
        describe="describe_network_interfaces",
        answer="NetworkInterfaces",
        key="NetworkInterfaceId",
        delete=lambda client, key: client.delete_network_interface(NetworkInterfaceId=key),
    ),
    "aws:ec2/securityGroup:SecurityGroup": Kind(
        noun="security group",
        describe="describe_security_groups",
        answer="SecurityGroups",
        key="GroupId",
        delete=lambda client, key: client.delete_security_group(GroupId=key),
    ),
    "aws:ec2/routeTable:RouteTable": Kind(
        noun="route table",
        describe="describe_route_tables",
        answer="RouteTables",
        key="RouteTableId",
        delete=_unroute,
    ),
    "aws:ec2/internetGateway:InternetGateway": Kind(
        noun="internet gateway",
        describe="describe_internet_gateways",
        answer="InternetGateways",
        key="InternetGatewayId",
        delete=_detach,
    ),
    "aws:ec2/subnet:Subnet": Kind(
        noun="subnet",
        describe="describe_subnets",
        answer="Subnets",
        key="SubnetId",
        delete=lambda client, key: client.delete_subnet(SubnetId=key),
    ),
    "aws:ec2/vpc:Vpc": Kind(
        noun="VPC",
        describe="describe_vpcs",
        answer="Vpcs",
        key="VpcId",
        delete=lambda client, key: client.delete_vpc(VpcId=key),
    ),
    "aws:ec2/keyPair:KeyPair": Kind(
        noun="key pair",
        describe="describe_key_pairs",
        answer="KeyPairs",
        key="KeyName",
        delete=lambda client, key: client.delete_key_pair(KeyName=key),
    ),
}
"""By their type in the state, in the order of deletion."""


class Aws:
    """One region, seen with the credentials that the program uses.

    Args:
        region: Such as `eu-central-1`.
    """

    def __init__(self, region: str) -> None:
        self._region = region
        self._ec2 = Ec2(region)

    def labelled(self, stack: str) -> list[Found]:
        """Every object of the region with the label."""
        return [
            Found(
                type=kind,
                id=str(raw[one.key]),
                name=tag(raw, "Name"),
                noun=f"{self._region} {one.noun}",
                rank=rank,
            )
            for rank, (kind, one) in enumerate(KINDS.items())
            for raw in self._list(one, stack)
        ]

    def _list(self, kind: Kind, stack: str) -> list[Any]:
        wanted = [{"Name": f"tag:{STACK_LABEL}", "Values": [stack]}]

        def question(client: Any) -> Any:  # noqa: ANN401 - as above
            return getattr(client, kind.describe)(Filters=wanted)[kind.answer]

        told: list[Any] = self._ask(question, f"its {kind.noun}s cannot be listed")
        if kind.describe != "describe_instances":
            return told
        machines = [machine for many in told for machine in many["Instances"]]
        return [one for one in machines if one["State"]["Name"] not in ENDED]

    def delete(self, found: Found) -> None:
        """Delete an object, again while another that is on its way out still holds it."""
        for look in range(LOOKS):
            try:
                self._ask(
                    lambda client: KINDS[found.type].delete(client, found.id),
                    f"{found.shown} cannot be deleted",
                )
            except Problem as problem:
                if "DependencyViolation" not in problem.why or look == LOOKS - 1:
                    raise
                time.sleep(2)
            else:
                return

    def _ask(self, question: Callable[[Any], Any], what: str) -> Any:  # noqa: ANN401
        try:
            return self._ec2.ask(question)
        except SilentError as error:
            raise Problem(
                where=f"AWS, {self._region}", what=what, why=str(error), fix=CREDENTIALS
            ) from error
