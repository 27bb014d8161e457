"""A mesh in two regions of AWS through the real engine, against AWS on paper (moto)."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from backplane import planes
from tests.aws_server import NEWEST, AwsServer, serving
from tests.engine.paper import HANDS_OFF, declare
from tests.pulumi_project import PulumiProject

REGIONS = {"fra": "eu-central-1", "arn": "eu-north-1"}
NODES = ("arn-a", "arn-b", "fra-a", "fra-b")


def _mesh() -> dict[str, Any]:
    """Two sites of two nodes, one of them without IPv6; nothing protected."""
    return {
        "protect": False,
        "sites": {
            site: {
                "id": number,
                "cloud": "aws",
                "location": region,
                "nodes": {f"{site}-a": {"id": 1}, f"{site}-b": {"id": 2, "ipv6": site != "arn"}},
            }
            for number, (site, region) in enumerate(REGIONS.items(), start=1)
        },
    }


@dataclass(slots=True, kw_only=True)
class Cloud:
    """What stands at AWS on paper.

    Attributes:
        server: The cloud.
        project: The program's project.
        mesh: What is declared.
    """

    server: AwsServer
    project: PulumiProject
    mesh: dict[str, Any] = field(default_factory=_mesh)

    def up(self) -> None:
        """Declare it and bring it up."""
        declare(self.project, self.mesh)
        self.project.up()

    def refused(self) -> str:
        """Declare it; what an `up` that fails says."""
        declare(self.project, self.mesh)
        done = self.project.up(check=False)
        assert done.code != 0
        assert "Traceback" not in done.text
        return done.text

    def machines(self, region: str) -> dict[str, dict[str, Any]]:
        """The machines that run, by the node's label."""
        wanted = [{"Name": "instance-state-name", "Values": ["running"]}]
        found = self.server.ec2(region).describe_instances(Filters=wanted)["Reservations"]
        return {_tags(one)["backplane-node"]: one for many in found for one in many["Instances"]}

    def groups(self, region: str) -> dict[str, dict[str, Any]]:
        """The stack's security groups by name."""
        wanted = [{"Name": "tag:backplane-stack", "Values": ["test"]}]
        found = self.server.ec2(region).describe_security_groups(Filters=wanted)
        return {one["GroupName"]: one for one in found["SecurityGroups"]}

    def left(self, region: str) -> list[str]:
        """Everything of the stack's that stands in a region."""
        ec2 = self.server.ec2(region)
        asked = {
            "Vpcs": ec2.describe_vpcs,
            "Subnets": ec2.describe_subnets,
            "InternetGateways": ec2.describe_internet_gateways,
            "RouteTables": ec2.describe_route_tables,
            "SecurityGroups": ec2.describe_security_groups,
            "KeyPairs": ec2.describe_key_pairs,
            "NetworkInterfaces": ec2.describe_network_interfaces,
            "Addresses": ec2.describe_addresses,
        }
        return [
            *self.machines(region),
            *(
                f"{kind} {_tags(one)['Name']}"
                for kind, ask in asked.items()
                for one in ask()[kind]
                if "backplane-stack" in _tags(one)
            ),
        ]


def _tags(raw: dict[str, Any]) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in raw.get("Tags") or raw.get("TagSet") or ()}


def _open(permissions: list[dict[str, Any]]) -> set[tuple[str, int, int, str]]:
    """Protocol, ports and each network of what a group lets through."""
    return {
        (one["IpProtocol"], one.get("FromPort", 0), one.get("ToPort", 0), network)
        for one in permissions
        for network in (
            *(each["CidrIp"] for each in one["IpRanges"]),
            *(each["CidrIpv6"] for each in one["Ipv6Ranges"]),
        )
    }


DARK = {(kind, port, port, net) for kind, port in planes.INBOUND for net in ("0.0.0.0/0", "::/0")}


