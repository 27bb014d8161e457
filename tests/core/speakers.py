"""A gateway of site 0 with three links: two to site 1, one to site 2."""

from dataclasses import replace

from backplane.addressing import Address, address
from backplane.render.frr import Neighbour, Plane, Site, Speaker, Subnets

_ULA = "fd00:bb::/48"


def _own(plane: int, site: int, member: int) -> Address:
    return address(network=200, ula=_ULA, index=plane, site=site, member=member)


def _subnets(plane: int, site: int) -> Subnets:
    v6 = _own(plane, site, 1).v6.removesuffix("1")
    return Subnets(v4=f"10.{200 + plane}.{site}.0/24", v6=f"{v6}/64")


def _site(number: int, metric: int) -> Site:
    subnets = {f"wg{plane}": _subnets(plane, number) for plane in range(4)}
    return Site(number=number, metric=metric, subnets=subnets)


def _link(interface: str, site: int, number: int) -> Neighbour:
    hops = {f"wg{plane}": f"fd00:bb:0:fe00::{16 * number + 1 + plane:x}" for plane in range(4)}
    far = {f"wg{plane}": f"fd00:bb:0:fe00::{16 * number + 9 + plane:x}" for plane in range(4)}
    peer = f"10.254.0.{4 * number + 2}"
    return Neighbour(interface=interface, site=site, peer=peer, hops=hops, far=far)


GATEWAY = Speaker(
    site=0,
    router="10.201.0.1",
    planes=tuple(
        Plane(interface=f"wg{plane}", own=_own(plane, 0, 1), near=_subnets(plane, 0))
        for plane in range(4)
    ),
    sites=(_site(1, 50), _site(2, 100)),
    neighbours=(_link("wgl1-0", 1, 0), _link("wgl1-1", 1, 2), _link("wgl2-0", 2, 4)),
)

TURNED = replace(
    GATEWAY,
    planes=GATEWAY.planes[::-1],
    sites=GATEWAY.sites[::-1],
    neighbours=GATEWAY.neighbours[::-1],
)
"""The same in another order."""
