"""The routed lab on paper: three sites of three nodes, their addresses, and their links."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

from tests.lab.flow import PLANES
from tests.lab.mesh import Declaration

SITES = {"fsn": (1, "fsn1"), "nbg": (40, "nbg1"), "hel": (90, "hel1")}
"""Id and location by name. The ids' sums are odd twice and even once: both slots own something."""

MEMBERS = (("a", 1, 0), ("b", 7, 1), ("c", 200, None))
"""Suffix of the name, id, slot; the one without a slot is the leaf."""

UPPER = 51830
"""The port from which a link's ports are counted."""

FOUR_PORTS = {
    ("udp", str(port), source) for port in range(51820, 51824) for source in ("0.0.0.0/0", "::/0")
}
"""What every server's cloud firewall lets in, and nothing else: `Routed.cloud_rules`."""

SEGMENT = ("fsn-c", "hel-c")
"""The members of the segment `lan`: leaves of two sites, that their guests are on one wire."""

NARROW, NARROW_MTU = "nbg", 1380
"""The site whose line carries less, and what its links do."""

DECLARED = 120
"""Seconds of the timer, the default: six gateways start FRR on two processors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A node of the routed lab.

    Attributes:
        name: its name.
        site: its site's name.
        id: its own id in the site.
        slot: which of the site's gateways it is; None for a leaf.
    """

    name: str
    site: str
    id: int
    slot: int | None

    @property
    def number(self) -> int:
        """Its site's id."""
        return SITES[self.site][0]


NODES = {
    f"{site}-{suffix}": Member(name=f"{site}-{suffix}", site=site, id=number, slot=slot)
    for site in SITES
    for suffix, number, slot in MEMBERS
}
GATEWAYS = tuple(name for name, node in NODES.items() if node.slot is not None)
LEAVES = tuple(name for name, node in NODES.items() if node.slot is None)


def declared(topology: str) -> Callable[[Declaration], None]:
    """What turns the lab's declaration into three sites of three nodes, meshed or routed."""

    def node(member: Member) -> Declaration:
        if topology == "mesh" or member.slot is None:
            return {"id": member.id}
        return {"id": member.id, "roles": ["gateway"], "slot": member.slot}

    def change(mesh: Declaration) -> None:
        for name in ("dns", "replicate"):
            mesh.pop(name, None)
        mesh["topology"], mesh["timer"] = topology, DECLARED
        mesh["segments"] = {"lan": {"id": 1, "nodes": [*SEGMENT]}}
        mesh["sites"] = {
            site: {
                "id": number,
                "cloud": "hetzner",
                "location": location,
                "type": "cx23",
                "image": "debian-12",
                "nodes": {
                    name: node(member) for name, member in NODES.items() if member.site == site
                },
            }
            for site, (number, location) in SITES.items()
        }
        mesh["sites"][NARROW]["link_mtu"] = NARROW_MTU

    return change


def subnets(site: str, plane: str, mesh_ula: str = "fd5b:6f1e:9c2a") -> tuple[str, str]:
    """A site's two subnets on a plane, as `wg` writes them."""
    index, number = PLANES.index(plane), SITES[site][0]
    hextet = f"{index << 8 | number:x}"
    return f"10.{200 + index}.{number}.0/24", f"{mesh_ula}:{hextet}::/64"


def address(name: str, plane: str, family: int = 4) -> str:
    """A node's address on a plane."""
    v4, v6 = subnets(NODES[name].site, plane)
    if family == 4:
        return f"{v4.removesuffix('0/24')}{NODES[name].id}"
    return f"{v6.removesuffix('/64')}{NODES[name].id:x}"


def links() -> Iterator[tuple[str, str]]:
    """All pairs of gateways that have a link between sites, each once."""
    for one, other in combinations(GATEWAYS, 2):
        if NODES[one].site != NODES[other].site:
            yield one, other


def interface(there: str) -> str:
    """What a link to a gateway is called at its other end."""
    return f"wgl{NODES[there].number}-{NODES[there].slot}"


def ports(one: str, other: str) -> tuple[int, int]:
    """The two UDP ports of a link: at one end, at the other."""

    def towards(far: Member) -> int:
        return UPPER + 2 * far.number + (far.slot or 0)

    return towards(NODES[other]), towards(NODES[one])


def link_address(there: str, here: str) -> str:
    """A gateway's own IPv4 address on its link with another: 10.254.0.0/16 by the link's number."""
    low, high = sorted((NODES[there], NODES[here]), key=lambda node: node.number)
    number = 4 * (high.number * (high.number - 1) // 2 + low.number)
    number += 2 * (high.slot or 0) + (low.slot or 0)
    last = 4 * number + (1 if NODES[there] == low else 2)
    return f"10.254.{last >> 8}.{last & 255}"
