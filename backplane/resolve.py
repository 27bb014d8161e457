"""The parts of a declaration with everything filled in that they leave to others or to defaults."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from backplane import addressing
from backplane.addressing import Address
from backplane.clouds import default_type, room
from backplane.copies import pools
from backplane.declaration import Declaration, Machine, Node, Operator, Site
from backplane.login_rules import EVERYTHING
from backplane.logins import Login
from backplane.machine_rules import FIRST_SEEN
from backplane.members import (
    MTU,
    Kind,
    Peer,
    PlanMachine,
    PlanNode,
    PlanPerson,
    PlanPlane,
    PlanSite,
)
from backplane.planes import STORAGE, Plane
from backplane.roles import EVERYWHERE, bgp, gateway, replica, routes, segments, sudo, zfs


def plane(of: Plane, declaration: Declaration, ula: str) -> PlanPlane | None:
    """A plane as the stack has it; None where it is left out."""
    settings = declaration.settings(of.slot)
    if not settings.use:
        return None
    return PlanPlane(
        slot=of.slot,
        name=settings.name or of.slot,
        index=of.index,
        interface=of.interface,
        port=of.port,
        zone=of.zone,
        supernet4=addressing.supernet4(declaration.network, of.index),
        supernet6=addressing.supernet6(ula, of.index),
        keys=settings.keys,
        psk=settings.psk,
        keys_rotated=settings.rotated.keys,
        psk_rotated=settings.rotated.psk,
        tcp=tuple(sorted(of.tcp if settings.tcp is None else settings.tcp)),
        udp=tuple(sorted(of.udp if settings.udp is None else settings.udp)),
        mtu=settings.mtu,
    )


def sites(declaration: Declaration) -> tuple[PlanSite, ...]:
    """The sites, by name."""
    return tuple(
        PlanSite(
            name=name,
            id=site.id,
            cloud=site.cloud,
            location=site.location or name,
            nodes=tuple(sorted(site.nodes)),
            link_mtu=site.link_mtu,
            vpc=site.vpc,
            subnet=site.subnet,
            entry=tuple(site.entry),
            private=site.private_network,
        )
        for name, site in sorted(declaration.sites.items())
    )


def node(
    name: str, declaration: Declaration, site_name: str, addresses: Mapping[str, Address]
) -> PlanNode:
    """A node with what its site and the stack say for it, and with its addresses."""
    site = declaration.sites[site_name]
    said = site.nodes[name]
    own = {str(slot): epoch for slot, epoch in said.epochs.items()}
    return PlanNode(
        name=name,
        was=said.was,
        key=addressing.peer_key(site.id, said.id),
        site=site_name,
        site_id=site.id,
        id=said.id,
        cloud=site.cloud,
        location=site.location or site_name,
        type=said.type or site.type or default_type(site.cloud),
        image=said.image or site.image,
        snapshot=said.snapshot,
        endpoint_family=said.endpoint or site.endpoint,
        ipv6=_ipv6(site, said),
        roles=tuple(sorted({*said.roles, *EVERYWHERE, *_implied(name, declaration)})),
        bridges=tuple(sorted(said.bridges)),
        pools=pools(said),
        machine=_machine(said.machine),
        uplink=said.uplink or declaration.traffic.uplink,
        epochs={slot: own.get(slot, 1) for slot in addresses},
        incarnation=said.incarnation,
        offline=said.offline,
        retire=said.retire,
        addresses=addresses,
        slot=said.slot,
        entry=name in site.entry,
        console=said.console if declaration.console.use else None,
        private=site.private_network,
        mtu=_mtu(site_name, declaration),
    )


def _mtu(name: str, declaration: Declaration) -> int:
    """What the planes of a site's nodes may carry at most.

    In a routed mesh the least of all sites, as a site's nodes hand on what comes from others.
    """
    sites = declaration.sites
    meant = sites.values() if declaration.topology == "routed" else [sites[name]]
    rooms = [room(site.cloud) for site in meant if site.private_network]
    return min((MTU, *(one for one in rooms if one is not None)))


def _ipv6(site: Site, said: Node) -> bool:
    """Whether its public interface speaks IPv6: of a machine that is there, its address says so."""
    if said.machine is not None:
        return said.machine.ipv6 is not None
    return site.ipv6 if said.ipv6 is None else said.ipv6


def _machine(said: Machine | None) -> PlanMachine | None:
    if said is None:
        return None
    return PlanMachine(
        ipv4=said.ipv4,
        ipv6=str(ip_address(said.ipv6)) if said.ipv6 else None,
        port=said.port,
        user=said.user,
        host_key=None if said.host_key == FIRST_SEEN else said.host_key,
    )


def _implied(name: str, declaration: Declaration) -> Iterable[str]:
    """Roles that no node names, and that follow from what it has."""
    if declaration.topology == "routed":
        yield routes.NAME
        if gateway.NAME in _named(name, declaration):
            yield bgp.NAME
    if any(site.nodes[name].pools for site in declaration.sites.values() if name in site.nodes):
        yield zfs.NAME
    if any(name in one.nodes for one in declaration.segments.values()):
        yield segments.NAME
    if any(one.login and one.login.sudo != "none" for one in declaration.operators.values()):
        yield sudo.NAME
    if declaration.settings(STORAGE.slot).use and any(
        one.target == name for one in declaration.replicate.values()
    ):
        yield replica.NAME


def _named(name: str, declaration: Declaration) -> Iterable[str]:
    return next(site.nodes[name].roles for site in declaration.sites.values() if name in site.nodes)


def person(
    name: str,
    kind: Kind,
    number: int,
    addresses: Mapping[str, Address],
    operator: Operator | None = None,
) -> PlanPerson:
    """An operator or a runner."""
    brought = operator.public_keys if operator else {}
    return PlanPerson(
        name=name,
        key=addressing.peer_key(addressing.PEOPLE_SITE, number),
        kind=kind,
        slots=tuple(addresses),
        addresses=addresses,
        public_keys=dict(brought),
        ssh_key=operator.ssh_key if operator else None,
        expires=operator.expires if operator else None,
        login=_login(operator) if operator else None,
    )


def _login(operator: Operator) -> Login | None:
    said = operator.login
    if said is None:
        return None
    listed = tuple(sorted(said.sudo)) if isinstance(said.sudo, list) else ()
    return Login(user=said.user, sudo=(EVERYTHING,) if said.sudo == "all" else listed)


def members(
    slot: str, nodes: tuple[PlanNode, ...], people: tuple[PlanPerson, ...]
) -> tuple[Peer, ...]:
    """Everyone who is a peer on a plane, sorted by name."""
    found = [
        Peer(name=node.name, key=node.key, kind="node", address=node.addresses[slot])
        for node in nodes
        if not node.retire
    ]
    found += [
        Peer(name=person.name, key=person.key, kind=person.kind, address=person.addresses[slot])
        for person in people
        if slot in person.slots
    ]
    return tuple(sorted(found, key=lambda peer: peer.name))


def secrets(declaration: Declaration) -> frozenset[str]:
    """The names of the stack's secrets that some role needs."""
    named = {one.secret for one in declaration.monitoring.receivers.values() if one.secret}
    return frozenset(named | ({declaration.grafana.secret} if declaration.grafana else set()))
