"""Links between gateways: each with a port, a network and keys of its own, from ids alone."""

import ipaddress
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from backplane import links
from backplane.addressing import LINKS4
from backplane.check import checked_plan
from backplane.compare import compare
from backplane.plan import Plan
from backplane.render import forwarding, notes, sysctl
from backplane.render.bundle import bundle
from node import bundle as received
from tests.core import example
from tests.core.pictures import drawn
from tests.core.rulesets import ruleset

ENDS = st.tuples(st.integers(0, links.MAX_SITE), st.sampled_from(links.SLOTS))
ULA = "fd12:3456:789a::/48"


def _plan() -> Plan:
    return checked_plan(example.routed(), project="backplane", stack="lab")


def test_every_pair_of_gateways_has_a_network_of_its_own() -> None:
    """All 91 sites with two gateways each: 16,380 links, no /30 twice, all of them 10.254's."""
    ends = [(site, slot) for site in range(links.MAX_SITE + 1) for slot in links.SLOTS]
    made = [links.pair(a, b) for a, b in combinations(ends, 2) if a[0] != b[0]]
    assert len({one.number for one in made}) == len(made) == 16380
    assert max(one.number for one in made) < 16383
    last = links.pair((3, 0), (3, 1))
    assert last.between
    for one in (*made[:: len(made) // 50], last):
        two = [one.addresses(ULA, second=second) for second in (False, True)]
        four = {ipaddress.IPv4Interface(f"{at.v4}/30").network for at in two}
        six = {ipaddress.IPv6Interface(f"{at.v6}/124").network for at in two}
        assert len(four) == len(six) == 1
        assert four.pop().subnet_of(LINKS4)
        assert two[0] != two[1]


@given(ENDS, ENDS)
def test_both_ends_of_a_link_agree(one: tuple[int, int], other: tuple[int, int]) -> None:
    """A link is the same from either end, and no gateway has two links on one port."""
    if one != other:
        assert links.pair(one, other) == links.pair(other, one)
        assert (links.port(*one) == links.port(*other)) is False
        assert links.interface(*one) != links.interface(*other)
    assert 51830 <= links.port(*one) <= 51830 + 2 * 90 + 1
    assert len(links.interface(*one)) <= 15


def test_gateways_are_linked_with_all_gateways_and_nobody_else_is() -> None:
    """Five gateways of three sites: each has four links, dialled from both ends."""
    plan = _plan()
    assert {node.name: len(node.links) for node in plan.nodes} == {
        "fsn-a": 4, "fsn-b": 4, "fsn-c": 0, "hel-a": 4, "hel-b": 4, "hel-c": 0, "nbg-a": 4,
    }  # fmt: skip
    for node in plan.nodes:
        for link in node.links:
            back = next(one for one in plan.node(link.peer).links if one.peer == node.name)
            assert (link.own, link.far, link.number) == (back.far, back.own, back.number)
            assert (link.port, link.peer_port) == (back.peer_port, back.port)
            assert link.between == (plan.node(link.peer).site == node.site)
        ports = [link.port for link in node.links]
        assert len(set(ports)) == len(ports)


def test_a_node_knows_its_site_and_reaches_the_others_through_it() -> None:
    """Peers are the site's nodes and the people; all other nodes are beyond, on every plane."""
    plan = _plan()
    for slot in plan.slots:
        people = {peer.name for peer in plan.members[slot] if peer.kind != "node"}
        assert {peer.name for peer in plan.peers("fsn-c", slot)} == {"fsn-a", "fsn-b", *people}
        assert [peer.name for peer in plan.far("fsn-c", slot)] == [
            "hel-a", "hel-b", "hel-c", "nbg-a",
        ]  # fmt: skip
    assert {peer.name for peer in plan.peers("alice", "management")} == {
        node.name for node in plan.nodes
    }


def test_two_gateways_share_the_remote_sites() -> None:
    """One owner for each ordered pair of sites; a site's only gateway owns them all."""
    plan = _plan()
    assert {
        (site.name, other.name): plan.owner(site.name, other.name)
        for site in plan.sites
        for other in plan.remote(site.name)
    } == {
        ("fsn", "hel"): "fsn-b",
        ("fsn", "nbg"): "fsn-a",
        ("hel", "fsn"): "hel-b",
        ("hel", "nbg"): "hel-b",
        ("nbg", "fsn"): "nbg-a",
        ("nbg", "hel"): "nbg-a",
    }


def test_a_mesh_does_not_mind_gateways() -> None:
    """The same declaration as a mesh has no link, and everybody is everybody's peer."""
    declared = {**example.routed(), "topology": "mesh"}
    plan = checked_plan(declared, project="backplane", stack="lab")
    assert not any(node.links for node in plan.nodes)
    assert len([p for p in plan.peers("fsn-c", "storage") if p.kind == "node"]) == 6
    assert plan.far("fsn-c", "storage") == ()
    roles = {role.name for node in plan.nodes for role in plan.roles(node.name)}
    assert not roles & {"gateway", "bgp", "routes"}


def test_only_a_gateway_with_a_router_on_its_wire_is_told_to_hear_it() -> None:
    """Not a leaf there, and none where the cloud has no such router: by its settings."""
    raw = example.routed()
    raw["sites"]["hel"] |= {"cloud": "aws", "location": "eu-central-1"}
    made = checked_plan(raw, project="backplane", stack="lab")
    told = {node.name: sysctl.config(node, routes=bool(node.links)) for node in made.nodes}
    forwards, shut = "net.ipv6.conf.all.forwarding = 1\n", "net.ipv6.conf.all.accept_ra = 0\n"
    hear = [name for name, one in told.items() if forwards in one and shut not in one]
    assert hear == ["hel-a", "hel-b"]


def test_a_link_carries_what_the_narrower_of_its_sites_does() -> None:
    """The lower `link_mtu` of the two; between siblings their own site's, and 1420 by default."""
    raw = example.routed()
    raw["sites"]["hel"]["link_mtu"], raw["sites"]["nbg"]["link_mtu"] = 1380, 1300
    plan = example.material(raw).plan
    lines = {"fsn": 1420, "hel": 1380, "nbg": 1300}
    for node in plan.nodes:
        for link in node.links:
            assert link.mtu == min(lines[node.site], lines[link.site])
    assert {link.mtu for node in _plan().nodes for link in node.links} == {1420}


def test_both_ends_of_a_link_are_told_the_same() -> None:
    """In WireGuard's file and in what the node tool checks it against; planes keep theirs."""
    raw = example.routed()
    raw["sites"]["hel"]["link_mtu"] = 1380
    made = example.material(raw)
    for name, interface in (("fsn-a", "wgl2-0"), ("hel-a", "wgl1-0")):
        whole = bundle(made.plan, name, made.identities[name], made.cards, made.roots)
        assert "MTU = 1380\n" in whole.files()[f"wireguard/{interface}.conf"].text
        assert "MTU = 1420\n" in whole.files()["wireguard/wg3.conf"].text
        taken = received.decode(whole.encode())
        assert taken.interfaces[interface]["mtu"] == 1380


def test_a_report_tells_of_links_that_carry_less() -> None:
    """Of each gateway, whose links; nothing stands still by it."""
    raw = example.routed()
    raw["sites"]["nbg"]["link_mtu"] = 1380
    change = compare(drawn(example.routed()), drawn(raw))
    told = {node.name: node.lines for node in change.nodes}
    assert told["fsn-a"] == ("MTU of links to nbg-a: 1420 → 1380",)
    assert told["nbg-a"] == ("MTU of links to fsn-a, fsn-b, hel-a, hel-b: 1420 → 1380",)
    assert {*told} == {"fsn-a", "fsn-b", "hel-a", "hel-b", "nbg-a"}
    assert change.interruptions == ()
    lines = notes.rollout(example.material(raw).plan, "tool", "program").splitlines()
    (line,) = [line for line in lines if line.startswith("# fsn-a ")]
    assert "gateway 0 of fsn, 4 links of mtu 1380 and 1420, carries" in line


def test_nobody_with_an_account_speaks_as_a_gateway_or_a_segment() -> None:
    """What others believe for its source comes from daemons and the kernel; a mesh has none."""
    raw = example.routed()
    raw["segments"] = {"lan": {"id": 1, "nodes": ["fsn-c", "hel-c"]}}
    made = checked_plan(raw, project="backplane", stack="lab")
    told = {
        name: [line.strip() for line in ruleset(made, name).splitlines() if "skuid >= 1000" in line]
        for name in ("fsn-a", "fsn-c", "nbg-a")
    }
    assert told["fsn-c"] == ["meta skuid >= 1000 udp dport { 4789, 5310 } drop"]
    assert told["fsn-a"][0] == "meta skuid >= 1000 udp dport { 3784, 3785, 5310 } drop"
    assert told["fsn-a"][1].endswith("} tcp dport 179 drop")
    mesh = example.material().plan
    assert forwarding.believed(mesh, mesh.nodes[0], segments=False) == []
