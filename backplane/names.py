"""Who is called what on which plane, and what the DNS nodes need to know: computed, as data."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from backplane import planes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backplane import settings
    from backplane.addressing import Address
    from backplane.members import PlanNode, PlanPlane
    from backplane.plan import Plan

TTL = 300
"""Seconds for which a name's addresses may be kept."""

SOA = "backplane. hostmaster.backplane. 1 3600 600 604800 30"
"""Nobody transfers these zones; what is not there may be kept as not there for 30 s."""

Resolve = Literal["planes", "everything"]

_NIBBLE, _BYTE = 4, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A resolver outside the mesh: its address, and over TLS the name of its certificate."""

    address: str
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dns:
    """What the DNS nodes need to know beside the mesh.

    Attributes:
        forward: whom they ask for all other names: all of them over TLS, or none.
        resolve: what nodes ask them for: names of planes, or everything.
        guests: names, sorted, that machines outside the stack may register in management's zone.
    """

    forward: tuple[Upstream, ...] = (Upstream(address="1.1.1.1"), Upstream(address="8.8.8.8"))
    resolve: Resolve = "planes"
    guests: tuple[str, ...] = ()

    @property
    def tls(self) -> bool:
        """Whether the resolvers outside are asked over TLS (RFC 7858)."""
        return any(one.name for one in self.forward)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A name and one machine that it means.

    Attributes:
        name: without a final dot.
        zone: the zone it is in.
        node: the machine.
        address: the machine's on that zone's plane.
    """

    name: str
    zone: str
    node: str
    address: Address

    @property
    def owner(self) -> bool:
        """Whether it is the machine's own name, which its addresses lead back to."""
        return self.name == f"{self.node}.{self.zone}"


def dns(declared: settings.Dns) -> Dns:
    """What the section `dns:` of a checked declaration says."""
    upstreams = (entry.partition("#") for entry in declared.forward)
    return Dns(
        forward=tuple(
            Upstream(address=str(ipaddress.ip_address(at)), name=name or None)
            for at, _, name in upstreams
        ),
        resolve=declared.resolve,
        guests=tuple(sorted(declared.guests)),
    )


def own(nodes: Iterable[PlanNode], up: Iterable[PlanPlane]) -> list[Record]:
    """The names of nodes on each plane that has a zone, retired ones apart."""
    alive = [node for node in nodes if not node.retire]
    return [
        Record(
            name=f"{node.name}.{plane.zone}",
            zone=plane.zone,
            node=node.name,
            address=node.addresses[plane.slot],
        )
        for plane in up
        if plane.zone is not None
        for node in alive
    ]


def of_services(plan: Plan) -> list[Record]:
    """The names of services: of each role that not every node runs, on the planes it listens on.

    A service's name means all nodes that run it. Where a node has that name, it means the node.
    """
    taken = {node.name for node in plan.nodes}
    found: list[Record] = []
    for plane in (plane for plane in plan.planes if plane.zone is not None):
        for node in (node for node in plan.nodes if not node.retire):
            found += [
                Record(
                    name=f"{role.name}.{plane.zone}",
                    zone=str(plane.zone),
                    node=node.name,
                    address=node.addresses[plane.slot],
                )
                for role in plan.roles(node.name)
                if not role.everywhere
                and role.name not in taken
                and any(slot == plane.slot for slot, _, _ in role.listens)
            ]
    return sorted(found, key=lambda one: (one.zone, one.name))


def records(plan: Plan) -> list[Record]:
    """Every name of the mesh: machines first, so that an address leads back to a machine's."""
    return [*own(plan.nodes, plan.planes), *of_services(plan)]


def zones(plan: Plan) -> list[str]:
    """The zones of the planes in use, by plane."""
    return [plane.zone for plane in plan.planes if plane.zone is not None]


def reverse_zones(plan: Plan) -> list[str]:
    """The zones in which addresses of those planes lead back to names (RFC 1035, RFC 3596)."""
    return [
        reverse(supernet)
        for plane in plan.planes
        if plane.zone is not None
        for supernet in (plane.supernet4, plane.supernet6)
    ]


def reverse(supernet: str) -> str:
    """The reverse zone of a network whose prefix ends at a byte, or in IPv6 at four bits."""
    network = ipaddress.ip_network(supernet)
    unit = _BYTE if network.version == 4 else _NIBBLE  # noqa: PLR2004  the family's own name
    labels = network.network_address.reverse_pointer.split(".")
    return ".".join(labels[-2 - network.prefixlen // unit :])


def registered(name: str) -> str:
    """The name that a node or guest may register, without a final dot."""
    return f"{name}.{planes.MANAGEMENT.zone}"


def answering(plan: Plan) -> list[PlanNode]:
    """The DNS nodes, retired ones apart, by name."""
    return [node for node in plan.nodes if not node.retire and "dns" in node.roles]


def servers(plan: Plan, node: PlanNode) -> list[Address]:
    """The DNS nodes on management as a node asks them: its own site's first, dead ones last."""
    found = sorted(answering(plan), key=lambda one: (one.offline, one.site != node.site, one.key))
    return [one.addresses[planes.MANAGEMENT.slot] for one in found]
