"""Everything computed from a declaration before any resource exists."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

from backplane import addressing, links, planes, resolve
from backplane.addressing import Address
from backplane.copies import Copy, copies
from backplane.declaration import Declaration
from backplane.known import known
from backplane.members import (
    Family,
    Kind,
    Peer,
    PlanMachine,
    PlanNode,
    PlanPerson,
    PlanPlane,
    PlanSite,
)
from backplane.monitoring import Grafana, Monitoring, grafana, monitoring
from backplane.names import Dns, Record, dns, records
from backplane.roles import Opening, Role
from backplane.segments import NAME as SEGMENTS
from backplane.segments import PORT as VXLAN
from backplane.segments import Segment, segments

__all__ = [
    "Family",
    "Kind",
    "Peer",
    "Plan",
    "PlanMachine",
    "PlanNode",
    "PlanPerson",
    "PlanPlane",
    "PlanSite",
    "plan",
]

Named = TypeVar("Named")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The mesh. All tuples are sorted by name, planes by index.

    It has no slots: what every node's files ask of it again and again is kept on it.
    """

    project: str
    stack: str
    network: int
    ula: str
    topology: str
    protect: bool
    timer: int
    console: int = 1
    planes: tuple[PlanPlane, ...]
    sites: tuple[PlanSite, ...]
    nodes: tuple[PlanNode, ...]
    people: tuple[PlanPerson, ...]
    members: Mapping[str, tuple[Peer, ...]] = field(repr=False)
    """Per slot, everyone who is a peer there, sorted by name. Retired nodes are not."""
    known: Mapping[str, Role]
    """Every role and every service of the user's own, by name, on its plane of this mesh."""
    declared: frozenset[str] = frozenset()
    """The roles that some node has which does not retire."""
    proxies: Mapping[str, str] = field(default_factory=dict)
    """By name, the URLs that nginx hands on to."""
    monitoring: Monitoring = field(default_factory=Monitoring)
    grafana: Grafana | None = None
    dns: Dns = field(default_factory=Dns)
    copies: tuple[Copy, ...] = ()
    """The datasets of which other nodes keep copies, by the replication's name."""
    segments: tuple[Segment, ...] = ()
    """The layer-2 networks between nodes, by name."""
    secrets: frozenset[str] = frozenset()
    """The names of the stack's secrets that some role needs."""
    traffic: bool = True
    """Whether planes go before one another on the way out."""

    @property
    def routed(self) -> bool:
        """Whether sites are joined by their gateways alone."""
        return self.topology == "routed"

    @cached_property
    def slots(self) -> tuple[str, ...]:
        """The planes in use, by index."""
        return tuple(plane.slot for plane in self.planes)

    @property
    def everyone(self) -> tuple[PlanNode | PlanPerson, ...]:
        """All nodes, then all people."""
        return (*self.nodes, *self.people)

    @property
    def runners(self) -> tuple[PlanPerson, ...]:
        """The machines that run this program."""
        return tuple(person for person in self.people if person.kind == "runner")

    @property
    def runner(self) -> PlanPerson:
        """The first runner by name: the one whose key new machines are born with."""
        return self.runners[0]

    def plane(self, slot: str) -> PlanPlane:
        """The plane of a slot in use. KeyError if it is left out."""
        return _find(self.planes, "slot", slot)

    def node(self, name: str) -> PlanNode:
        """The node of this name. KeyError if there is none."""
        return self._named[name]

    def person(self, name: str) -> PlanPerson:
        """The operator or runner of this name. KeyError if there is none."""
        return _find(self.people, "name", name)

    @property
    def names(self) -> frozenset[str]:
        """Everybody who is a member of some plane; a retired node is none."""
        return frozenset(peer.name for members in self.members.values() for peer in members)

    def peers(self, name: str, slot: str) -> tuple[Peer, ...]:
        """The peers of a node or person on a plane, sorted by name, itself left out.

        Nodes are peers of all, in a routed mesh of all of their own site and of all people; people
        are peers of nodes only. A retired node has no peer.
        """
        members = self.members.get(slot, ())
        me = next((member for member in members if member.name == name), None)
        if me is None:
            return ()
        return tuple(
            peer
            for peer in members
            if peer is not me and (me.kind == "node" or peer.kind == "node")
            if not (self.routed and me.kind == peer.kind == "node" and me.site != peer.site)
        )

    def without(self, names: Iterable[str]) -> "Plan":
        """The same mesh, changed without these nodes for once. KeyError if one is unknown."""
        absent = {self.node(name).name for name in names}
        nodes = tuple(replace(node, absent=node.name in absent) for node in self.nodes)
        return replace(self, nodes=nodes)

    def roles(self, name: str) -> tuple[Role, ...]:
        """What a node runs, by name; no role whose plane, or the role it is behind, is left out."""
        declared = (self.known[role] for role in self.node(name).roles)
        return tuple(
            role
            for role in declared
            if {slot for slot, _, _ in role.listens} <= {*self.slots}
            and (self.routed or not role.routed)
            and (role.behind is None or role.behind in self.declared)
        )

    def far(self, name: str, slot: str) -> tuple[Peer, ...]:
        """The nodes that a node reaches on a plane through gateways, sorted by name."""
        here = self.node(name)
        if not self.routed or here.retire:
            return ()
        return tuple(
            peer
            for peer in self.members.get(slot, ())
            if peer.kind == "node" and peer.site != here.site_id
        )

    def gateways(self, site: str) -> tuple[PlanNode, ...]:
        """The gateways of a site in a routed mesh, by slot."""
        return self._gateways.get(site, ())

    def entries(self, site: str) -> tuple[PlanNode, ...]:
        """The nodes of a site by which people reach it, in the declared order."""
        return tuple(self.node(name) for name in _find(self.sites, "name", site).entry)

    def near(self, slot: str, site: int) -> Address:
        """The networks of a site on a plane: an IPv4 /24 and an IPv6 /64."""
        index = self.plane(slot).index
        return Address(
            v4=addressing.near4(self.network, index, site),
            v6=addressing.near6(self.ula, index, site),
        )

    def owner(self, site: str, remote: str) -> str | None:
        """The gateway that carries a site's traffic with a remote site, while all is well."""
        ids = {one.name: one.id for one in self.sites}
        found = links.owner(ids[site], ids[remote], self.gateways(site))
        return found.name if found else None

    def remote(self, site: str) -> tuple[PlanSite, ...]:
        """The sites that a site has a link to, by name."""
        if not self.routed or not self.gateways(site):
            return ()
        return tuple(one for one in self.sites if one.name != site and self.gateways(one.name))

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """Every name of the mesh, and its addresses."""
        return tuple(records(self))

    @cached_property
    def _named(self) -> dict[str, PlanNode]:
        return {node.name: node for node in self.nodes}

    @cached_property
    def _gateways(self) -> dict[str, tuple[PlanNode, ...]]:
        found: dict[str, tuple[PlanNode, ...]] = {}
        for node in links.gateways(self.nodes) if self.routed else ():
            found[node.site] = (*found.get(node.site, ()), node)
        return found

    def openings(self, name: str) -> tuple[Opening, ...]:
        """What a node opens for its peers: its roles and its segments decide, and nothing else."""
        slots = {one.slot for one in self.segments if name in one.nodes}
        joined = (Opening(slot=slot, proto="udp", port=VXLAN, role=SEGMENTS) for slot in slots)
        roles = (one for role in self.roles(name) for one in role.openings())
        return tuple(sorted((*roles, *joined)))


