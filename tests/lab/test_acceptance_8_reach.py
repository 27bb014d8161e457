"""Three routed sites: everybody reaches everybody, and from outside nothing has changed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from lab.network.namespace import Namespace
from lab.prober import nmap
from tests.lab.routed import Routed
from tests.lab.sites import FOUR_PORTS, NODES, links, ports


def _reached(routed: Routed, source: str) -> dict[str, bool]:
    others = [name for name in NODES if name != source]
    return {other: routed.flawless(source, other) for other in others}


@pytest.mark.timeout(900)
def test_every_node_reaches_every_node_on_every_plane(routed: Routed) -> None:
    """Twenty pings in a row from each node to each other, on all planes, IPv4 and IPv6: 0 lost."""
    routed.settled()
    for source in NODES:
        assert _reached(routed, source) == {name: True for name in NODES if name != source}, source
    verdict = routed.mesh.verify()
    assert verdict["ok"] is True, verdict


def test_a_leaf_has_one_gateway_to_each_site(routed: Routed) -> None:
    """Both of a site's gateways own something by default, and all planes agree on who."""
    owners = {
        (site, remote): routed.owner(site, remote)
        for site in ("fsn", "nbg", "hel")
        for remote in ("fsn", "nbg", "hel")
        if site != remote
    }
    for (site, _), owner in owners.items():
        assert NODES[owner].site == site
    assert {NODES[owner].slot for owner in owners.values()} == {0, 1}


def test_no_node_has_a_fifth_inbound_port(routed: Routed) -> None:
    """While all links are up the cloud's inbound rules are UDP 51820-51823 and nothing else."""
    routed.settled()
    assert routed.cloud_rules() == dict.fromkeys(NODES, FOUR_PORTS)


@pytest.mark.timeout(900)
def test_a_stranger_gets_no_answer_from_a_link(routed: Routed) -> None:
    """`nmap -sU` of each link port, of the first ones, and of the daemon's, while links are up."""
    routed.settled()
    asked = {port for one, other in links() for port in ports(one, other)}
    asked |= {*range(51830, 51840), 5310, 179, 3784, 3785}
    prefix = Namespace(routed.mesh.lab.lab.namespace("internet")).entry
    targets = [
        server[family] for server in routed.mesh.servers().values() for family in ("ipv4", "ipv6")
    ]
    with ThreadPoolExecutor(max_workers=4) as pool:
        scans = list(pool.map(lambda one: nmap.scan(prefix, "udp", one, sorted(asked)), targets))
    assert len(scans) == 2 * len(NODES)
    for scan in scans:
        assert scan.dark, scan
        assert scan.states == {"open|filtered": len(asked)}
    assert not routed.unsettled()
