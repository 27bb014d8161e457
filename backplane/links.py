"""The links between gateways: ids to interfaces, ports and addresses. No counters, no positions.

Each gateway has a WireGuard interface of its own to every gateway of the other sites, and one to
the other gateway of its own site. Both ends dial from fixed ports, so that stateful firewalls let
the answers in and no inbound port is opened for them.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from backplane import planes
from backplane.addressing import LINKS4, Address
from backplane.members import PlanLink, PlanNode, PlanSite

GATEWAY = "gateway"
"""The role of a gateway."""

MAX_SITE = 90
"""The highest site id whose links all have a /30 in `LINKS4`: 91 sites make 16,380 of them."""

SLOTS = (0, 1)
"""A site's gateways."""

ROUTES_PORT = 5310
"""UDP, on management: where gateways tell the nodes of their site what they carry."""

FIRST_PORT = 51830
V4_PREFIX, V6_PREFIX = 30, 124
"""Prefix lengths of a link: FRR 8.4.4 needs an IPv6 next hop of its own for each plane, and a /127
has two."""

_BETWEEN = 16_383
"""The last /30, of the two gateways of one site: no route leads to it, so all sites share it."""

_HEXTET = 0xFE00
"""The fourth hextet of the links' own ULA /64: no plane's index reaches it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two ends, the one with the lower key (site id, slot) first."""

    number: int
    between: bool

    def addresses(self, ula: str, *, second: bool) -> Address:
        """An end's own addresses, of the link's /30 and /124."""
        v4 = LINKS4.network_address + 4 * self.number + 1 + second
        return Address(v4=str(v4), v6=self._v6(ula, 1 + second))

    def hop(self, ula: str, index: int, *, second: bool) -> str:
        """What an end is called as the next hop of a plane over IPv6; on no interface."""
        return self._v6(ula, 4 * (1 + second) + index)

    def _v6(self, ula: str, number: int) -> str:
        base = int(ipaddress.IPv6Network(ula).network_address)
        return str(ipaddress.IPv6Address(base | _HEXTET << 64 | 16 * self.number + number))


def networks(ula: str) -> tuple[str, str]:
    """What all links' own addresses are in: IPv4 and IPv6."""
    base = int(ipaddress.IPv6Network(ula).network_address)
    return str(LINKS4), f"{ipaddress.IPv6Address(base | _HEXTET << 64)}/64"


def interface(site: int, slot: int) -> str:
    """The interface to a gateway, by that one's site id and slot."""
    return f"wgl{site}-{slot}"


def port(site: int, slot: int) -> int:
    """The UDP port of the same interface."""
    return FIRST_PORT + len(SLOTS) * site + slot


def pair(one: tuple[int, int], other: tuple[int, int]) -> Pair:
    """The link of two gateways, each by site id and slot; their order does not matter."""
    (low, low_slot), (high, high_slot) = sorted((one, other))
    if low == high:
        return Pair(number=_BETWEEN, between=True)
    return Pair(number=4 * (high * (high - 1) // 2 + low) + 2 * high_slot + low_slot, between=False)


def gateways(nodes: Iterable[PlanNode]) -> tuple[PlanNode, ...]:
    """The gateways in use, sorted by site and slot."""
    found = (node for node in nodes if GATEWAY in node.roles and not node.retire)
    return tuple(sorted(found, key=_end))


def owner(site: int, remote: int, own: Iterable[PlanNode]) -> PlanNode | None:
    """Which of a site's gateways carries its traffic with a remote site, while all is well.

    Two gateways share the remote sites. None where a site has no gateway.

    Args:
        site: the site's id.
        remote: the remote one's.
        own: the site's gateways.
    """
    there = tuple(own)
    if len(there) < len(SLOTS):
        return there[0] if there else None
    return next(node for node in there if node.slot == (site + remote) % len(SLOTS))


def linked(
    nodes: Iterable[PlanNode], sites: Mapping[str, PlanSite], ula: str
) -> Iterator[PlanNode]:
    """All nodes, each gateway with its links."""
    everyone = tuple(nodes)
    ends = {node.name: node for node in gateways(everyone)}
    for node in everyone:
        if node.name not in ends:
            yield node
            continue
        links = (_link(node, other, sites, ula) for other in ends.values() if other is not node)
        yield replace(node, links=tuple(links))


def _link(node: PlanNode, other: PlanNode, sites: Mapping[str, PlanSite], ula: str) -> PlanLink:
    here, there = _end(node), _end(other)
    made = pair(here, there)
    return PlanLink(
        interface=interface(*there),
        port=port(*there),
        peer=other.name,
        peer_port=port(*here),
        site=sites[other.site].name,
        site_id=there[0],
        slot=there[1],
        number=made.number,
        between=made.between,
        mtu=min(sites[node.site].link_mtu, sites[other.site].link_mtu),
        hops=tuple(made.hop(ula, plane.index, second=here > there) for plane in planes.PLANES),
        own=made.addresses(ula, second=here > there),
        far=made.addresses(ula, second=there > here),
    )


def _end(node: PlanNode) -> tuple[int, int]:
    return node.site_id, node.slot
