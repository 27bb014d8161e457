"""The WireGuard part of a bundle: its interfaces, and whom each of them knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backplane import addressing, keys, planes
from backplane.addressing import Address
from backplane.days import end_of
from backplane.keys import Card, Identity
from backplane.links import V4_PREFIX, V6_PREFIX
from backplane.members import PlanLink
from backplane.plan import Peer, Plan, PlanNode
from backplane.render.keytable import KeyTable
from backplane.render.wireguard import KEEPALIVE, WireguardPeer, config, endpoint

LINK = "link"
"""What stands for a plane's slot, and for a peer's kind, where a link leads to another gateway."""

LINK_KEEPALIVE = 10
"""Seconds, of a link: what comes in there passes firewalls only as an answer (30 s for UDP)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the pieces of a bundle are made of. Secret.

    Attributes:
        directory: the card of every node and person, by name.
        psk_roots: the PSK root of each plane, by slot.
        secrets: what the declaration names, by name.
    """

    directory: Mapping[str, Card] = field(repr=False)
    psk_roots: Mapping[str, bytes] = field(repr=False)
    secrets: Mapping[str, str] = field(repr=False)


@dataclass(slots=True)
class Tunnels:
    """The interfaces of one node.

    Attributes:
        files: text by path inside the generation; secret, its keys are placeholders.
        interfaces: by name, what the node tool checks each file against.
        mesh: by interface, whom it leads to: `kind` is `node`, `runner`, `operator`, or `link` for
            a link's other end. `gateway` is the slot of a gateway of the own site; what is `beyond`
            has no WireGuard peer here, and is reached through gateways. `until` is the second
            (UTC, since 1970) from which an operator is let in no more.
    """

    files: dict[str, str] = field(default_factory=dict, repr=False)
    interfaces: dict[str, Any] = field(default_factory=dict)
    mesh: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def state(
        self, name: str, slot: str, told: tuple[int, int], addresses: list[str], peers: int
    ) -> None:
        """State of an interface what its file must say: port and MTU, addresses, peers."""
        port, mtu = told
        self.interfaces[name] = {
            "slot": slot,
            "port": port,
            "mtu": mtu,
            "addresses": addresses,
            "peers": peers,
        }


def interface_addresses(address: Address) -> list[str]:
    """Addresses with the plane's prefix lengths, so that peers change no route."""
    return [f"{address.v4}/{addressing.PREFIX4}", f"{address.v6}/{addressing.PREFIX6}"]


def tunnels(
    plan: Plan,
    node: PlanNode,
    peers: Mapping[str, tuple[Peer, ...]],
    far: Mapping[str, tuple[Peer, ...]],
    identity: Identity,
    known: Known,
    table: KeyTable,
) -> Tunnels:
    """Every interface of a node.

    Args:
        plan: the mesh.
        node: whose.
        peers: its peers on each plane that is up.
        far: the nodes that it reaches through gateways there; nobody while it knows none.
        identity: its keys.
        known: everybody's public keys, and the PSK roots.
        table: takes the keys.
    """
    made = Tunnels()
    for slot, here in peers.items():
        _plane(made, plan, node, slot, (here, far.get(slot, ())), identity, known, table)
    if far:
        for link in node.links:
            _link(made, plan, node, link, identity, known, table)
    return made


