"""What an entry node hands on: from people on a plane to the other nodes of its site on that plane.

Those nodes take a person's own address from that person's own tunnel alone, which stays the second
way in. So an entry node sends in its own name, and what its site's nodes believe of a source (who
carries what, whose segment it is) must not be said through it: only what they open for everybody.
"""

from collections.abc import Iterator, Mapping

from backplane.addressing import Address
from backplane.links import ROUTES_PORT
from backplane.plan import Peer, Plan, PlanNode, PlanPlane
from backplane.segments import PORT as VXLAN

_SOURCE_COUNTS = {ROUTES_PORT, VXLAN}
"""UDP ports where a source address is proof enough of who speaks."""

People = Mapping[str, tuple[Peer, ...]]
"""By plane, the operators that an entry node hands packets of on; a plane without any is not in."""


def people(node: PlanNode, peers: Mapping[str, tuple[Peer, ...]]) -> People:
    """Those that a node hands on for; nobody where it is no entry.

    Args:
        node: the node.
        peers: whom it knows on each plane that is up.
    """
    if not node.entry:
        return {}
    found = {
        slot: tuple(peer for peer in here if peer.kind == "operator")
        for slot, here in peers.items()
    }
    return {slot: here for slot, here in found.items() if here}


def sets(plane: PlanPlane, here: tuple[Peer, ...]) -> tuple[tuple[str, str, list[str]], ...]:
    """Name, type and members of each set of people."""
    return (
        (_people(plane, "ip"), "ipv4_addr", [peer.address.v4 for peer in here]),
        (_people(plane, "ip6"), "ipv6_addr", [peer.address.v6 for peer in here]),
    )


def rules(plan: Plan, who: People) -> Iterator[str]:
    """What leads a packet that stays on one plane to that plane's chain."""
    for plane in plan.planes:
        if plane.slot in who:
            name = plane.interface
            yield f'\t\tiifname "{name}" oifname "{name}" goto entry_{name}'


def chains(plan: Plan, node: PlanNode, who: People) -> Iterator[str]:
    """For each plane what is handed on; and in whose name it leaves."""
    up = [plane for plane in plan.planes if plane.slot in who]
    for plane in up:
        name, near = plane.interface, plan.near(plane.slot, node.site_id)
        yield f"\tchain entry_{name} {{"
        for family, network in _both(near):
            person = f"@{_people(plane, family)}"
            yield (f"\t\t{family} saddr {person} {family} daddr {network} goto entry_{name}_open")
            yield (
                f"\t\t{family} saddr {network} {family} daddr {person} "
                "ct state established,related accept"
            )
        yield from ("\t\tdrop", "\t}", "", f"\tchain entry_{name}_open {{")
        yield "\t\tct state established,related accept"
        yield "\t\tct state invalid drop"
        yield "\t\ticmp type echo-request accept"
        yield "\t\ticmpv6 type echo-request accept"
        for proto, ports in _openings(plan, node, plane):
            yield f"\t\t{proto} dport {{ {', '.join(map(str, ports))} }} accept"
        yield from ("\t\tdrop", "\t}", "")
    if up:
        yield "\tchain entry_name {"
        yield "\t\ttype nat hook postrouting priority srcnat; policy accept;"
        for plane in up:
            for family, own in _both(node.addresses[plane.slot]):
                yield (
                    f'\t\toifname "{plane.interface}" {family} saddr @{_people(plane, family)} '
                    f"snat {family} to {own}"
                )
        yield from ("\t}", "")


def _openings(plan: Plan, node: PlanNode, plane: PlanPlane) -> Iterator[tuple[str, list[int]]]:
    """By protocol, every port that some other node of the site opens on the plane."""
    others = [one.name for one in plan.nodes if one.site == node.site and one.name != node.name]
    found = {
        (opening.proto, opening.port)
        for other in others
        for opening in plan.openings(other)
        if opening.slot == plane.slot
        if opening.proto != "udp" or opening.port not in _SOURCE_COUNTS
    }
    for proto in ("tcp", "udp"):
        if ports := sorted(port for one, port in found if one == proto):
            yield proto, ports


def _both(address: Address) -> tuple[tuple[str, str], ...]:
    return ("ip", address.v4), ("ip6", address.v6)


def _people(plane: PlanPlane, family: str) -> str:
    return f"{plane.interface}_people{'6' if family == 'ip6' else '4'}"
