"""What `drift` and `recover` see of AWS, against moto in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from components.clouds.readers import READERS
from components.clouds.reading import DARK, UnreadableError
from components.clouds.reading_aws import OUT
from scripts import _drift
from scripts._engine import State
from scripts._problem import Problem
from scripts._strays import Shore, shores, strays
from scripts._strays_aws import KINDS, Aws
from tests.scripts.facts import outputs

REGION = "eu-central-1"
EVERYWHERE = {"IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "of-nobody")
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


def _tags(kind: str, name: str, **more: str) -> list[dict[str, Any]]:
    tags = {"Name": name, "backplane-stack": "lab", **more}
    return [{"ResourceType": kind, "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}]


def _site() -> dict[str, str]:
    """A site's objects as the program makes them, with one machine; their ids."""
    ec2 = boto3.client("ec2", region_name=REGION)
    vpc = ec2.create_vpc(CidrBlock="172.30.2.0/23", TagSpecifications=_tags("vpc", "lab-fsn"))
    made = {"vpc": vpc["Vpc"]["VpcId"]}
    subnet = ec2.create_subnet(
        VpcId=made["vpc"], CidrBlock="172.30.2.0/23", TagSpecifications=_tags("subnet", "lab-fsn")
    )
    made["subnet"] = subnet["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway(TagSpecifications=_tags("internet-gateway", "lab-fsn"))
    made["gateway"] = gateway["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=made["gateway"], VpcId=made["vpc"])
    table = ec2.create_route_table(
        VpcId=made["vpc"], TagSpecifications=_tags("route-table", "lab-fsn")
    )
    made["table"] = table["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=made["table"], SubnetId=made["subnet"])
    made["group"] = ec2.create_security_group(
        GroupName="lab-fsn",
        Description="planes",
        VpcId=made["vpc"],
        TagSpecifications=_tags("security-group", "lab-fsn"),
    )["GroupId"]
    four = [
        {"IpProtocol": "udp", "FromPort": port, "ToPort": port, **EVERYWHERE}
        for port in range(51820, 51824)
    ]
    ec2.authorize_security_group_ingress(GroupId=made["group"], IpPermissions=four)
    out = [{"IpProtocol": "-1", "Ipv6Ranges": EVERYWHERE["Ipv6Ranges"]}]
    ec2.authorize_security_group_egress(GroupId=made["group"], IpPermissions=out)
    key = ec2.create_key_pair(KeyName="lab-push", TagSpecifications=_tags("key-pair", "lab-push"))
    made["key"] = key["KeyName"]
    interface = ec2.create_network_interface(
        SubnetId=made["subnet"],
        Groups=[made["group"]],
        TagSpecifications=_tags("network-interface", "fsn-a", **{"backplane-node": "fsn-a"}),
    )
    made["interface"] = interface["NetworkInterface"]["NetworkInterfaceId"]
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=_tags("elastic-ip", "fsn-a"))
    made["address"] = address["AllocationId"]
    ec2.associate_address(AllocationId=made["address"], NetworkInterfaceId=made["interface"])
    ordered = ec2.run_instances(
        ImageId="ami-0000000000000d121",
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": made["interface"]}],
        TagSpecifications=_tags("instance", "fsn-a", **{"backplane-node": "fsn-a"}),
    )
    made["machine"] = ordered["Instances"][0]["InstanceId"]
    return made


def _drifted(group: str, node: str = "fsn-a") -> list[tuple[str, str, str, str]]:
    seen = {**outputs(), "nodes": {node: {"site": "fsn"}}, "firewall_ids": {"fsn": group}}
    standing = READERS["aws"].read("lab", {REGION}, lambda _key: None)
    found = _drift.of_cloud(seen, "fsn", standing)
    return [(one["node"], one["what"], one["declared"], one["live"]) for one in found]


def test_a_site_as_the_program_makes_it_is_no_drift() -> None:
    """Four ports in and all out, both over IPv4 and IPv6; the machine behind its group alone."""
    made = _site()
    standing = READERS["aws"].read("lab", {REGION}, lambda _key: None)
    assert standing.firewalls[made["group"]].rules == DARK | {OUT} == standing.dark
    assert standing.machines == {"fsn-a": frozenset({made["group"]})}
    assert _drifted(made["group"]) == []


def test_what_another_hand_did_is_drift() -> None:
    """SSH opened, outbound taken away, a second group on the machine, the machine gone."""
    made = _site()
    ec2 = boto3.client("ec2", region_name=REGION)
    ssh = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": EVERYWHERE["IpRanges"]}]
    ec2.authorize_security_group_ingress(GroupId=made["group"], IpPermissions=ssh)
    assert _drifted(made["group"]) == [
        ("site fsn", "firewall", "", "in tcp 22 from 0.0.0.0/0"),
    ]
    ec2.revoke_security_group_ingress(GroupId=made["group"], IpPermissions=ssh)
    out = [{"IpProtocol": "-1", "IpRanges": EVERYWHERE["IpRanges"]}]
    ec2.revoke_security_group_egress(GroupId=made["group"], IpPermissions=out)
    assert _drifted(made["group"]) == [
        ("site fsn", "firewall", "out all to 0.0.0.0/0, ::/0", "out all to ::/0"),
    ]
    ec2.authorize_security_group_egress(GroupId=made["group"], IpPermissions=out)
    other = ec2.create_security_group(GroupName="open", Description="open", VpcId=made["vpc"])[
        "GroupId"
    ]
    ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=ssh)
    ec2.modify_network_interface_attribute(
        NetworkInterfaceId=made["interface"], Groups=[made["group"], other]
    )
    [(node, what, _, live)] = _drifted(made["group"])
    assert (node, what) == ("fsn-a", "firewall open")
    assert "in tcp 22 from 0.0.0.0/0" in live
    assert _drifted(made["group"], "fsn-b") == [("fsn-b", "server", "there", "")]


def test_without_credentials_the_cloud_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    """One error with what to set, for `drift` and for `recover`."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.delenv(f"AWS_{name}")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(UnreadableError, match="does not answer in eu-central-1") as silent:
        READERS["aws"].read("lab", {REGION}, lambda _key: None)
    assert "credentials" in silent.value.what
    assert "AWS_PROFILE" in silent.value.fix
    with pytest.raises(Problem, match="cannot be listed") as told:
        Aws(REGION).labelled("lab")
    assert "AWS_PROFILE" in told.value.fix


def _state(resources: list[dict[str, Any]], pending: list[dict[str, Any]]) -> State:
    return State({"resources": resources, "pending_operations": pending})


def test_what_is_in_no_state_is_found_and_deleted_in_order() -> None:
    """All nine kinds, machine first and network last; what is in the state is none of it.

    One whose creation was cut is explained by that; another stack's is not even seen.
    """
    made = _site()
    machine = "aws:ec2/instance:Instance"
    cut = {"type": machine, "inputs": {"tags": {"Name": "fsn-a"}}}
    known = [{"type": "aws:ec2/keyPair:KeyPair", "id": made["key"]}]
    state = _state(known, [{"type": "creating", "resource": cut}])
    shore = Aws(REGION)
    assert shore.labelled("prod") == []
    found = strays(shore.labelled("lab"), state)
    assert [one.type for one, _ in found] == [kind for kind in KINDS if "keyPair" not in kind]
    assert [one.type for one, explained in found if explained] == [machine]
    assert found[0][0].shown == f"eu-central-1 instance fsn-a ({made['machine']})"
    for one, _ in found:
        shore.delete(one)
    assert [one.id for one in shore.labelled("lab")] == [made["key"]]


def test_every_access_of_state_and_declaration_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A region each, Hetzner once; where nothing tells of a cloud, Hetzner's is asked as ever."""
    monkeypatch.setenv("HCLOUD_TOKEN", "x" * 64)
    monkeypatch.setattr("scripts._strays_hetzner.setting", lambda _stack, _key: None)
    provider = {"type": "pulumi:providers:aws", "inputs": {"region": "eu-north-1"}}
    server = {"type": "hcloud:index/server:Server", "id": "7"}

    def seen(resources: list[dict[str, Any]], declared: set[tuple[str, str]]) -> list[str]:
        monkeypatch.setattr("scripts._strays._declared", lambda _stack: declared)
        found: list[Shore] = shores("lab", _state(resources, []))
        return [f"{type(one).__name__} {getattr(one, '_region', '')}".strip() for one in found]

    assert seen([provider, server], {("aws", REGION)}) == [
        "Aws eu-central-1",
        "Aws eu-north-1",
        "Hetzner",
    ]
    assert seen([provider], set()) == ["Aws eu-north-1"]
    assert seen([], set()) == ["Hetzner"]
    assert seen([], {("existing", "")}) == []
