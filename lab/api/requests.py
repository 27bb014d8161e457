"""Bodies of requests, as strict models: an unknown field or a wrong type is refused.

A field that the lab does not do (volumes, backups) is not here, so that asking for
it fails loudly instead of being ignored.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Key = int | str
Labels = dict[str, str]
Id = Annotated[int, Field(ge=1, le=9007199254740991)]


class Body(BaseModel):
    """A request body; on its own, the empty one."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Named(Body):
    """Change name and labels."""

    name: str | None = None
    labels: Labels | None = None


class SshKeyCreate(Body):
    """`POST /ssh_keys`."""

    name: str
    public_key: str
    labels: Labels = {}


class PlacementGroupCreate(Body):
    """`POST /placement_groups`."""

    name: str
    type: Literal["spread"]
    labels: Labels = {}


class RuleBody(Body):
    """One firewall rule."""

    direction: Literal["in", "out"]
    protocol: Literal["tcp", "udp", "icmp", "esp", "gre"]
    port: str | None = None
    source_ips: list[str] = []
    destination_ips: list[str] = []
    description: str | None = None


class ServerRef(Body):
    """A server by id."""

    id: Id


class SelectorRef(Body):
    """Servers by label."""

    selector: str


class Target(Body):
    """Something a firewall is applied to; `type` says which of the two is set."""

    type: Literal["server", "label_selector"]
    server: ServerRef | None = None
    label_selector: SelectorRef | None = None


class FirewallCreate(Body):
    """`POST /firewalls`."""

    name: str
    labels: Labels = {}
    rules: list[RuleBody] = []
    apply_to: list[Target] = []


class SetRules(Body):
    """`POST /firewalls/{id}/actions/set_rules`."""

    rules: list[RuleBody]


class ApplyTo(Body):
    """`POST /firewalls/{id}/actions/apply_to_resources`."""

    apply_to: list[Target]


class RemoveFrom(Body):
    """`POST /firewalls/{id}/actions/remove_from_resources`."""

    remove_from: list[Target]


class PrimaryIpCreate(Body):
    """`POST /primary_ips`; `datacenter` is the older way to give the location."""

    name: str
    type: Literal["ipv4", "ipv6"]
    assignee_type: Literal["server"] | None = None
    assignee_id: Id | None = None
    auto_delete: bool = False
    labels: Labels = {}
    location: Key | None = None
    datacenter: str | None = None


class PrimaryIpUpdate(Named):
    """`PUT /primary_ips/{id}`."""

    auto_delete: bool | None = None


class Assign(Body):
    """`POST /primary_ips/{id}/actions/assign`."""

    assignee_id: Id
    assignee_type: Literal["server"]


class Pointer(Body):
    """`…/actions/change_dns_ptr`; a null name resets."""

    ip: str
    dns_ptr: str | None


class Protection(Body):
    """`…/actions/change_protection` of images and primary IPs."""

    delete: bool


class ServerProtection(Body):
    """`POST /servers/{id}/actions/change_protection`."""

    delete: bool | None = None
    rebuild: bool | None = None


class ServerFirewall(Body):
    """A firewall that stands before the server's first boot."""

    firewall: Id


class PublicNet(Body):
    """Which public addresses a server gets; an id names a primary IP."""

    enable_ipv4: bool = True
    enable_ipv6: bool = True
    ipv4: Id | None = None
    ipv6: Id | None = None


class ServerCreate(Body):
    """`POST /servers`; `datacenter` is the older way to give the location."""

    name: str
    server_type: Key
    image: Key
    location: Key | None = None
    datacenter: str | None = None
    start_after_create: bool = True
    ssh_keys: list[Key] = []
    user_data: str = ""
    labels: Labels = {}
    firewalls: list[ServerFirewall] = []
    placement_group: Id | None = None
    public_net: PublicNet = PublicNet()


class Rebuild(Body):
    """`POST /servers/{id}/actions/rebuild`; without user-data the last one stays."""

    image: Key
    user_data: str | None = None


class ChangeType(Body):
    """`POST /servers/{id}/actions/change_type`."""

    server_type: Key
    upgrade_disk: bool


class CreateImage(Body):
    """`POST /servers/{id}/actions/create_image`."""

    type: Literal["snapshot"] | None = None
    description: str | None = None
    labels: Labels = {}


class NetworkCreate(Body):
    """`POST /networks`."""

    name: str
    ip_range: str
    labels: Labels = {}


class AddSubnet(Body):
    """`POST /networks/{id}/actions/add_subnet`."""

    type: Literal["cloud"]
    ip_range: str
    network_zone: str


class DeleteSubnet(Body):
    """`POST /networks/{id}/actions/delete_subnet`."""

    ip_range: str


class Attach(Body):
    """`POST /servers/{id}/actions/attach_to_network`."""

    network: Id
    ip: str


class Detach(Body):
    """`POST /servers/{id}/actions/detach_from_network`."""

    network: Id


class JoinGroup(Body):
    """`POST /servers/{id}/actions/add_to_placement_group`."""

    placement_group: Id


class ImageUpdate(Body):
    """`PUT /images/{id}`."""

    description: str | None = None
    type: Literal["snapshot"] | None = None
    labels: Labels | None = None
