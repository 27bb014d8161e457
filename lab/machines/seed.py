"""What a machine finds at its first boot: a NoCloud seed for cloud-init.

`dsmode: local` makes cloud-init act before the network is up, so that user-data's `bootcmd`
runs on a machine that has not sent a packet yet. (On the cloud itself, the image's DHCP comes
first, and the cloud's firewall is what stands before it.)
"""

from __future__ import annotations

import ipaddress
from pathlib import Path

import yaml

from lab.driver import MachineSpec
from lab.layout import GATEWAY_V4, RESOLVERS_V4, RESOLVERS_V6
from lab.network.firewall import GATEWAY_V6

_DIRECTORY = "var/lib/cloud/seed/nocloud"
_MODERN = "debian-13"


def meta_data(spec: MachineSpec) -> str:
    """Return the seed's `meta-data`: who the machine is."""
    data: dict[str, object] = {
        "instance-id": str(spec.id),
        "local-hostname": spec.name,
        "dsmode": "local",
    }
    if spec.ssh_keys:
        data["public-keys"] = list(spec.ssh_keys)
    return yaml.safe_dump(data, sort_keys=True)


def network_config(spec: MachineSpec, mac: str) -> str:
    """Return the seed's `network-config` (version 2): static addresses, as leased by the cloud.

    Resolvers are named as by the cloud's DHCP, of each family that the machine can speak.
    cloud-init 22.4 renders no on-link routes for networkd, so the machine believes in a /24;
    its firewall answers for every neighbour in it (proxy ARP).
    """
    addresses: list[str] = []
    gateways: dict[str, str] = {}
    resolvers: list[str] = []
    if spec.ipv4 is not None:
        addresses.append(f"{spec.ipv4}/24")
        gateways["gateway4"] = GATEWAY_V4
        resolvers += RESOLVERS_V4
    if spec.ipv6 is not None:
        network = ipaddress.IPv6Network(spec.ipv6)
        addresses.append(f"{network[1]}/{network.prefixlen}")
        gateways["gateway6"] = GATEWAY_V6
        resolvers += RESOLVERS_V6
    card = {
        "match": {"macaddress": mac},
        "set-name": "eth0",
        "dhcp4": False,
        "dhcp6": False,
        "accept-ra": False,
        "addresses": addresses,
        "nameservers": {"addresses": resolvers},
    }
    if spec.image == _MODERN:
        # The release after deprecates the gateways' own keys and calls them a degraded boot.
        card["routes"] = [
            {"to": "::/0" if ":" in gateway else "0.0.0.0/0", "via": gateway}
            for gateway in gateways.values()
        ]
    else:
        # 22.4 turns a route to ::/0 into one to ::/64.
        card |= gateways
    return yaml.safe_dump({"version": 2, "ethernets": {"eth0": card}}, sort_keys=True)


def write(spec: MachineSpec, mac: str, upper: Path) -> None:
    """Put the seed into the tree that lies over the image, for root's eyes only."""
    directory = upper / _DIRECTORY
    for part in (upper, *(upper / parent for parent in reversed(Path(_DIRECTORY).parents[:-1]))):
        part.mkdir(exist_ok=True)
        part.chmod(0o755)
    directory.mkdir(exist_ok=True)
    directory.chmod(0o700)
    files = {
        "meta-data": meta_data(spec),
        "user-data": spec.user_data or "#cloud-config\n{}\n",
        "network-config": network_config(spec, mac),
    }
    for name, text in files.items():
        path = directory / name
        path.touch(mode=0o600)
        path.write_text(text)
