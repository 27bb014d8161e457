"""Networks that lie behind whichever gateway carries them now. Pure.

A generation says which gateway of its site a node takes remote sites to lie behind while all is
well. Gateways hand that over to each other as they must, without any rollout: so a network that a
gateway has in place of the other one is as declared, and a flip leaves it where it is.
"""

from collections.abc import Mapping
from dataclasses import replace

from node.generations import Generation
from node.wireguard import Interface, is_host


def networks(interface: Interface) -> dict[str, str]:
    """By network that lies behind a peer, the public key of that peer."""
    return {
        prefix: public
        for public, peer in interface.peers.items()
        for prefix in peer.allowed
        if not is_host(prefix)
    }


def settled(
    target: Generation,
    name: str,
    wanted: Interface,
    live: Interface,
    before: Mapping[str, str],
) -> Interface:
    """An interface as declared, with each network at the gateway that carries it now.

    Args:
        target: The generation.
        name: Of the interface.
        wanted: As the generation has it.
        live: As the kernel has it.
        before: Public key to name, of peers that live may still have by an older key.
    """
    gateways = {row["name"]: row["public"] for row in target.mesh.get(name, []) if "gateway" in row}
    names = {**before, **target.peer_names(name)}
    carried = networks(live)
    moves: dict[str, str] = {}
    for prefix, declared in networks(wanted).items():
        now = gateways.get(names.get(carried.get(prefix, ""), ""))
        if now in wanted.peers and now != declared:
            moves[prefix] = str(now)
    if not moves:
        return wanted
    peers = {
        public: replace(
            peer,
            allowed=frozenset(p for p in peer.allowed if moves.get(p, public) == public)
            | {prefix for prefix, to in moves.items() if to == public},
        )
        for public, peer in wanted.peers.items()
    }
    return replace(wanted, peers=peers)
