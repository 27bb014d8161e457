"""wg-quick files for a person's own device, one per plane they are on."""

import hashlib
from collections.abc import Mapping

from backplane import keys
from backplane.keys import Card, Identity
from backplane.plan import Peer, Plan
from backplane.render.tunnels import interface_addresses
from backplane.render.wireguard import KEEPALIVE, WireguardPeer, config, endpoint

NAME_LIMIT = 15
"""Longest name of a Linux interface (IFNAMSIZ - 1), and so of a wg-quick file."""

_DIGITS = 6


def interface_name(stack: str, interface: str) -> str:
    """``<stack>-<interface>``: several stacks live side by side on one device.

    A stack's name that is too long is cut and told apart by six digits of its hash.
    """
    name = f"{stack}-{interface}"
    if len(name) <= NAME_LIMIT:
        return name
    digest = hashlib.sha256(stack.encode()).hexdigest()[:_DIGITS]
    room = NAME_LIMIT - len(interface) - _DIGITS - 1
    return f"{stack[:room]}{digest}-{interface}"


def configs(
    plan: Plan,
    name: str,
    identity: Identity,
    directory: Mapping[str, Card],
    psk_roots: Mapping[str, bytes],
    *,
    direct: bool = False,
) -> dict[str, str]:
    """The files of a person, by file name. Secret.

    Of a site with entry nodes those alone are peers, the first of them for all of the site.

    Args:
        plan: the mesh.
        name: the person.
        identity: the keys that the stack made; not used on planes where they bring a key.
        directory: the card of every node, by name.
        psk_roots: the PSK root of each of their planes.
        direct: whether every node is a peer for itself, whatever entry nodes there are.
    """
    person = plan.person(name)
    files: dict[str, str] = {}
    for slot in person.slots:
        plane = plan.plane(slot)
        behind = {} if direct else _behind(plan, slot)
        # What an entry node hands on must fit into its site's private network as well.
        entered = [node.mtu for node in plan.nodes if node.name in behind.get(node.site_id, {})]
        peers = [
            WireguardPeer(
                name=peer.name,
                public=directory[peer.name].wireguard[slot],
                psk=keys.psk(psk_roots[slot], person.key, peer.key, slot=slot).base64(),
                allowed=(
                    f"{peer.address.v4}/32",
                    f"{peer.address.v6}/128",
                    *behind.get(peer.site, {}).get(peer.name, ()),
                ),
                endpoint=None if at is None else endpoint(at, plane.port),
                keepalive=KEEPALIVE,
            )
            for peer in plan.peers(name, slot)
            if _is_peer(peer, behind)
            for at in [directory[peer.name].endpoint]
        ]
        brought = slot in person.public_keys
        files[f"{interface_name(plan.stack, plane.interface)}.conf"] = config(
            title=f"{name}, {plane.name} of {plan.stack}",
            addresses=interface_addresses(person.addresses[slot]),
            mtu=min((plane.mtu, *entered)),
            port=None,
            private=None if brought else identity.wireguard[slot].base64(),
            peers=peers,
        )
    return files


def _behind(plan: Plan, slot: str) -> dict[int, dict[str, tuple[str, ...]]]:
    """By site id, of those that have any, each entry node and the networks that lie behind it."""
    found: dict[int, dict[str, tuple[str, ...]]] = {}
    for site in plan.sites:
        near = plan.near(slot, site.id)
        for place, node in enumerate(plan.entries(site.name)):
            networks = () if place else (near.v4, near.v6)
            found.setdefault(site.id, {})[node.name] = networks
    return found


def _is_peer(peer: Peer, behind: Mapping[int, Mapping[str, tuple[str, ...]]]) -> bool:
    return peer.site not in behind or peer.name in behind[peer.site]
