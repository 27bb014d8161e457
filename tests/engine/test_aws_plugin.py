"""The stand-in for `aws` through the real engine: what changes in place, and what replaces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.setup import toolchain
from tests.aws_server import NEWEST, OLD, AwsServer, serving
from tests.pulumi_project import PulumiProject

REGION = "eu-central-1"
PROGRAM = """
import pulumi
from pulumi_aws import ec2

class Region(pulumi.ProviderResource):
    def __init__(self):
        super().__init__("aws", "here", {{"region": "eu-central-1"}})
opts = pulumi.ResourceOptions(provider=Region())
tags = {tags!r}
vpc = ec2.Vpc("vpc", cidr_block="172.30.0.0/23", assign_generated_ipv6_cidr_block=True,
              tags=tags, opts=opts)
subnet = ec2.Subnet("subnet", vpc_id=vpc.id, cidr_block="172.30.0.0/23",
                    map_public_ip_on_launch={mapped!r}, opts=opts)
gateway = ec2.InternetGateway("gateway", vpc_id=vpc.id, opts=opts)
table = ec2.RouteTable("table", vpc_id=vpc.id, opts=opts, routes=[
    ec2.RouteTableRouteArgs(cidr_block=block, gateway_id=gateway.id) for block in {blocks!r}])
groups = [ec2.SecurityGroup(name, name=name, vpc_id=vpc.id, opts=opts,
          ingress=[ec2.SecurityGroupIngressArgs(protocol="udp", from_port=port, to_port=port,
                                                cidr_blocks=["0.0.0.0/0"]) for port in {ports!r}])
          for name in ("one", "two")]
interfaces = [ec2.NetworkInterface(name, subnet_id=subnet.id, source_dest_check={checked!r},
              security_groups=[group.id for group in groups[:{groups!r}]], opts=opts)
              for name in ("left", "right")]
address = ec2.Eip("address", domain="vpc", network_interface=interfaces[{at!r}].id, opts=opts)
machine = ec2.Instance("machine", ami={ami!r}, instance_type={type!r}, tags=tags,
    primary_network_interface=ec2.InstancePrimaryNetworkInterfaceArgs(
        network_interface_id=interfaces[0].id),
    user_data={data!r},
    root_block_device=ec2.InstanceRootBlockDeviceArgs(encrypted=True, volume_size=20),
    metadata_options=ec2.InstanceMetadataOptionsArgs(
        http_tokens="required", http_put_response_hop_limit={hops!r}),
    opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(delete_before_replace=True)))
