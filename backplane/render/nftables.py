"""The one ruleset of a node, always dark: our own table, replaced in one transaction.

`table`, `delete table`, `table {…}` in one file work with nft 1.0.6 (Debian 12), which has no
`destroy`; other tables are never touched. Everything unknown is dropped without an answer: no RST,
no ICMP error, no echo reply ever leaves by an interface that is no plane's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from backplane import links
from backplane.clouds import CLOUDS
from backplane.links import ROUTES_PORT
from backplane.plan import Peer, Plan, PlanNode, PlanPlane
from backplane.planes import MANAGEMENT
from backplane.render import entry, forwarding, segments
from backplane.segments import NAME as SEGMENTS
from backplane.segments import PORT as VXLAN
from backplane.segments import Segment

PREFIX = "BACKPLANE-UNEXPECTED"
"""What a guard's log lines start with; node and interface follow."""

METADATA4 = "169.254.169.254"
METADATA6 = ("fd00:ec2::254", "fe80::a9fe:a9fe")
"""Where clouds answer with user-data: AWS, and Hetzner's link-local (DataSourceHetzner.py)."""

_SEGMENTS = (VXLAN, SEGMENTS)
"""An opening that has rules of its own: not every peer is a member."""

_ICMP_ERRORS = "{ destination-unreachable, time-exceeded, parameter-problem }"


def ruleset(
    plan: Plan,
    node: PlanNode,
    *,
    slots: Iterable[str],
    peers: Mapping[str, tuple[Peer, ...]],
    far: Mapping[str, tuple[Peer, ...]] = MappingProxyType({}),
) -> str:
    """The ruleset of a node.

    Args:
        plan: the mesh.
        node: whose.
        slots: the planes that are up; the ports of the others stay shut.
        peers: who is allowed on each of them.
        far: who else is, through gateways.
    """
    whole = {slot: (*near, *far.get(slot, ())) for slot, near in peers.items()}
    up = [plane for plane in plan.planes if plane.slot in set(slots)]
    ways = node if far else replace(node, links=())
    joined = segments.on(plan, node, whole)
    trusted = ["lo", *forwarding.interfaces(ways, up), *node.bridges]
    lines = [
        f"# {node.name}: all that may reach this machine, and all that it says to strangers",
        "table inet backplane",
        "delete table inet backplane",
        "",
        "table inet backplane {",
    ]
    for plane in up:
        lines += _guard_state(plane, whole[plane.slot])
    lines += [*forwarding.state(plan, ways, up), *segments.state(joined)]
    handed = entry.people(node, peers)
    for plane in up:
        for name, kind, who in entry.sets(plane, handed.get(plane.slot, ())) if handed else ():
            lines += _set(name, kind, who)
    everyone = [peer for plane in up for peer in whole[plane.slot]]
    held = any(peer.kind != "runner" for peer in everyone)
    if held:
        lines += _held(everyone)
    lines += _input(ways, up, joined)
    out = _out(held=held)
    for plane in up:
        lines += _plane(plan, node, plane, whole[plane.slot], out, joined)
    lines += forwarding.inputs(plan, ways, up, held=out, prefix=PREFIX)
    lines += forwarding.chains(plan, ways, up)
    lines += entry.chains(plan, node, handed)
    hands_on = [
        *segments.forward(joined),
        *(out if ways.links or handed else ()),
        *entry.rules(plan, handed),
        *forwarding.rules(ways, up),
    ]
    clear = _clear(plan, ways)
    said = _output(trusted, clear, forwarding.believed(plan, ways, segments=bool(joined)))
    lines += [
        *_forward(ways, up, hands_on, trusted, clear),
        "",
        *said,
        "}",
        "",
    ]
    return "\n".join(lines)


