"""Private networks: who is called there, how large packets may be, and that nothing opens."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from itertools import pairwise
from typing import Any

import pytest

from backplane import compare
from backplane.clouds import (
    AWS_SITES,
    CLOUDS,
    HETZNER_LAST,
    HETZNER_SITES,
    hetzner_address,
    hetzner_network,
    room,
)
from backplane.declaration import DeclarationError, parse
from backplane.picture import picture
from backplane.plan import Plan, plan
from backplane.render import operator
from tests.core import example, private
from tests.core.rulesets import chain, ruleset

PLANES = ("wg0", "wg1", "wg2", "wg3")


def _plan(raw: dict[str, Any]) -> Plan:
    return plan(parse(raw), project="backplane", stack="lab")


def _mtu(text: str) -> int:
    found = re.search(r"^MTU = (\d+)$", text, re.MULTILINE)
    assert found
    return int(found[1])


def test_nodes_of_a_site_call_each_other_inside() -> None:
    """On each plane: inside at the own site; across sites, and for others, the public address."""
    made = private.material(private.mesh("fsn"))
    before = example.material()
    for plane in made.plan.planes:
        path = f"wireguard/{plane.interface}.conf"
        near = private.called(private.files(made, "fsn-a")[path])
        was = private.called(private.files(before, "fsn-a")[path])
        assert near.pop("fsn-b") == f"172.16.1.3:{plane.port}" != was.pop("fsn-b")
        assert near == was
        far = private.called(private.files(made, "hel-a")[path])
        assert far == private.called(private.files(before, "hel-a")[path])


def test_nothing_else_of_a_bundle_differs() -> None:
    """Of a node at the site its four interfaces' files are others; of one elsewhere nothing is."""
    made, before = private.material(private.mesh("fsn")), example.material()
    for node, changed in (("fsn-a", PLANES), ("fsn-b", PLANES), ("hel-a", ()), ("hel-b", ())):
        old, new = private.files(before, node), private.files(made, node)
        differs = {path for path in {*old, *new} if old.get(path) != new.get(path)}
        assert differs == {f"wireguard/{plane}.conf" for plane in changed}


def test_packets_fit_into_what_lies_under_them() -> None:
    """1370 in Hetzner's network (1450), 1420 in AWS's (9001) and on every public path.

    A plane that is declared to carry less carries less.
    """
    assert (room("hetzner"), room("aws"), room("existing")) == (1370, 8921, None)
    for cloud, size in (("hetzner", 1370), ("aws", 1420)):
        made = private.material(private.mesh("fsn", cloud=cloud))
        for node, expected in (("fsn-a", size), ("hel-a", 1420)):
            found = private.files(made, node)
            assert {_mtu(found[f"wireguard/{plane}.conf"]) for plane in PLANES} == {expected}
    raw = private.mesh("fsn") | {"planes": {"storage": {"mtu": 1300}}}
    found = private.files(private.material(raw), "fsn-a")
    assert _mtu(found["wireguard/wg3.conf"]) == 1300
    assert _mtu(found["wireguard/wg2.conf"]) == 1370


def test_in_a_routed_mesh_all_nodes_fit_the_narrowest_site() -> None:
    """Gateways hand on what comes from far, so that it must fit at its end as well."""
    assert {node.mtu for node in _plan(private.mesh("hel", declared=example.routed())).nodes} == {
        1370
    }
    assert {node.mtu for node in _plan(example.routed()).nodes} == {1420}


def test_links_between_gateways_stay_outside() -> None:
    """Also between two gateways of one site: they carry whole what comes from other sites."""
    made = private.material(private.mesh("fsn", declared=example.routed()))
    before = example.material(example.routed())
    links = {path for path in private.files(made, "fsn-a") if "/wgl" in path}
    assert len(links) == 4
    for path in links:
        assert private.files(made, "fsn-a")[path] == private.files(before, "fsn-a")[path]


def test_a_device_that_enters_by_a_node_fits_as_well() -> None:
    """Its packets are handed on over the private network; who calls each node itself keeps 1420."""
    for entry, size in (([], 1420), (["fsn-a"], 1370)):
        raw = private.mesh("fsn")
        raw["sites"]["fsn"]["entry"] = entry
        made = private.material(raw)
        texts = operator.configs(
            made.plan, "alice", made.identities["alice"], made.cards, made.roots
        )
        assert {_mtu(text) for text in texts.values()} == {size}
        assert "172.16." not in "".join(texts.values())