def _plane(
    made: Tunnels,
    plan: Plan,
    node: PlanNode,
    slot: str,
    who: tuple[tuple[Peer, ...], tuple[Peer, ...]],
    identity: Identity,
    known: Known,
    table: KeyTable,
) -> None:
    plane, directory = plan.plane(slot), known.directory
    here, far = who
    root = known.psk_roots[slot]
    public = {
        peer.name: table.add_text(directory[peer.name].wireguard[slot]) for peer in (*here, *far)
    }
    behind = _behind(plan, node, slot) if far else {}
    sections = [
        WireguardPeer(
            name=peer.name,
            public=public[peer.name],
            psk=table.add(keys.psk(root, node.key, peer.key, slot=slot).reveal()),
            allowed=(
                f"{peer.address.v4}/32",
                f"{peer.address.v6}/128",
                *behind.get(peer.name, ()),
            ),
            endpoint=_dialled(node, peer, directory[peer.name], plane.port),
            keepalive=KEEPALIVE if peer.kind == "node" else None,
        )
        for peer in here
    ]
    addresses, mtu = interface_addresses(node.addresses[slot]), min(plane.mtu, node.mtu)
    made.files[f"wireguard/{plane.interface}.conf"] = config(
        title=f"{node.name}, {plane.name}",
        addresses=addresses,
        mtu=mtu,
        port=plane.port,
        private=table.add(identity.wireguard[slot].reveal()),
        peers=sections,
    )
    made.state(plane.interface, slot, (plane.port, mtu), addresses, len(sections))
    slots = {one.name: str(one.slot) for one in plan.gateways(node.site)} if far else {}
    marks = {peer.name: {"beyond": "1"} for peer in far}
    marks |= {name: {"gateway": number} for name, number in slots.items()}
    ends = {one.name: end_of(one.expires) for one in plan.people if one.expires}
    marks |= {name: {"until": str(end)} for name, end in ends.items()}
    made.mesh[plane.interface] = [
        {
            **_row(peer.name, peer.key, peer.kind, peer.address, public[peer.name]),
            **marks.get(peer.name, {}),
        }
        for peer in sorted((*here, *far), key=lambda peer: peer.name)
    ]


def _behind(plan: Plan, node: PlanNode, slot: str) -> dict[str, list[str]]:
    """By gateway, the networks of remote sites that a node takes it to be on the way to.

    A gateway has its own links for them, and takes from its sibling what comes in there.
    """
    own = plan.gateways(node.site)
    sibling = next((one.name for one in own if one.name != node.name), None)
    found: dict[str, list[str]] = {}
    for site in plan.remote(node.site):
        carrier = sibling if node.links else plan.owner(node.site, site.name)
        if carrier is not None:
            near = plan.near(slot, site.id)
            found.setdefault(carrier, []).extend((near.v4, near.v6))
    return found


def _link(
    made: Tunnels,
    plan: Plan,
    node: PlanNode,
    link: PlanLink,
    identity: Identity,
    known: Known,
    table: KeyTable,
) -> None:
    peer, card = plan.node(link.peer), known.directory[link.peer]
    back = next(one for one in peer.links if one.peer == node.name)
    public = table.add_text(card.links[back.key])
    root = known.psk_roots[planes.MANAGEMENT.slot]
    sites = [link.site_id]
    if link.between:
        sites += [site.id for site in plan.remote(node.site)]
    networks = [plan.near(slot, site) for site in sites for slot in plan.slots]
    section = WireguardPeer(
        name=link.peer,
        public=public,
        psk=table.add(keys.link_psk(root, node.key, peer.key).reveal()),
        allowed=(
            f"{link.far.v4}/32",
            f"{link.far.v6}/128",
            *(text for near in networks for text in (near.v4, near.v6)),
        ),
        endpoint=_endpoint(card, link.peer_port),
        keepalive=LINK_KEEPALIVE,
    )
    addresses = [f"{link.own.v4}/{V4_PREFIX}", f"{link.own.v6}/{V6_PREFIX}"]
    made.files[f"wireguard/{link.interface}.conf"] = config(
        title=f"{node.name}, link to {link.peer}",
        addresses=addresses,
        mtu=link.mtu,
        port=link.port,
        private=table.add(identity.links[link.key].reveal()),
        peers=[section],
        routes=False,
    )
    made.state(link.interface, LINK, (link.port, link.mtu), addresses, 1)
    made.mesh[link.interface] = [_row(link.peer, peer.key, LINK, link.far, public)]


def _row(name: str, key: str, kind: str, at: Address, public: str) -> dict[str, str]:
    return {"name": name, "key": key, "kind": kind, "v4": at.v4, "v6": at.v6, "public": public}


def _dialled(node: PlanNode, peer: Peer, card: Card, port: int) -> str | None:
    """Where a node calls a peer: at its own site in the private network, if that has one."""
    if peer.kind != "node":
        return None
    if card.private is not None and peer.site == node.site_id:
        return endpoint(card.private, port)
    return _endpoint(card, port)


def _endpoint(card: Card, port: int) -> str | None:
    return endpoint(card.endpoint, port) if card.endpoint is not None else None
