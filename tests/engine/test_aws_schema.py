"""The stand-in for `aws` takes only what the official SDK has, under the same names."""

import pulumi_aws.ec2 as sdk
import pytest

from lab.plugins.aws.provider import AwsProvider
from lab.plugins.common import Field, Resource
from tests.engine.sdk import names, properties

TYPES = {one.schema.token.rsplit(":", 1)[-1]: one for one in AwsProvider().resources}
NESTED = {
    ("Instance", "metadataOptions"): "InstanceMetadataOptionsArgs",
    ("Instance", "primaryNetworkInterface"): "InstancePrimaryNetworkInterfaceArgs",
    ("Instance", "rootBlockDevice"): "InstanceRootBlockDeviceArgs",
    ("RouteTable", "routes"): "RouteTableRouteArgs",
    ("SecurityGroup", "egress"): "SecurityGroupEgressArgs",
    ("SecurityGroup", "ingress"): "SecurityGroupIngressArgs",
}


@pytest.mark.parametrize("name", TYPES)
def test_properties_are_the_sdks(name: str) -> None:
    """Each input and output is one of the installed SDK's; what is not taken here is refused."""
    schema = TYPES[name].schema
    assert getattr(sdk, name).pulumi_type == schema.token
    assert set(schema.inputs) <= names(sdk, f"{name}Args")
    assert set(schema.outputs) <= properties(sdk, name)
    assert not set(schema.inputs) & set(schema.outputs)


@pytest.mark.parametrize(("name", "field"), NESTED)
def test_nested_properties_are_the_sdks(name: str, field: str) -> None:
    """So are the properties of the objects inside."""
    spec = TYPES[name].schema.inputs[field]
    item = spec.item or spec
    assert isinstance(item, Field)
    assert set(item.fields) <= names(sdk, NESTED[name, field])


def test_every_object_is_looked_into() -> None:
    """No object of the stand-in's is left out above."""
    objects = {
        (name, key)
        for name, one in TYPES.items()
        for key, spec in one.schema.inputs.items()
        if (spec.item or spec).fields
    }
    assert objects == set(NESTED)


def test_what_replaces_is_what_was_looked_up() -> None:
    """What forces a new resource, as it was read in terraform-provider-aws and written down here.

    Not in the table, for the stand-in does not do it: a type of another processor replaces an
    instance.
    """

    def replacing(resource: Resource) -> set[str]:
        return {key for key, one in resource.schema.inputs.items() if one.replaces}

    assert {name: replacing(one) for name, one in TYPES.items()} == {
        "Eip": {"domain"},
        "Instance": {"ami", "keyName", "primaryNetworkInterface"},
        "InternetGateway": set(),
        "KeyPair": {"keyName", "publicKey"},
        "NetworkInterface": {"subnetId"},
        "RouteTable": {"vpcId"},
        "RouteTableAssociation": {"subnetId"},
        "SecurityGroup": {"name", "description", "vpcId"},
        "Subnet": {"vpcId", "cidrBlock"},
        "Vpc": {"cidrBlock"},
    }
