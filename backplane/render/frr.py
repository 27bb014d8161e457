"""FRR's integrated configuration of one gateway, as text: frr.conf.

What is equal to a default of FRR's is never written: the running configuration does not show it,
and frr-reload.py would add it anew at each load.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backplane.addressing import Address

FIRST_AS = 65001
"""The AS number of site 0; private use (RFC 6996)."""

KEEPALIVE, HOLD, CONNECT = 10, 30, 10
"""Seconds. A link that dies is noticed by BFD, long before the hold time is over."""

_ORDER = 10
_FAMILIES = (("ip", "ipv4", "v4"), ("ipv6", "ipv6", "v6"))


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Subnets:
    """One site's part of one plane: a /24 and a /64, as canonical text."""

    v4: str
    v6: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """A plane as its gateway sees it.

    Attributes:
        interface: its name.
        own: the gateway's addresses there: where its own traffic to other sites comes from.
        near: what of the plane is in the gateway's site.
    """

    interface: str
    own: Address
    near: Subnets


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Another site.

    Attributes:
        number: its id.
        metric: what is told to it of this gateway's routes (MED); it takes the lowest.
        subnets: its parts of the planes, by interface.
    """

    number: int
    metric: int
    subnets: dict[str, Subnets]


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A link to a gateway of another site.

    Attributes:
        interface: of the link.
        site: the other site's id.
        peer: the other end's IPv4 address on it.
        hops: this end's IPv6 next hop by plane, each another one inside the link's subnet. They
            need not be on an interface: WireGuard picks the peer by what is behind them.
        far: the other end's, in the same way.
    """

    interface: str
    site: int
    peer: str
    hops: dict[str, str]
    far: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """A gateway that speaks BGP.

    Attributes:
        site: its own site's id.
        router: its router id: an IPv4 address that no other gateway has.
        planes: those in use.
        sites: all others that it has a link to.
        neighbours: one for each link.
    """

    site: int
    router: str
    planes: tuple[Plane, ...]
    sites: tuple[Site, ...]
    neighbours: tuple[Neighbour, ...]


def autonomous(site: int) -> int:
    """The AS number of a site."""
    return FIRST_AS + site


def frr(speaker: Speaker) -> str:
    """A gateway's frr.conf: sorted, and the same text for the same gateway in whatever order."""
    planes = sorted(speaker.planes, key=lambda one: one.interface)
    sites = sorted(speaker.sites, key=lambda one: one.number)
    links = sorted(speaker.neighbours, key=lambda one: (one.site, one.interface))
    lines = [
        *_lists(planes, sites),
        *_hops(links),
        *_sources(planes),
        *_policies(sites, links, planes),
    ]
    lines += _bgp(speaker, planes, links)
    lines += [f"{word} protocol bgp route-map source-{tail}" for word, _, tail in _FAMILIES]
    return "".join(f"{line}\n" for line in lines)


def _lists(planes: list[Plane], sites: list[Site]) -> Iterator[str]:
    """What is in this site, what is in each other one, and what is on each plane: no more."""
    for word, _, tail in _FAMILIES:
        if tail == "v4":
            yield from _list(word, "near-v4", (one.near.v4 for one in planes))
        else:
            for plane in planes:
                yield from _list(word, f"near-{plane.interface}-v6", [plane.near.v6])
        for site in sites:
            far = (getattr(site.subnets[one.interface], tail) for one in planes)
            yield from _list(word, f"site-{site.number}-{tail}", far)
        for plane in planes:
            far = (getattr(site.subnets[plane.interface], tail) for site in sites)
            yield from _list(word, f"{plane.interface}-{tail}", far)
    for site in sites:
        # Exactly one hop: what another site was told by a third never comes in.
        one = autonomous(site.number)
        yield f"bgp as-path access-list site-{site.number} seq 5 permit ^{one}$"


def _hops(links: list[Neighbour]) -> Iterator[str]:
    """The next hops that a link leads to over IPv6."""
    for link in links:
        hops = (f"{hop}/128" for _, hop in sorted(link.far.items()))
        yield from _list("ipv6", f"hops-{link.interface}", hops)


def _list(word: str, name: str, subnets: Iterable[str]) -> Iterator[str]:
    for number, subnet in enumerate(subnets, 1):
        yield f"{word} prefix-list {name} seq {5 * number} permit {subnet}"