@pytest.fixture
def cloud(engine: PulumiProject, tmp_path: Path) -> Iterator[Cloud]:
    """A cloud of its own, and this repository's program without a tunnel."""
    with serving(tmp_path / "aws") as server:
        engine.env.update(server.environment())
        engine.program(HANDS_OFF)
        yield Cloud(server=server, project=engine)


def test_two_regions_from_up_to_destroy(cloud: Cloud) -> None:
    """`up`, nothing to do after it, a change, a refresh, `destroy`: all as planned.

    Security groups as AWS has them equal the one constant; instances have their interface and
    address, IMDSv2, user-data within AWS's limit and Debian's newest image.
    """
    cloud.up()
    assert cloud.project.steps() == {}
    told = cloud.project.outputs()
    for site, region in REGIONS.items():
        [(name, group)] = cloud.groups(region).items()
        assert name == f"test-{site}"
        assert told["firewall_ids"][site] == group["GroupId"]
        assert _open(group["IpPermissions"]) == DARK
        everything = {("-1", 0, 0, "0.0.0.0/0"), ("-1", 0, 0, "::/0")}
        assert {(one[0], 0, 0, one[3]) for one in _open(group["IpPermissionsEgress"])} == everything
        found = cloud.machines(region)
        assert sorted(found) == [f"{site}-a", f"{site}-b"]
        for node, machine in found.items():
            _as_planned(cloud.server.ec2(region), machine, told, node, group["GroupId"])
    assert sorted(told["server_ids"]) == sorted(NODES)
    _changed(cloud)
    cloud.project.refresh()
    assert cloud.project.steps() == {}
    cloud.project.destroy()
    assert [cloud.left(region) for region in REGIONS.values()] == [[], []]


def _as_planned(
    ec2: Any,  # noqa: ANN401 - a client has no type
    machine: dict[str, Any],
    told: dict[str, Any],
    node: str,
    group: str,
) -> None:
    assert machine["InstanceId"] == told["server_ids"][node]
    assert machine["ImageId"] == NEWEST
    options = machine["MetadataOptions"]
    assert options["HttpTokens"] == "required"
    assert options["HttpPutResponseHopLimit"] == 1
    key = {"InstanceId": machine["InstanceId"], "Attribute": "userData"}
    data = ec2.describe_instance_attribute(**key)["UserData"]["Value"]
    text = base64.b64decode(data).decode()
    assert text.startswith("#cloud-config\n")
    assert len(text.encode()) < 16_384
    [interface] = machine["NetworkInterfaces"]
    keys = [interface["NetworkInterfaceId"]]
    [whole] = ec2.describe_network_interfaces(NetworkInterfaceIds=keys)["NetworkInterfaces"]
    assert [one["GroupId"] for one in whole["Groups"]] == [group]
    assert whole["SourceDestCheck"] is True
    assert len(whole["Ipv6Addresses"]) == (0 if node == "arn-b" else 1)
    wanted = [{"Name": "tag:backplane-node", "Values": [node]}]
    [address] = ec2.describe_addresses(Filters=wanted)["Addresses"]
    assert address["PublicIp"] == told["nodes"][node]["endpoint"]
    assert address["NetworkInterfaceId"] == interface["NetworkInterfaceId"]
    [disk] = ec2.describe_volumes(
        Filters=[{"Name": "attachment.instance-id", "Values": [machine["InstanceId"]]}]
    )["Volumes"]
    assert disk["Encrypted"] is True


def _changed(cloud: Cloud) -> None:
    """A third node comes, another is rebuilt: nothing else moves, and the addresses stay."""
    before = cloud.project.outputs()
    cloud.mesh["sites"]["fra"]["nodes"]["fra-c"] = {"id": 3}
    cloud.mesh["sites"]["arn"]["nodes"]["arn-a"]["incarnation"] = 2
    cloud.up()
    assert cloud.project.steps() == {}
    after = cloud.project.outputs()
    ids = before["server_ids"]
    moved = {name for name, key in after["server_ids"].items() if ids.get(name) != key}
    assert moved == {"arn-a", "fra-c"}
    for name, node in before["nodes"].items():
        assert after["nodes"][name]["endpoint"] == node["endpoint"]
    assert sorted(cloud.machines("eu-north-1")) == ["arn-a", "arn-b"]


