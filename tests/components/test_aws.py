"""What the program asks AWS for, input by input."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import pulumi
import pytest
from pulumi.runtime.mocks import MockResourceArgs

from components.clouds.aws import GATEWAY
from components.clouds.aws_api import SilentError
from components.clouds.aws_region import region_of
from tests.components.clouds import SHAPES
from tests.components.recorder import ROOT, PaperEc2, Recorder, _Mocks, run

INSTANCE = "aws:ec2/instance:Instance"
INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
GROUP = "aws:ec2/securityGroup:SecurityGroup"


def _mesh() -> dict[str, Any]:
    """The lab's declaration in two regions, without IPv6 on one node."""
    mesh = SHAPES["aws"].mesh()
    mesh["sites"]["hel"]["location"] = "eu-north-1"
    mesh["sites"]["hel"]["nodes"]["hel-b"]["ipv6"] = False
    return mesh


@pytest.fixture(scope="module")
def made() -> Recorder:
    """What the program registers for it."""
    return run(_mesh())


def _id(made: Recorder, name: str) -> str:
    [identifier] = [one.id for urn, one in made.resources.items() if urn.endswith(f"::{name}")]
    return str(identifier)


def test_a_site_and_a_node_are_these_resources(made: Recorder) -> None:
    """Exactly these, by type and name: seven a site, five a node, provider and key a region."""

    def children(parent: str) -> list[str]:
        mine = (one for one in made.registered if one.parent.endswith(f"::{parent}"))
        return sorted(one.what for one in mine)

    assert children("fsn") == [
        "aws:ec2/internetGateway:InternetGateway fsn-gateway",
        "aws:ec2/routeTable:RouteTable fsn-routes",
        "aws:ec2/routeTableAssociation:RouteTableAssociation fsn-routed",
        "aws:ec2/securityGroup:SecurityGroup fsn-firewall",
        "aws:ec2/subnet:Subnet fsn-subnet",
        "aws:ec2/vpc:Vpc fsn-vpc",
    ]
    assert children("fsn-a") == [
        "aws:ec2/eip:Eip fsn-a-ipv4",
        "aws:ec2/instance:Instance fsn-a-server",
        "aws:ec2/networkInterface:NetworkInterface fsn-a-interface",
        "command:remote:Command fsn-a-enroll",
        "random:index/randomBytes:RandomBytes fsn-a-seed",
    ]
    assert children("push") == [
        "aws:ec2/keyPair:KeyPair push-aws-eu-central-1-key",
        "aws:ec2/keyPair:KeyPair push-aws-eu-north-1-key",
        "pulumi:providers:aws push-aws-eu-central-1",
        "pulumi:providers:aws push-aws-eu-north-1",
        "random:index/randomBytes:RandomBytes push-seed",
    ]


def test_everything_is_made_in_its_region(made: Recorder) -> None:
    """Each resource of AWS names its site's provider, which has nothing but its region."""
    regions = {"fsn": "eu-central-1", "hel": "eu-north-1"}
    for one in made.registered:
        if one.type.startswith("aws:") and not one.name.startswith("push-"):
            region = regions[one.name[:3]]
            assert f"::push-aws-{region}::" in one.request.provider
    for name, one in made.of("pulumi:providers:aws").items():
        assert one.inputs == {"region": name.removeprefix("push-aws-")}


