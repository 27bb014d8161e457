"""What a gateway lets through, and what it takes from its links: plane N to plane N, and no more.

Where a packet came in, where it goes out, whose it says it is and whom it is for must all belong to
one plane and to the two sites in question. What came from the other gateway of the site never goes
back to it, so no packet runs in circles.
"""

from collections.abc import Iterator

from backplane.addressing import Address
from backplane.links import ROUTES_PORT
from backplane.members import PlanLink, PlanPlane
from backplane.plan import Plan, PlanNode
from backplane.segments import PORT as VXLAN

BFD = (3784, 3785)
"""Control and echo packets (RFC 5881, section 4)."""

BGP = 179
_PEOPLE = 1000
"""The first number of an account that is a person's (login.defs(5), UID_MIN)."""

_BFD = ", ".join(map(str, BFD))
_UNEXPECTED = "unexpected_links"


def state(plan: Plan, node: PlanNode, up: list[PlanPlane]) -> list[str]:
    """The counter of what a link brings that nobody may send, and the remote sites' networks."""
    if not node.links:
        return []
    lines = [f"\tcounter {_UNEXPECTED} {{", "\t}", ""]
    for plane in up:
        beyond = [plan.near(plane.slot, site.id) for site in plan.remote(node.site)]
        lines += _networks(f"{plane.interface}_far4", "ipv4_addr", [near.v4 for near in beyond])
        lines += _networks(f"{plane.interface}_far6", "ipv6_addr", [near.v6 for near in beyond])
    return lines


def entrance(node: PlanNode) -> list[str]:
    """Where packets to a gateway itself go that came in by a link."""
    return [f'\t\tiifname "{link.interface}" goto {_from(link)}' for link in node.links]


def astray(node: PlanNode) -> list[str]:
    """What drops packets to a gateway's addresses in the mesh that came by no way of the mesh.

    Between gateways both ports are known, so that a packet made up elsewhere could pass for an
    answer.
    """
    if not node.links:
        return []
    own = [*node.addresses.values(), *(link.own for link in node.links)]
    four, six = ", ".join(at.v4 for at in own), ", ".join(at.v6 for at in own)
    return [f"\t\tip daddr {{ {four} }} drop", f"\t\tip6 daddr {{ {six} }} drop"]


def inputs(
    plan: Plan, node: PlanNode, up: list[PlanPlane], *, held: list[str], prefix: str
) -> Iterator[str]:
    """A chain for each link: routing's own words, and the planes of the sites beyond.

    Args:
        plan: the mesh.
        node: the gateway.
        up: the planes in use.
        held: rules that drop what those send who are held out.
        prefix: what a guard's log lines start with.
    """
    for link in node.links:
        yield f"\tchain {_from(link)} {{"
        yield from held
        own4 = f"ip saddr {link.far.v4} ip daddr {link.own.v4}"
        own6 = f"ip6 saddr {link.far.v6} ip6 daddr {link.own.v6}"
        for own, echo in ((own4, "icmp"), (own6, "icmpv6")):
            yield f"\t\t{own} ct state established,related accept"
            yield f"\t\t{own} {echo} type echo-request accept"
        if not link.between:
            yield f"\t\t{own4} tcp dport {BGP} accept"
            # Untracked by nature: each end sends from a port of its own, answering nothing.
            yield f"\t\t{own4} udp dport {{ {_BFD} }} accept"
        for plane in up:
            name, to_us = plane.interface, node.addresses[plane.slot]
            if link.between:
                far4, far6 = f"@{name}_far4", f"@{name}_far6"
            else:
                yield from _probes(link, to_us, plan.node(link.peer).addresses[plane.slot])
                far = plan.near(plane.slot, link.site_id)
                far4, far6 = far.v4, far.v6
            for family, beyond, to in (("ip", far4, to_us.v4), ("ip6", far6, to_us.v6)):
                peers = f"@{name}_peers{'6' if family == 'ip6' else '4'}"
                yield (
                    f"\t\t{family} saddr {beyond} {family} saddr {peers} "
                    f"{family} daddr {to} goto {name}_open"
                )
        where = f'"{prefix} {node.name} {link.interface} "'
        yield f"\t\tlimit rate 1/second burst 5 packets log prefix {where}"
        yield f"\t\tcounter name {_UNEXPECTED} drop"
        yield from ("\t}", "")


