"""A site whose line carries less has narrower links, and what is large is not lost on them."""

from __future__ import annotations

from itertools import permutations

from tests.lab.routed import Routed
from tests.lab.sites import GATEWAYS, NARROW, NARROW_MTU, NODES, address, interface

MTU = 1420
HEADS = {4: 28, 6: 48}
"""Octets of IP and ICMP around what a ping carries, by family."""


def test_each_link_carries_what_the_narrower_site_does(routed: Routed) -> None:
    """Both ends have the same MTU; planes and the links of other sites have theirs."""
    routed.settled()
    for here, there in permutations(GATEWAYS, 2):
        narrow = NARROW in {NODES[here].site, NODES[there].site}
        told = routed.on(here).succeed(f"cat /sys/class/net/{interface(there)}/mtu")
        assert int(told) == (NARROW_MTU if narrow else MTU), (here, there)
        assert int(routed.on(here).succeed("cat /sys/class/net/wg3/mtu")) == MTU


def test_what_is_too_large_for_a_link_is_told_so(routed: Routed) -> None:
    """Between leaves: what must not be cut fails with the link's MTU, and what may be passes."""
    routed.settled()
    leaf, far = routed.leaf("fsn"), routed.leaf(NARROW)
    for family, head in HEADS.items():
        target = address(far, "wg3", family)
        ping = f"ping -n -c 2 -W 2 {target}"
        try:
            routed.on(leaf).succeed(f"{ping} -M do -s {NARROW_MTU - head}")
            said = routed.on(leaf).fail(f"{ping} -M do -s {MTU - head}")
            assert str(NARROW_MTU) in said, said
            cut = f"ping -n -c 3 -W 2 -M dont -s {MTU - head} {target}"
            routed.on(leaf).succeed(f"{cut} | grep ttl")
        finally:
            routed.on(leaf).succeed(f"ip -{family} route flush cache")
    wide = address(routed.leaf("hel"), "wg3")
    routed.on(leaf).succeed(f"ping -n -c 2 -W 2 -M do -s {MTU - HEADS[4]} {wide}")