def test_a_network_of_its_own_leads_out_and_nothing_in(made: Recorder) -> None:
    """Dual stack, both default routes, no address by itself; inbound the four, outbound said."""
    assert made.of("aws:ec2/vpc:Vpc")["fsn-vpc"].inputs["cidrBlock"] == "172.30.2.0/23"
    [subnet] = [one for one in made.of("aws:ec2/subnet:Subnet").values() if one.name[:3] == "fsn"]
    assert subnet.inputs["ipv6CidrBlock"] == "2001:db8:2:100::/64"
    assert subnet.inputs["mapPublicIpOnLaunch"] is False
    gateway = _id(made, "fsn-gateway")
    assert made.of("aws:ec2/routeTable:RouteTable")["fsn-routes"].inputs["routes"] == [
        {"cidrBlock": "0.0.0.0/0", "gatewayId": gateway},
        {"ipv6CidrBlock": "::/0", "gatewayId": gateway},
    ]
    everywhere = {"cidrBlocks": ["0.0.0.0/0"], "ipv6CidrBlocks": ["::/0"]}
    group = made.of(GROUP)["fsn-firewall"].inputs
    assert group["ingress"] == [
        {"protocol": "udp", "fromPort": port, "toPort": port, **everywhere}
        for port in (51820, 51821, 51822, 51823)
    ]
    assert group["egress"] == [{"protocol": "-1", "fromPort": 0, "toPort": 0, **everywhere}]


def test_a_network_that_stands_there_is_used(made: Recorder) -> None:
    """With VPC and subnet named, the site makes its security group and nothing else."""
    mesh = _mesh()
    mesh["sites"]["fsn"] |= {"vpc": "vpc-0123456789abcdef0", "subnet": "subnet-0123456789abcdef0"}
    found = run(mesh)
    own = [one.name for one in found.registered if one.parent.endswith("::fsn")]
    assert own == ["fsn-firewall"]
    assert found.of(GROUP)["fsn-firewall"].inputs["vpcId"] == "vpc-0123456789abcdef0"
    for node in ("fsn-a", "fsn-b"):
        interface = found.of(INTERFACE)[f"{node}-interface"].inputs
        assert interface["subnetId"] == "subnet-0123456789abcdef0"
    assert len(made.of("aws:ec2/vpc:Vpc")) == 2


def test_an_instance_is_born_dark(made: Recorder) -> None:
    """Its own interface behind the group, IMDSv2 one hop far, an encrypted disk, Debian's image."""
    instance = made.of(INSTANCE)["fsn-a-server"].inputs
    tags = {"Name": "fsn-a", "backplane-stack": "lab", "backplane-node": "fsn-a"}
    assert {key: value for key, value in instance.items() if key != "userData"} == {
        "ami": "ami-debian-12-amd64",
        "instanceType": "t3.small",
        "keyName": _id(made, "push-aws-eu-central-1-key"),
        "primaryNetworkInterface": {"networkInterfaceId": _id(made, "fsn-a-interface")},
        "metadataOptions": {
            "httpEndpoint": "enabled",
            "httpTokens": "required",
            "httpPutResponseHopLimit": 1,
            "httpProtocolIpv6": "disabled",
            "instanceMetadataTags": "disabled",
        },
        "rootBlockDevice": {
            "encrypted": True,
            "volumeType": "gp3",
            "volumeSize": 20,
            "deleteOnTermination": True,
            "tags": tags,
        },
        "tags": tags,
    }
    assert len(instance["userData"].encode()) < 16_384
    assert "nd-router-advert" in instance["userData"]
    assert "nd-router-advert" not in made.of(INSTANCE)["hel-b-server"].inputs["userData"]
    interface = made.of(INTERFACE)["fsn-a-interface"].inputs
    assert interface["securityGroups"] == [_id(made, "fsn-firewall")]
    assert interface["ipv6AddressCount"] == 1
    assert made.of(INTERFACE)["hel-b-interface"].inputs["ipv6AddressCount"] == 0
    address = made.of("aws:ec2/eip:Eip")["fsn-a-ipv4"].inputs
    assert address == {
        "domain": "vpc",
        "networkInterface": _id(made, "fsn-a-interface"),
        "tags": tags,
    }


