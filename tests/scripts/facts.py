"""A healthy mesh of four nodes as data: what its outputs declare and what its nodes say."""

from __future__ import annotations

from typing import Any

from backplane.planes import PLANES
from scripts import _verdict as verdict

NAMES = ("fsn-a", "fsn-b", "hel-a", "hel-b")
LISTED = tuple(port for plane in PLANES for port in plane.tcp)

ANY = "0.0.0.0"  # noqa: S104 - what a wildcard listener shows; nothing binds here

Facts = dict[str, verdict.Facts]


def address(family: str, index: int, node: int) -> str:
    """The address of the node with this number on the plane with this index."""
    return f"10.{200 + index}.1.{node}" if family == "ipv4" else f"fd00:0:0:{index:x}::1:{node}"


def outputs(offline: str = "", retire: str = "", cloud: str = "hetzner") -> dict[str, Any]:
    """The plain outputs of the mesh, as far as `verify` reads them."""
    return {
        "nodes": {
            name: {
                "site": "fsn",
                "offline": name == offline,
                "retire": name == retire,
                "addresses": {
                    plane.slot: {
                        family: address(family, plane.index, number) for family in verdict.FAMILIES
                    }
                    for plane in PLANES
                },
            }
            for number, name in enumerate(NAMES, 1)
        },
        "plan": {
            "sites": {"fsn": {"cloud": cloud, "location": "fsn1"}},
            "planes": [
                {"slot": plane.slot, "interface": plane.interface, "port": plane.port}
                for plane in PLANES
            ],
            "openings": {
                name: [
                    {"slot": slot, "proto": "tcp", "port": 22, "role": "ssh"}
                    for slot in ("enrollment", "management")
                ]
                for name in NAMES
            },
        },
    }


DECLARED = verdict.mesh(outputs(), LISTED)


def _listeners(node: verdict.MeshNode) -> tuple[dict[str, Any], ...]:
    wireguard = [
        {"protocol": "udp", "address": address, "port": plane.port, "process": None}
        for plane in PLANES
        for address in (ANY, "::")
    ]
    ssh = [
        {"protocol": "tcp", "address": address, "port": 22, "process": "sshd"}
        for slot in ("enrollment", "management")
        for address in node.addresses[slot].values()
    ]
    others = [
        {"protocol": "tcp", "address": "127.0.0.53", "port": 53, "process": "systemd-resolve"},
        {"protocol": "udp", "address": "198.51.100.17", "port": 68, "process": "systemd-network"},
    ]
    return (*wireguard, *ssh, *others)


def good(declared: verdict.Mesh = DECLARED) -> Facts:
    """What every node says when all is well."""
    facts: Facts = {}
    openings = {node.name: node.openings for node in declared.nodes}
    for node in declared.nodes:
        own = [cell for cell in verdict.cells(declared) if cell.source == node.name]
        facts[node.name] = verdict.Facts(
            pings={cell.address: 0.4 for cell in own},
            tcp={
                (cell.address, port): (
                    "open" if (cell.slot, "tcp", port) in openings[cell.target] else "silent"
                )
                for cell in own
                for port in declared.tcp
            },
            interfaces={
                interface: {
                    "peers": [
                        {"name": peer.name, "handshake_age": 30}
                        for peer in declared.nodes
                        if peer is not node
                    ]
                }
                for interface in declared.interfaces.values()
            },
            listeners=_listeners(node),
            failed=(),
        )
    return facts
