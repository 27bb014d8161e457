"""The stand-in for `hcloud` has exactly the official SDK's properties, no more and no fewer."""

import pulumi_hcloud
import pytest

from lab.plugins.common import Field, Resource
from lab.plugins.hcloud.provider import HcloudProvider
from tests.engine.sdk import names, properties

TYPES = {one.schema.token.rsplit(":", 1)[-1]: one for one in HcloudProvider().resources}
NESTED = {
    ("Firewall", "rules"): "FirewallRuleArgs",
    ("Firewall", "applyTos"): "FirewallApplyToArgs",
    ("Server", "publicNets"): "ServerPublicNetArgs",
    ("Server", "networks"): "ServerNetworkArgs",
}


@pytest.mark.parametrize("name", TYPES)
def test_properties_are_the_sdks(name: str) -> None:
    """Inputs and outputs are the same sets as in the installed SDK."""
    schema = TYPES[name].schema
    # `ServerNetworkArgs` is what stands in a server, not what a `ServerNetwork` is made of.
    arguments = "ServerNetworkInitArgs" if name == "ServerNetwork" else f"{name}Args"
    assert set(schema.inputs) == names(pulumi_hcloud, arguments)
    assert set(schema.inputs) | set(schema.outputs) == properties(pulumi_hcloud, name)
    assert not set(schema.inputs) & set(schema.outputs)
    assert getattr(pulumi_hcloud, name).pulumi_type == schema.token


@pytest.mark.parametrize(("name", "field"), NESTED)
def test_nested_properties_are_the_sdks(name: str, field: str) -> None:
    """So are the properties of the objects inside."""
    item = TYPES[name].schema.inputs[field].item
    assert isinstance(item, Field)
    assert set(item.fields) == names(pulumi_hcloud, NESTED[name, field])


def test_settings_are_the_sdks() -> None:
    """The provider's own settings too."""
    assert set(HcloudProvider().config) == names(pulumi_hcloud, "ProviderArgs")


def test_replacing_inputs_are_the_official_ones() -> None:
    """What replaces is what replaces in terraform-provider-hcloud 1.68."""

    def replacing(resource: Resource) -> set[str]:
        return {key for key, one in resource.schema.inputs.items() if one.replaces}

    assert {name: replacing(one) for name, one in TYPES.items()} == {
        "Firewall": set(),
        "FirewallAttachment": {"firewallId"},
        "Network": {"ipRange"},
        "NetworkSubnet": {"ipRange", "networkId", "networkZone", "type", "vswitchId"},
        "PlacementGroup": set(),
        "PrimaryIp": {"type", "location"},
        "Rdns": {"ipAddress", "serverId", "primaryIpId", "floatingIpId", "loadBalancerId"},
        "Server": {"image", "location", "datacenter", "userData", "sshKeys"},
        # The schema flags none of them; taken for the worst.
        "ServerNetwork": {"ip", "networkId", "serverId", "subnetId"},
        "SshKey": {"publicKey"},
    }
