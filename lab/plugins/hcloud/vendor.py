"""The vendor's client, loaded by its first use: a preview asks the cloud nothing.

Loading it takes 0.2 s of processor time, as long as all the rest of this plugin.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hcloud import APIException, Client
    from hcloud.actions import Action, BoundAction
    from hcloud.firewalls import (
        BoundFirewall,
        Firewall,
        FirewallResource,
        FirewallResourceLabelSelector,
        FirewallRule,
    )
    from hcloud.images import BoundImage
    from hcloud.locations import Location
    from hcloud.networks import BoundNetwork, Network, NetworkSubnet
    from hcloud.placement_groups import PlacementGroup
    from hcloud.primary_ips import BoundPrimaryIP, PrimaryIP
    from hcloud.server_types import BoundServerType, ServerType
    from hcloud.servers import BoundServer, CreateServerResponse, Server, ServerCreatePublicNetwork
    from hcloud.ssh_keys import BoundSSHKey, SSHKey
    from requests import RequestException

_PLACES = {
    "APIException": "hcloud",
    "Action": "hcloud.actions",
    "BoundAction": "hcloud.actions",
    "BoundFirewall": "hcloud.firewalls",
    "BoundImage": "hcloud.images",
    "BoundNetwork": "hcloud.networks",
    "BoundPrimaryIP": "hcloud.primary_ips",
    "BoundSSHKey": "hcloud.ssh_keys",
    "BoundServer": "hcloud.servers",
    "BoundServerType": "hcloud.server_types",
    "Client": "hcloud",
    "CreateServerResponse": "hcloud.servers",
    "Firewall": "hcloud.firewalls",
    "FirewallResource": "hcloud.firewalls",
    "FirewallResourceLabelSelector": "hcloud.firewalls",
    "FirewallRule": "hcloud.firewalls",
    "Location": "hcloud.locations",
    "Network": "hcloud.networks",
    "NetworkSubnet": "hcloud.networks",
    "PlacementGroup": "hcloud.placement_groups",
    "PrimaryIP": "hcloud.primary_ips",
    "RequestException": "requests",
    "SSHKey": "hcloud.ssh_keys",
    "Server": "hcloud.servers",
    "ServerCreatePublicNetwork": "hcloud.servers",
    "ServerType": "hcloud.server_types",
}

__all__ = [
    "APIException",
    "Action",
    "BoundAction",
    "BoundFirewall",
    "BoundImage",
    "BoundNetwork",
    "BoundPrimaryIP",
    "BoundSSHKey",
    "BoundServer",
    "BoundServerType",
    "Client",
    "CreateServerResponse",
    "Firewall",
    "FirewallResource",
    "FirewallResourceLabelSelector",
    "FirewallRule",
    "Location",
    "Network",
    "NetworkSubnet",
    "PlacementGroup",
    "PrimaryIP",
    "RequestException",
    "SSHKey",
    "Server",
    "ServerCreatePublicNetwork",
    "ServerType",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load the client and keep what was asked for."""
        if name not in _PLACES:
            raise AttributeError(name)
        found = globals()[name] = getattr(import_module(_PLACES[name]), name)
        return found