"""


def program(**changes: object) -> str:
    """The program with these differences."""
    values: dict[str, object] = {
        "tags": {"a": "1", "b": "2"}, "mapped": False, "blocks": ["0.0.0.0/0", "198.51.100.0/24"],
        "ports": [51820, 51821], "checked": True, "groups": 1, "at": 0, "ami": OLD,
        "type": "t3.small", "data": "#cloud-config\n", "hops": 1,
    }  # fmt: skip
    return PROGRAM.format(**{**values, **changes})


@pytest.fixture
def aws(engine: PulumiProject, tmp_path: Path) -> Iterator[AwsServer]:
    """A cloud of its own, and everything of the program there."""
    if "resource-aws" not in toolchain.stand_ins():
        pytest.skip("the official plugin is here, which has its own tests")
    with serving(tmp_path / "aws") as server:
        engine.env.update(server.environment())
        engine.program(program())
        engine.up()
        assert engine.steps() == {}
        yield server


def _one(server: AwsServer, operation: str, answer: str, key: str) -> dict[str, Any]:
    """The only one of a list whose ids hold this."""
    found = getattr(server.ec2(REGION), operation)()[answer]
    return next(one for one in found if key in one.values())


def test_what_changes_in_place(engine: PulumiProject, aws: AwsServer) -> None:
    """Tags, routes, rules, groups, the source check, the address, type and metadata: all updates.

    AWS has what the program says, and nothing of what it said before.
    """
    changed = program(
        tags={"b": "3"}, mapped=True, blocks=["0.0.0.0/0"], ports=[51821, 51822], checked=False,
        groups=2, at=1, type="t3.medium", hops=2,
    )  # fmt: skip
    before = {name: one["id"] for name, one in engine.resources().items() if "id" in one}
    engine.program(changed)
    assert set(engine.steps().values()) == {"update"}
    engine.up()
    assert engine.steps() == {}
    engine.refresh()
    assert engine.steps() == {}
    ids = {name: one["id"] for name, one in engine.resources().items() if "id" in one}
    assert ids == before
    vpc = _one(aws, "describe_vpcs", "Vpcs", ids["vpc"])
    assert vpc["Tags"] == [{"Key": "b", "Value": "3"}]
    assert _one(aws, "describe_subnets", "Subnets", ids["subnet"])["MapPublicIpOnLaunch"] is True
    table = _one(aws, "describe_route_tables", "RouteTables", ids["table"])
    routes = [one["DestinationCidrBlock"] for one in table["Routes"] if one["GatewayId"] != "local"]
    assert routes == ["0.0.0.0/0"]
    group = _one(aws, "describe_security_groups", "SecurityGroups", ids["one"])
    assert sorted(one["FromPort"] for one in group["IpPermissions"]) == [51821, 51822]
    assert group["IpPermissionsEgress"] == []
    left = _one(aws, "describe_network_interfaces", "NetworkInterfaces", ids["left"])
    assert left["SourceDestCheck"] is False
    assert {one["GroupId"] for one in left["Groups"]} == {ids["one"], ids["two"]}
    address = _one(aws, "describe_addresses", "Addresses", ids["address"])
    assert address["NetworkInterfaceId"] == ids["right"]
    [[machine]] = [one["Instances"] for one in aws.ec2(REGION).describe_instances()["Reservations"]]
    assert machine["InstanceType"] == "t3.medium"
    assert machine["State"]["Name"] == "running"
    assert machine["MetadataOptions"]["HttpPutResponseHopLimit"] == 2


def test_what_replaces_and_what_is_refused(engine: PulumiProject, aws: AwsServer) -> None:
    """Another image replaces the machine; user-data is not changed here, and never too long."""
    engine.program(program(ami=NEWEST))
    assert engine.steps()["machine"] in {"replace", "delete-replaced", "create-replacement"}
    engine.up()
    machines = [
        (one["ImageId"], one["State"]["Name"])
        for many in aws.ec2(REGION).describe_instances()["Reservations"]
        for one in many["Instances"]
    ]
    assert sorted(machines) == [(OLD, "terminated"), (NEWEST, "running")]
    engine.program(program(ami=NEWEST, data="#cloud-config\n# other\n"))
    refused = engine.up(check=False)
    assert refused.code != 0
    assert "changes no userData in place" in refused.text
    engine.program(program(ami=NEWEST, data="#" * 16_385))
    assert "is longer than 16384 bytes" in engine.run("preview", check=False).text


def test_what_is_gone_is_made_again(engine: PulumiProject, aws: AwsServer) -> None:
    """Deleted by another hand: `refresh` forgets it, `up` makes it, `destroy` does not mind."""
    ec2 = aws.ec2(REGION)
    key = engine.resources()["machine"]["id"]
    ec2.terminate_instances(InstanceIds=[key])
    engine.refresh()
    assert engine.steps() == {"machine": "create"}
    engine.up()
    assert engine.steps() == {}
    ec2.release_address(AllocationId=engine.resources()["address"]["id"])
    engine.destroy()
    assert set(engine.resources()) <= {"throwaway-test"}


def test_what_was_half_made_is_finished(engine: PulumiProject, aws: AwsServer) -> None:
    """A gateway that could not be attached is kept in the state; the next `up` attaches it."""
    ec2 = aws.ec2(REGION)
    engine.destroy()
    vpc = ec2.create_vpc(CidrBlock="172.30.4.0/23")["Vpc"]["VpcId"]
    lone = """
        import pulumi
        from pulumi_aws import ec2

        class Region(pulumi.ProviderResource):
            def __init__(self):
                super().__init__("aws", "here", {{"region": "eu-central-1"}})
        ec2.InternetGateway("gateway", vpc_id={vpc!r},
                            opts=pulumi.ResourceOptions(provider=Region()))
        """
    engine.program(lone.format(vpc="vpc-00000000000000bad"))
    failed = engine.up(check=False)
    assert "exists (igw-" in failed.text
    key = engine.resources()["gateway"]["id"]
    engine.program(lone.format(vpc=vpc))
    engine.up()
    assert engine.steps() == {}
    gateway = _one(aws, "describe_internet_gateways", "InternetGateways", key)
    assert [one["VpcId"] for one in gateway["Attachments"]] == [vpc]