def test_a_rule_of_another_hand_is_taken_back(cloud: Cloud) -> None:
    """SSH opened in the console: `refresh` sees it, and the next `up` makes the group dark."""
    del cloud.mesh["sites"]["arn"]
    cloud.up()
    ec2 = cloud.server.ec2("eu-central-1")
    [group] = cloud.groups("eu-central-1").values()
    ec2.authorize_security_group_ingress(
        GroupId=group["GroupId"], IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0"
    )
    cloud.project.refresh()
    assert cloud.project.steps() == {"fra-firewall": "update"}
    cloud.project.up()
    [group] = cloud.groups("eu-central-1").values()
    assert _open(group["IpPermissions"]) == DARK
    assert cloud.project.steps() == {}


def test_a_network_that_stands_there_is_used_and_left(cloud: Cloud) -> None:
    """With VPC and subnet named none is made, and `destroy` leaves the two."""
    ec2 = cloud.server.ec2("eu-central-1")
    vpc = ec2.create_vpc(CidrBlock="172.20.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]
    block = vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].replace("/56", "/64")
    made = ec2.create_subnet(VpcId=vpc["VpcId"], CidrBlock="172.20.1.0/24", Ipv6CidrBlock=block)
    subnet = made["Subnet"]["SubnetId"]
    del cloud.mesh["sites"]["arn"]
    cloud.mesh["sites"]["fra"] |= {"vpc": vpc["VpcId"], "subnet": subnet}
    cloud.up()
    assert {one["SubnetId"] for one in cloud.machines("eu-central-1").values()} == {subnet}
    assert not [one for one in cloud.left("eu-central-1") if one.startswith(("Vpcs", "Subnets"))]
    cloud.project.destroy()
    assert cloud.left("eu-central-1") == []
    assert ec2.describe_subnets(SubnetIds=[subnet])["Subnets"]


@pytest.mark.parametrize(
    ("site", "says"),
    [
        ({"type": "t3.tiny"}, "fra-b: AWS has no server type t3.tiny in eu-central-1"),
        ({"image": "debian-13"}, "fra-b: AWS has no image debian-13-amd64-* of Debian's"),
        ({"location": "eu-nowhere-1"}, "AWS cannot be asked in eu-nowhere-1: "),
        ({"location": "fsn1"}, "sites.fra.location: `fsn1` is no region of AWS"),
    ],
)
def test_what_aws_has_not_is_one_error_and_nothing_is_made(
    cloud: Cloud, site: dict[str, str], says: str
) -> None:
    """Type, image, region: where, what, why and the fix; no object stands anywhere."""
    cloud.mesh["sites"]["fra"] |= site
    told = cloud.refused()
    assert says in told
    assert "fix:" in told
    assert [cloud.left(region) for region in REGIONS.values()] == [[], []]
    cloud.mesh = _mesh()
    declare(cloud.project, cloud.mesh)
    assert cloud.project.run("preview", "--stack", "test").code == 0


def test_wrong_credentials_are_one_error(engine: PulumiProject, tmp_path: Path) -> None:
    """AWS's own words, and what to set; without any credentials too."""
    with serving(tmp_path / "aws", locked=True) as server:
        engine.env.update(server.environment())
        engine.program(HANDS_OFF)
        cloud = Cloud(server=server, project=engine)
        told = cloud.refused()
        assert "AWS cannot be asked in eu-central-1: " in told
        assert "AuthFailure" in told
        assert "fix: set AWS_PROFILE" in told
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            del engine.env[name]
        assert "Unable to locate credentials" in cloud.refused()
    assert not [one for one in engine.resources().values() if one["type"].startswith("aws:")]