def early(*, ipv6: bool = True, advertised: bool = False) -> str:
    """The ruleset of a first boot before anything else is there: nothing comes in at all.

    Args:
        ipv6: whether the public interface speaks IPv6.
        advertised: whether it has that from a router on the wire.
    """
    return "\n".join(
        [
            "table inet backplane",
            "delete table inet backplane",
            "table inet backplane {",
            "\tchain input {",
            "\t\ttype filter hook input priority filter; policy drop;",
            '\t\tiifname "lo" accept',
            *_strangers(ipv6=ipv6, advertised=advertised),
            "\t}",
            "\tchain forward {",
            "\t\ttype filter hook forward priority filter; policy drop;",
            "\t}",
            *_output(["lo"]),
            "}",
            "",
        ]
    )


def _strangers(*, ipv6: bool, advertised: bool) -> list[str]:
    """What any interface may bring: answers, neighbours, and the cloud's DHCP."""
    lines = ["\t\tct state established,related accept"]
    if ipv6:
        # Untracked packets: `established` never covers them. RFC 4861 demands hop limit 255.
        kinds = "{ nd-neighbor-solicit, nd-neighbor-advert }"
        lines.append(f"\t\ticmpv6 type {kinds} ip6 hoplimit 255 accept")
    if ipv6 and advertised:
        # Both from link-local addresses, which the cloud lets nobody else on this wire send from.
        lines += [
            "\t\tip6 saddr fe80::/10 icmpv6 type nd-router-advert ip6 hoplimit 255 accept",
            "\t\tip6 saddr fe80::/10 udp sport 547 udp dport 546 accept",
        ]
    return [
        *lines,
        "\t\tct state invalid drop",
        "\t\tmeta nfproto ipv4 udp sport 67 udp dport 68 accept",
    ]


def _guard_state(plane: PlanPlane, peers: tuple[Peer, ...]) -> list[str]:
    name = plane.interface
    lines = [f"\tcounter unexpected_{name} {{", "\t}", ""]
    lines += _set(f"{name}_peers4", "ipv4_addr", [peer.address.v4 for peer in peers])
    return lines + _set(f"{name}_peers6", "ipv6_addr", [peer.address.v6 for peer in peers])


def _held(everyone: list[Peer]) -> list[str]:
    """Who is kept out until the node knows that it missed no removal: at first all operators.

    Boot loads this file as it stands. The node tool puts the addresses of those who were removed
    in their place as soon as another node, or a rollout, has shown who belongs to the mesh.
    """
    operators = [peer for peer in everyone if peer.kind == "operator"]
    return [
        *("\tcounter held {", "\t}", ""),
        *_set("held4", "ipv4_addr", [peer.address.v4 for peer in operators]),
        *_set("held6", "ipv6_addr", [peer.address.v6 for peer in operators]),
    ]


def _set(name: str, kind: str, members: list[str]) -> list[str]:
    lines = [f"\tset {name} {{", f"\t\ttype {kind}"]
    if members:
        lines += ["\t\telements = {", *(f"\t\t\t{member}," for member in members), "\t\t}"]
    return [*lines, "\t}", ""]


def _input(node: PlanNode, up: list[PlanPlane], joined: Iterable[Segment]) -> list[str]:
    ports = ", ".join(str(plane.port) for plane in up)
    return [
        "\tchain input {",
        "\t\ttype filter hook input priority filter; policy drop;",
        '\t\tiifname "lo" accept',
        *segments.kept_out(joined),
        # The guard stands before `established`: a peer that is gone has no session left either.
        *(f'\t\tiifname "{plane.interface}" goto {plane.interface}' for plane in up),
        *forwarding.entrance(node),
        *forwarding.astray(node),
        *_strangers(ipv6=node.ipv6, advertised=CLOUDS[node.cloud].advertised),
        f"\t\tudp dport {{ {ports} }} accept",
        "\t}",
        "",
    ]


def _out(*, held: bool) -> list[str]:
    """What drops the packets of those who are held out."""
    kept = (("ip", "held4"), ("ip6", "held6")) if held else ()
    return [f"\t\t{family} saddr @{keep} counter name held drop" for family, keep in kept]


