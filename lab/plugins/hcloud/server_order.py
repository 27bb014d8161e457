"""A server as ordered from the vendor's client, and as it answers."""

from __future__ import annotations

from dataclasses import dataclass

from lab.plugins.common import PluginError, Value
from lab.plugins.common.resource import Plain
from lab.plugins.hcloud import vendor
from lab.plugins.hcloud.base import labels, number, numbers, plain_labels, protected, text, texts


def state_of(server: vendor.BoundServer, wanted_image: Value) -> Plain:
    """What the official provider reads out of the API's answer."""
    net, image, group = server.public_net, server.image, server.placement_group
    by_id = image is not None and (not image.name or str(image.id) == wanted_image)
    network = net.ipv6.ip if net is not None and net.ipv6 is not None else None
    return {
        "name": server.name,
        "status": server.status,
        "location": server.location.name if server.location else None,
        "serverType": server.server_type.name if server.server_type else None,
        "image": None if image is None else str(image.id) if by_id else image.name,
        "labels": plain_labels(server.labels),
        "backupWindow": server.backup_window or "",
        "backups": bool(server.backup_window),
        "deleteProtection": protected(server.protection, "delete"),
        "rebuildProtection": protected(server.protection, "rebuild"),
        "primaryDiskSize": server.primary_disk_size,
        "placementGroupId": group.id if group is not None else None,
        "firewallIds": [one.firewall.id for one in (net.firewalls if net else None) or []],
        "ipv4Address": net.ipv4.ip if net is not None and net.ipv4 is not None else None,
        "ipv6Network": network,
        # The first address of the network, as the official provider has it.
        "ipv6Address": f"{network.split('/')[0]}1" if network else None,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What a server's inputs name, looked up."""

    type: vendor.BoundServerType
    image: vendor.BoundImage
    keys: list[vendor.BoundSSHKey]


def _look_up(client: vendor.Client, inputs: Plain) -> _Found:
    kind = client.server_types.get_by_name(str(inputs["serverType"]))
    if kind is None:
        raise PluginError(f"server type {inputs['serverType']} not found")
    architecture, wanted = kind.architecture, str(inputs.get("image"))
    image = client.images.get_by_name_and_architecture(wanted, architecture or "x86")
    if image is None and wanted.isdecimal():
        image = client.images.get_by_id(int(wanted))
    if image is None:
        raise PluginError(f"image {wanted} for architecture {architecture} not found")
    keys = []
    for wanted_key in texts(inputs.get("sshKeys")):
        key = client.ssh_keys.get_by_name(wanted_key)
        if key is None and wanted_key.isdecimal():
            key = client.ssh_keys.get_by_id(int(wanted_key))
        if key is None:
            raise PluginError(f"SSH key not found: {wanted_key}")
        keys.append(key)
    return _Found(type=kind, image=image, keys=keys)


def _public_net(value: Value) -> vendor.ServerCreatePublicNetwork | None:
    """The last block wins, as in the official provider."""
    blocks = [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
    if not blocks:
        return None
    block = blocks[-1]
    ips = {
        key: vendor.PrimaryIP(id=number(block[key])) for key in ("ipv4", "ipv6") if block.get(key)
    }
    return vendor.ServerCreatePublicNetwork(
        ipv4=ips.get("ipv4"),
        ipv6=ips.get("ipv6"),
        enable_ipv4="ipv4" in ips or block.get("ipv4Enabled") is not False,
        enable_ipv6="ipv6" in ips or block.get("ipv6Enabled") is not False,
    )


def order(client: vendor.Client, inputs: Plain) -> vendor.CreateServerResponse:
    """Look up what the inputs name and order the server; blocks."""
    found = _look_up(client, inputs)
    place, group = text(inputs.get("location")), inputs.get("placementGroupId")
    firewalls = [vendor.Firewall(id=key) for key in numbers(inputs.get("firewallIds"))]
    return client.servers.create(
        name=str(inputs["name"]),
        server_type=found.type,
        image=found.image,
        ssh_keys=list(found.keys) or None,
        firewalls=firewalls or None,
        user_data=text(inputs.get("userData")) or None,
        labels=labels(inputs.get("labels")) or None,
        location=vendor.Location(name=place) if place is not None else None,
        placement_group=vendor.PlacementGroup(id=number(group)) if group else None,
        public_net=_public_net(inputs.get("publicNets")),
    )