def test_guests_of_a_segment_fit_as_well() -> None:
    """A segment with a member in Hetzner's network carries 50 octets less than its planes there."""
    raw = example.raw()
    raw["segments"] = {"lan": {"id": 7, "plane": "storage", "nodes": ["fsn-a", "hel-a"]}}
    assert [one.mtu for one in _plan(raw).segments] == [1370]
    assert [one.mtu for one in _plan(private.mesh("fsn", declared=raw)).segments] == [1320]


def test_no_rule_knows_the_private_interface() -> None:
    """The ruleset is the same text with and without: what is dark outside is dark inside.

    No cloud firewall filters Hetzner's private networks, so this is all that stands there. Only
    the loopback and the planes' own interfaces are named; from any other the ports of the planes
    come in, and nothing else that is new.
    """
    made, before = _plan(private.mesh("fsn")), _plan(example.raw())
    for node in ("fsn-a", "fsn-b"):
        text = ruleset(made, node)
        assert text == ruleset(before, node)
        entrance = chain(text, "input")
        assert "policy drop" in entrance[0]
        assert {*re.findall(r'iifname "([^"]+)"', text)} <= {"lo", "docker0", *PLANES}
        opens = [line for line in entrance if "accept" in line and "iifname" not in line]
        assert [line for line in opens if "dport" in line and "sport" not in line] == [
            "udp dport { 51820, 51821, 51822, 51823 } accept"
        ]
        assert not any("tcp" in line or "echo" in line for line in opens)


def test_addresses_follow_from_ids_alone() -> None:
    """Sites 0 to 254 never overlap, nor do they reach into planes, AWS or Docker's own networks."""
    networks = [IPv4Network(hetzner_network(site)) for site in range(255)]
    assert all(one.subnet_of(HETZNER_SITES) for one in networks)
    assert not any(one.overlaps(other) for one, other in pairwise(networks))
    for other in ("10.0.0.0/8", str(AWS_SITES), "172.17.0.0/16", "172.18.0.0/15"):
        assert not HETZNER_SITES.overlaps(IPv4Network(other))
    hosts = [IPv4Address(hetzner_address(3, node)) for node in range(1, HETZNER_LAST + 1)]
    inside = IPv4Network(hetzner_network(3))
    # The first is the network's gateway (docs.hetzner.com/cloud/networks/faq).
    assert {*hosts} == {*inside.hosts()} - {inside[1]}


def test_every_cloud_says_what_its_network_carries() -> None:
    """Room for IPv6 inside at least; machines that exist have no network of ours."""
    for name, facts in CLOUDS.items():
        assert (facts.inside is None) is facts.found
        assert (room(name) or 1280) >= 1280


def test_a_network_takes_a_hundred_servers() -> None:
    """A hundred nodes are fine; one more is a mistake, and at AWS it is not."""
    raw: dict[str, Any] = {
        "sites": {"fsn": {"id": 1, "location": "fsn1", "private_network": True, "nodes": {}}}
    }
    nodes = raw["sites"]["fsn"]["nodes"]
    nodes |= {f"fsn-{number}": {"id": number} for number in range(1, 101)}
    assert len(_plan(raw).nodes) == 100
    nodes["fsn-101"] = {"id": 101}
    with pytest.raises(DeclarationError, match="101 nodes, where a network of Hetzner takes 100"):
        parse(raw)
    raw["sites"]["fsn"] |= {"cloud": "aws", "location": "eu-central-1"}
    assert len(_plan(raw).nodes) == 101


def test_the_report_tells_of_the_way() -> None:
    """There and back; what an older program wrote down, which knew of none, is no change."""
    old, new = picture(_plan(example.raw())), picture(_plan(private.mesh("fsn")))
    for here, there, way, size in (
        (old, new, "over its private network", "1420 → 1370"),
        (new, old, "at their public addresses", "1370 → 1420"),
    ):
        change = compare.compare(here, there)
        assert change.settings == (f"nodes of site fsn call each other {way}",)
        told = {node.name: (node.what, node.lines) for node in change.nodes}
        line = f"MTU of its planes, at most {size}"
        assert told == dict.fromkeys(("fsn-a", "fsn-b"), ("changed", (line,)))
        assert change.interruptions == ()
    older = picture(_plan(example.raw()))
    for part in (*older["sites"].values(), *older["nodes"].values()):
        part.pop("private", None)
        part.pop("mtu", None)
    assert compare.compare(older, old).nothing