def _sources(planes: list[Plane]) -> Iterator[str]:
    """By which address the gateway itself is known on the plane that it sends to."""
    for word, _, tail in _FAMILIES:
        for number, plane in enumerate(planes, 1):
            yield f"route-map source-{tail} permit {_ORDER * number}"
            yield f" match {word} address prefix-list {plane.interface}-{tail}"
            yield f" set src {getattr(plane.own, tail)}"
            yield "exit"


def _policies(sites: list[Site], links: list[Neighbour], planes: list[Plane]) -> Iterator[str]:
    """What comes in and goes out. All else is denied: a route-map ends so."""
    for site in sites:
        own = [link for link in links if link.site == site.number]
        yield from _in(site, "v4")
        # Wherever it says that its site is: by itself alone, or whatever goes there goes astray.
        yield " set ip next-hop peer-address"
        yield "exit"
        for link in own:
            yield from _in(site, "v6", link)
            yield f" match ipv6 next-hop prefix-list hops-{link.interface}"
            # Never the link-local address that an interface may have: it is the same for all.
            yield " set ipv6 next-hop prefer-global"
            yield "exit"
        yield f"route-map {_way(site.number, 'out', 'v4')} permit {_ORDER}"
        yield " match ip address prefix-list near-v4"
        yield f" set metric {site.metric}"
        yield "exit"
        for link in own:
            yield from _out6(site, link, planes)


def _in(site: Site, tail: str, link: Neighbour | None = None) -> Iterator[str]:
    word = "ipv6" if link else "ip"
    yield f"route-map {_way(site.number, 'in', tail, link)} permit {_ORDER}"
    yield f" match as-path site-{site.number}"
    yield f" match {word} address prefix-list site-{site.number}-{tail}"


def _out6(site: Site, link: Neighbour, planes: list[Plane]) -> Iterator[str]:
    """What goes out of IPv6: the session is of IPv4, which does not tell the next hop.

    zebra keeps one next hop for all routes that have it, with the source of the first of them (seen
    in 8.4.4, for IPv6 alone): so each plane has another one.
    """
    for number, plane in enumerate(planes, 1):
        yield f"route-map {_way(site.number, 'out', 'v6', link)} permit {_ORDER * number}"
        yield f" match ipv6 address prefix-list near-{plane.interface}-v6"
        yield f" set ipv6 next-hop global {link.hops[plane.interface]}"
        yield f" set metric {site.metric}"
        yield "exit"


def _way(site: int, way: str, tail: str, link: Neighbour | None = None) -> str:
    """The node tool finds by this name where the metric for a site is."""
    return f"site-{site}-{way}-{tail}" + (f"-{link.interface}" if link else "")


def _bgp(speaker: Speaker, planes: list[Plane], links: list[Neighbour]) -> Iterator[str]:
    yield f"router bgp {autonomous(speaker.site)}"
    yield f" bgp router-id {speaker.router}"
    yield " bgp log-neighbor-changes"
    yield " no bgp default ipv4-unicast"
    # The networks are those of the planes, which have wider routes than these.
    yield " no bgp network import-check"
    for link in links:
        peer = link.peer
        yield f" neighbor {peer} remote-as {autonomous(link.site)}"
        yield f" neighbor {peer} description {link.interface}"
        yield f" neighbor {peer} bfd"
        yield f" neighbor {peer} timers {KEEPALIVE} {HOLD}"
        yield f" neighbor {peer} timers connect {CONNECT}"
    for _, family, tail in _FAMILIES:
        yield f" address-family {family} unicast"
        yield from (f"  network {getattr(one.near, tail)}" for one in planes)
        for link in links:
            peer = link.peer
            yield f"  neighbor {peer} activate"
            # One more than the policy lets in is a mistake of the other end.
            yield f"  neighbor {peer} maximum-prefix {len(planes)}"
            for way in ("in", "out"):
                name = _way(link.site, way, tail, link if tail == "v6" else None)
                yield f"  neighbor {peer} route-map {name} {way}"
        # A node takes what comes from a site from one gateway alone.
        yield "  maximum-paths 1"
        yield " exit-address-family"
    yield "exit"