def plan(declaration: Declaration, *, project: str, stack: str) -> Plan:
    """Compute the mesh that a checked declaration describes.

    Args:
        declaration: what `backplane.declaration.parse` returned.
        project: the Pulumi project's name; with `stack` it seeds the ULA /48 where none is written.
        stack: the Pulumi stack's name.
    """
    ula = declaration.ula or addressing.derived_ula(project, stack)
    used = tuple(resolve.plane(plane, declaration, ula) for plane in planes.PLANES)
    in_use = tuple(plane for plane in used if plane is not None)
    slots = tuple(plane.slot for plane in in_use)

    def addresses(site: int, member: int, on: tuple[str, ...]) -> dict[str, Address]:
        return {
            plane.slot: addressing.address(
                network=declaration.network,
                ula=ula,
                index=plane.index,
                site=site,
                member=member,
            )
            for plane in in_use
            if plane.slot in on
        }

    nodes = tuple(
        resolve.node(name, declaration, site_name, addresses(site.id, node.id, slots))
        for site_name, site in declaration.sites.items()
        for name, node in site.nodes.items()
    )
    people: list[PlanPerson] = []
    for name, runner in declaration.runners.items():
        at = addresses(addressing.PEOPLE_SITE, runner.id, planes.REQUIRED)
        people.append(resolve.person(name, "runner", runner.id, at))
    for name, operator in declaration.operators.items():
        on = tuple(declaration.slot_named(plane) for plane in operator.planes)
        at = addresses(addressing.PEOPLE_SITE, operator.id, on)
        people.append(resolve.person(name, "operator", operator.id, at, operator))
    sites = resolve.sites(declaration)
    if declaration.topology == "routed":
        nodes = tuple(links.linked(nodes, {site.name: site for site in sites}, ula))
    ordered = tuple(sorted(nodes, key=lambda node: node.name))
    crowd = tuple(sorted(people, key=lambda person: person.name))
    return Plan(
        project=project,
        stack=stack,
        network=declaration.network,
        ula=ula,
        topology=declaration.topology,
        protect=declaration.protect,
        timer=declaration.timer,
        planes=in_use,
        sites=sites,
        nodes=ordered,
        people=crowd,
        members={slot: resolve.members(slot, ordered, crowd) for slot in slots},
        declared=frozenset(role for node in nodes if not node.retire for role in node.roles),
        known=known(declaration),
        proxies={name: one.to for name, one in declaration.nginx.proxies.items()},
        monitoring=monitoring(declaration.monitoring),
        grafana=grafana(declaration.grafana),
        dns=dns(declaration.dns),
        copies=copies(declaration),
        segments=segments(declaration, nodes, in_use),
        secrets=resolve.secrets(declaration),
        traffic=declaration.traffic.classes,
        console=declaration.console.epoch,
    )


def _find(things: tuple[Named, ...], attribute: str, value: str) -> Named:
    for thing in things:
        if getattr(thing, attribute) == value:
            return thing
    raise KeyError(value)