def _plane(
    plan: Plan,
    node: PlanNode,
    plane: PlanPlane,
    peers: tuple[Peer, ...],
    out: list[str],
    joined: Mapping[Segment, list[str]],
) -> list[str]:
    name, own = plane.interface, node.addresses[plane.slot]
    lines = [f"\tchain {name} {{", *out]
    if peers:
        # Only to this plane's own address: another plane's is not to be had from here.
        lines += [
            f"\t\tip saddr @{name}_peers4 ip daddr {own.v4} goto {name}_open",
            f"\t\tip6 saddr @{name}_peers6 ip6 daddr {own.v6} goto {name}_open",
        ]
    lines += [
        f'\t\tlimit rate 1/second burst 5 packets log prefix "{PREFIX} {node.name} {name} "',
        f"\t\tcounter name unexpected_{name} drop",
        "\t}",
        "",
        f"\tchain {name}_open {{",
        *segments.members(joined, plane.slot),
        "\t\tct state established,related accept",
        "\t\tct state invalid drop",
        "\t\ticmp type echo-request accept",
        "\t\ticmpv6 type echo-request accept",
    ]
    for proto in ("tcp", "udp"):
        openings = {
            opening.port
            for opening in plan.openings(node.name)
            if opening.slot == plane.slot and opening.proto == proto
            if opening.port != ROUTES_PORT and (opening.port, opening.role) != _SEGMENTS
        }
        if openings:
            lines.append(f"\t\t{proto} dport {{ {', '.join(map(str, sorted(openings)))} }} accept")
    if plane.slot == MANAGEMENT.slot and plan.routed:
        # Who carries what the gateways of the own site say, and nobody else.
        own_site = ", ".join(one.addresses[plane.slot].v4 for one in plan.gateways(node.site))
        lines.append(f"\t\tip saddr {{ {own_site} }} udp dport {ROUTES_PORT} accept")
    return [*lines, "\t\tdrop", "\t}", ""]


def _forward(
    node: PlanNode, up: list[PlanPlane], hands_on: list[str], trusted: list[str], clear: list[str]
) -> list[str]:
    lines = [
        "\tchain forward {",
        "\t\ttype filter hook forward priority filter; policy drop;",
        f"\t\tip daddr {METADATA4} drop",
        f"\t\tip6 daddr {{ {', '.join(METADATA6)} }} drop",
        *hands_on,
    ]
    if node.bridges:
        ways = ", ".join(f'"{name}"' for name in trusted)
        lines += [line.replace("\t\t", f"\t\toifname != {{ {ways} }} ", 1) for line in clear]
        lines.append("\t\tct state established,related accept")
        inside = ", ".join(f'"{name}"' for name in forwarding.interfaces(node, up))
        lines += [
            f'\t\tiifname "{bridge}" oifname != {{ {inside} }} accept' for bridge in node.bridges
        ]
    return [*lines, "\t}"]


def _clear(plan: Plan, node: PlanNode) -> list[str]:
    """What keeps the mesh's own packets from leaving by no way of the mesh, in the clear.

    Before a tunnel is up other routes lead there, and a route may lead astray. They are dropped,
    not refused: TCP goes on trying until the tunnel is there, and who sends else is told at once.
    """
    whole = [(plane.supernet4, plane.supernet6) for plane in plan.planes]
    whole += [links.networks(plan.ula)] if node.links else []
    four, six = (", ".join(networks) for networks in zip(*whole, strict=True))
    return [f"\t\tip daddr {{ {four} }} drop", f"\t\tip6 daddr {{ {six} }} drop"]


def _output(
    trusted: list[str], clear: Iterable[str] = (), believed: Iterable[str] = ()
) -> list[str]:
    names = ", ".join(f'"{name}"' for name in trusted)
    return [
        "\tchain output {",
        "\t\ttype filter hook output priority filter; policy accept;",
        f"\t\tmeta skuid != 0 ip daddr {METADATA4} drop",
        f"\t\tmeta skuid != 0 ip6 daddr {{ {', '.join(METADATA6)} }} drop",
        *believed,
        f"\t\toifname {{ {names} }} accept",
        *clear,
        f"\t\ticmp type {_ICMP_ERRORS} drop",
        f"\t\ticmpv6 type {_ICMP_ERRORS} drop",
        "\t\ttcp flags & rst == rst drop",
        "\t}",
    ]
