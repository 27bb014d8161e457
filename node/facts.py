"""What is live on a machine, without a secret: for `backplane verify`, `doctor` and `drift`."""

import json
import re
from typing import Any

from node import generations, interfaces
from node.errors import Refused
from node.machine import Machine

_PROCESS = re.compile(r'\("(?P<name>[^"]*)",pid=(?P<pid>\d+)')
_SS_FIELDS = 6
_TOOLS = "install iproute2 and systemd on the machine"


def gather(machine: Machine) -> dict[str, Any]:
    """Everything at once: interfaces with peers, listeners, failed units, firewall tables."""
    return {
        "boot_id": machine.boot_id(),
        "interfaces": wireguard(machine),
        "addresses": addresses(machine),
        "listeners": listeners(machine),
        "failed": failed_units(machine),
        "tables": tables(machine),
    }


def wireguard(machine: Machine) -> dict[str, dict[str, Any]]:
    """Our live interfaces: own public key, port, MTU, addresses, and each peer without its keys.

    A peer's name is the active generation's; None for one that it does not know.
    """
    now = int(machine.clock.wall())
    active = generations.named(machine, machine.layout.active)
    known = generations.load(machine, active) if active else None
    told: dict[str, dict[str, Any]] = {}
    for name in sorted(interfaces.live_names(machine)):
        device = interfaces.read(machine, name)
        own, mtu = interfaces.read_address(machine, name)
        names = known.peer_names(name) if known else {}
        told[name] = {
            "public": device.public,
            "port": device.interface.port,
            "mtu": mtu,
            "addresses": sorted(own),
            "peers": [
                {
                    "name": names.get(public),
                    "public": public,
                    "psk": peer.psk is not None,
                    "endpoint": peer.endpoint,
                    "allowed": sorted(peer.allowed),
                    "keepalive": peer.keepalive,
                    "handshake_age": max(0, now - seen.handshake) if seen.handshake else None,
                    "received": seen.received,
                    "sent": seen.sent,
                }
                for public, peer in sorted(device.interface.peers.items())
                for seen in [device.seen[public]]
            ],
        }
    return told


def addresses(machine: Machine) -> dict[str, list[str]]:
    """Every address of every interface, ours or not, with its prefix length."""
    told: list[dict[str, Any]] = json.loads(
        machine.commands.must(
            ["ip", "-json", "address", "show"], why="addresses cannot be read", fix=_TOOLS
        )
    )
    return {
        entry["ifname"]: [f"{a['local']}/{a['prefixlen']}" for a in entry.get("addr_info", [])]
        for entry in told
        if entry
    }


def listeners(machine: Machine) -> list[dict[str, Any]]:
    """Every TCP and UDP socket that waits for others: protocol, address, port, process, pid.

    The process is None for the kernel's own (WireGuard's).
    """
    text = machine.commands.must(["ss", "-H", "-lntup"], why="sockets cannot be read", fix=_TOOLS)
    return parse_listeners(text)


def parse_listeners(text: str) -> list[dict[str, Any]]:
    """Read ``ss -H -lntup`` (ss(8)): protocol, state, two queues, local, peer, processes."""
    found: list[dict[str, Any]] = []
    for line in text.splitlines():
        fields = line.split(None, _SS_FIELDS)
        if len(fields) < _SS_FIELDS:
            continue
        address, _, port = fields[4].rpartition(":")
        process = _PROCESS.search(fields[_SS_FIELDS]) if len(fields) > _SS_FIELDS else None
        found.append(
            {
                "protocol": fields[0],
                "address": address.strip("[]").partition("%")[0].strip("[]"),
                "port": int(port),
                "process": process["name"] if process else None,
                "pid": int(process["pid"]) if process else None,
            }
        )
    return sorted(found, key=lambda item: (item["protocol"], item["port"], item["address"]))


def failed_units(machine: Machine) -> list[str]:
    """Units of systemd that have failed."""
    text = machine.commands.must(
        ["systemctl", "list-units", "--failed", "--plain", "--no-legend", "--full"],
        why="units cannot be read",
        fix=_TOOLS,
    )
    return sorted(line.split()[0] for line in text.splitlines() if line.strip())


def tables(machine: Machine) -> list[str]:
    """The nftables tables in the kernel, as ``family name``."""
    try:
        text = machine.commands.must(["nft", "list", "tables"], why="nft", fix=_TOOLS)
    except Refused:
        return []
    return sorted(line.removeprefix("table ").strip() for line in text.splitlines())