def test_only_a_gateway_passes_on_what_is_not_its_own(
    made: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source check stays on; a node with the gateway's role alone has none."""
    assert all(one.inputs["sourceDestCheck"] is True for one in made.of(INTERFACE).values())
    assert GATEWAY == "gateway"
    monkeypatch.setattr("components.clouds.aws.GATEWAY", "postgres")
    mesh = _mesh()
    for site in mesh["sites"].values():
        for name, node in site["nodes"].items():
            node["roles"] = ["postgres"] if name == "fsn-b" else []
    for key in ("nginx", "dns", "monitoring", "services", "grafana"):
        mesh.pop(key, None)
    checks = {name: one.inputs["sourceDestCheck"] for name, one in run(mesh).of(INTERFACE).items()}
    assert checks == {
        f"{node}-interface": node != "fsn-b" for node in ("fsn-a", "fsn-b", "hel-a", "hel-b")
    }


def test_dialled_addresses_are_the_elastic_ones(made: Recorder) -> None:
    """The endpoint is the elastic IP's, by IPv6 the interface's."""
    addresses = {
        name.removesuffix("-ipv4"): one for name, one in made.of("aws:ec2/eip:Eip").items()
    }
    for name, node in made.outputs["nodes"].items():
        assert name in addresses
        assert node["endpoint"].startswith("198.51.100.")
    mesh = _mesh()
    del mesh["sites"]["hel"]["nodes"]["hel-b"]["ipv6"]
    mesh["sites"]["fsn"]["endpoint"] = "ipv6"
    told = run(mesh).outputs["nodes"]
    assert told["fsn-a"]["endpoint"].startswith("2001:db8:2:100::")


class _Lacking(PaperEc2):
    """A region without small machines and without Debian 13."""

    def types(self, kinds: Iterable[str]) -> set[str]:
        return {*kinds} - {"t3.small"}

    def newest(self, pattern: str) -> str | None:
        return None if "13" in pattern else super().newest(pattern)


class _Silent(PaperEc2):
    """An account that lets nobody ask."""

    def types(self, kinds: Iterable[str]) -> set[str]:
        raise SilentError(f"AuthFailure, asked for {', '.join(kinds)}")


def _told(ec2: type[PaperEc2], monkeypatch: pytest.MonkeyPatch) -> str:
    """The error, and that nothing was made but randomness."""
    made: list[str] = []
    by_mocks = _Mocks.new_resource

    def note(self: _Mocks, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        made.append(args.typ)
        return by_mocks(self, args)

    monkeypatch.setattr(_Mocks, "new_resource", note)
    mesh = _mesh()
    mesh["sites"]["fsn"]["image"] = "debian-13"
    with pytest.raises(pulumi.RunError) as told:
        run(mesh, ec2=ec2)
    assert not [kind for kind in made if kind.startswith(("aws:", "hcloud:", "pulumi:providers"))]
    return str(told.value)


def test_what_a_region_has_not_is_told_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Type and image in one message, each with node, reason and fix."""
    told = _told(_Lacking, monkeypatch)
    assert "fsn-b: AWS has no server type t3.small in eu-central-1" in told
    assert "AWS has no image debian-13-amd64-* of Debian's (owner 136693071363)" in told
    assert told.count("  why: ") == told.count("  fix: ") == 2


def test_a_region_that_does_not_answer_is_told_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Credentials, permissions or a region that is none: why, and what to set."""
    told = _told(_Silent, monkeypatch)
    assert told.startswith(
        "AWS cannot be asked in eu-central-1: AuthFailure, asked for t3.small\n  why: "
    )
    assert "  fix: set AWS_PROFILE" in told


def test_other_stacks_do_not_wait_for_aws() -> None:
    """Importing all components loads neither its SDK nor its client; either would be seen."""
    words = """if True:
        import sys
        def told(): print([name for name in ("pulumi_aws", "boto3") if name in sys.modules])
        import components.mesh, components.node, components.site
        told()
        import boto3
        told()
        """
    done = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.splitlines() == ["[]", "['boto3']"]


def test_a_machine_wants_its_region() -> None:
    """Without its provider's look-ups there is no image to boot."""
    with pytest.raises(TypeError, match="needs its region's provider"):
        region_of(pulumi.ResourceOptions())
