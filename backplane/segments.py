"""Layer-2 segments: which nodes are joined by VXLAN over a plane, as the declaration says it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from backplane.declaration import Declaration
    from backplane.members import PlanNode, PlanPlane

NAME = "segments"
"""The section of a declaration, and the role that comes with it."""

PORT = 4789
"""UDP (RFC 7348, section 5)."""

MAX_ID = (1 << 24) - 1
"""The highest VXLAN network identifier (RFC 7348, section 5)."""

OVERHEAD = 50
"""Octets that are around a guest's packet: Ethernet 14, VXLAN 8, UDP 8, IPv4 20."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A layer-2 network between nodes.

    Attributes:
        name: how the declaration calls it.
        id: its VXLAN network identifier, and the number of its interfaces.
        slot: the plane that it goes over.
        nodes: its members, sorted.
        mtu: of the guests on it, in bytes.
    """

    name: str
    id: int
    slot: str
    nodes: tuple[str, ...]
    mtu: int

    @property
    def tunnel(self) -> str:
        """The VXLAN interface on each of its nodes."""
        return f"vx{self.id}"

    @property
    def bridge(self) -> str:
        """The bridge on each of its nodes, that guests are attached to."""
        return f"vb{self.id}"


def segments(
    declared: Declaration, nodes: Iterable[PlanNode], planes: Iterable[PlanPlane]
) -> tuple[Segment, ...]:
    """What the section `segments:` of a checked declaration says, by name.

    Args:
        declared: the declaration.
        nodes: all nodes, gateways with their links.
        planes: the planes in use.
    """
    everyone, sizes = tuple(nodes), {plane.slot: plane.mtu for plane in planes}
    return tuple(
        Segment(
            name=name,
            id=one.id,
            slot=declared.slot_named(one.plane),
            nodes=tuple(sorted(one.nodes)),
            mtu=min(
                sizes[declared.slot_named(one.plane)],
                *(node.mtu for node in everyone if node.name in one.nodes),
                *_links(everyone, one.nodes),
            )
            - OVERHEAD,
        )
        for name, one in sorted(declared.segments.items())
    )


def _links(nodes: tuple[PlanNode, ...], names: Iterable[str]) -> Iterator[int]:
    """The MTU of every link that packets between these nodes may go over."""
    sites = {node.site for node in nodes if node.name in {*names}}
    for here, there in combinations(sorted(sites), 2):
        for node in nodes:
            if node.site in {here, there}:
                yield from (link.mtu for link in node.links if link.site in {here, there})