def _probes(link: PlanLink, to_us: Address, theirs: Address) -> Iterator[str]:
    """Whether a plane lives at a link's other end: asked by its address on the link, and by ours.

    So the answer comes by the link too, and not by whichever gateway routes prefer.
    """
    for own, far, here, there, family, echo in (
        (link.own.v4, link.far.v4, to_us.v4, theirs.v4, "ip", "icmp"),
        (link.own.v6, link.far.v6, to_us.v6, theirs.v6, "ip6", "icmpv6"),
    ):
        yield f"\t\t{family} saddr {far} {family} daddr {here} {echo} type echo-request accept"
        yield f"\t\t{family} saddr {there} {family} daddr {own} ct state established accept"


def chains(plan: Plan, node: PlanNode, up: list[PlanPlane]) -> Iterator[str]:
    """The chains that accept what a gateway hands on, each for one way of one plane."""
    if not node.links:
        return
    for plane in up:
        near = plan.near(plane.slot, node.site_id)
        name = plane.interface
        yield from _pair(f"{name}_far", near, Address(v4=f"@{name}_far4", v6=f"@{name}_far6"))
        for site in plan.remote(node.site):
            yield from _pair(f"{name}_{site.id}", near, plan.near(plane.slot, site.id))
    for site in plan.remote(node.site):
        for way in ("out", "in"):
            jumps = (f"\t\tjump {way}_{plane.interface}_{site.id}" for plane in up)
            yield from (f"\tchain {way}_{site.id} {{", *jumps, "\t}", "")


def rules(node: PlanNode, up: list[PlanPlane]) -> Iterator[str]:
    """What leads a packet that is to be handed on to its chain; anything else goes nowhere."""
    if not node.links:
        return
    ways: list[str] = []
    between = next((link.interface for link in node.links if link.between), None)
    for link in node.links:
        for plane in up:
            number = "far" if link.between else str(link.site_id)
            ways += _ways(plane.interface, link.interface, f"{plane.interface}_{number}")
        if between is not None and not link.between:
            ways += _ways(between, link.interface, str(link.site_id))
    # What a path to the link's other end has less room for than the planes (RFC 4459).
    yield "\t\ttcp flags syn tcp option maxseg size set rt mtu"
    yield "\t\tiifname . oifname vmap {"
    yield from (f"\t\t\t{way}," for way in sorted(ways))
    yield "\t\t}"
    inside = ", ".join(f'"{name}"' for name in interfaces(node, up))
    # Whatever a container host admits for its bridges, it admits nothing from here to here.
    yield f"\t\tiifname {{ {inside} }} oifname {{ {inside} }} drop"


def believed(plan: Plan, node: PlanNode, *, segments: bool) -> list[str]:
    """What only daemons and the kernel may say, since others take its source for a proof.

    People's accounts and their programs have numbers from 1000 up; the kernel's packets have none.

    Args:
        plan: the mesh.
        node: whose.
        segments: whether it is a member of one.
    """
    ports = {ROUTES_PORT} if plan.routed else set()
    ports |= {VXLAN} if segments else set()
    ports |= set(BFD) if node.links else set()
    said = f"udp dport {{ {', '.join(map(str, sorted(ports)))} }}"
    ways = ", ".join(f'"{link.interface}"' for link in node.links)
    links = f"oifname {{ {ways} }} tcp dport {BGP}"
    told = [*([said] if ports else []), *([links] if ways else [])]
    return [f"\t\tmeta skuid >= {_PEOPLE} {one} drop" for one in told]


def interfaces(node: PlanNode, up: list[PlanPlane]) -> list[str]:
    """Every interface that leads into the mesh."""
    return [*(plane.interface for plane in up), *(link.interface for link in node.links)]


def _ways(inside: str, outside: str, chain: str) -> Iterator[str]:
    yield f'"{inside}" . "{outside}" : goto out_{chain}'
    yield f'"{outside}" . "{inside}" : goto in_{chain}'


def _pair(name: str, near: Address, far: Address) -> Iterator[str]:
    for way, source, target in (("out", near, far), ("in", far, near)):
        yield f"\tchain {way}_{name} {{"
        yield f"\t\tip saddr {source.v4} ip daddr {target.v4} accept"
        yield f"\t\tip6 saddr {source.v6} ip6 daddr {target.v6} accept"
        yield from ("\t}", "")


def _networks(name: str, kind: str, members: list[str]) -> list[str]:
    lines = [f"\tset {name} {{", f"\t\ttype {kind}", "\t\tflags interval"]
    if members:
        lines += ["\t\telements = {", *(f"\t\t\t{member}," for member in members), "\t\t}"]
    return [*lines, "\t}", ""]


def _from(link: PlanLink) -> str:
    return f"from_{link.interface.replace('-', '_')}"
