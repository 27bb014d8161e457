"""A gateway hands plane N to plane N, between the two sites in question, and nothing else."""

import ipaddress
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from backplane import planes
from backplane.render import nftables, sysctl
from backplane.render.bundle import bundle
from node import bundle as received
from tests.core import example, golden, tools

MADE = example.material(example.routed())
PLAN = MADE.plan
GATEWAYS = [node.name for node in PLAN.nodes if node.links]
SITES = {site.id for site in PLAN.sites}


def _text(name: str) -> str:
    peers = {slot: PLAN.peers(name, slot) for slot in PLAN.slots}
    far = {slot: PLAN.far(name, slot) for slot in PLAN.slots}
    return nftables.ruleset(PLAN, PLAN.node(name), slots=PLAN.slots, peers=peers, far=far)


class Forwarding:
    """The forward hook of a ruleset, as far as planes and links go."""

    def __init__(self, text: str) -> None:
        chains = re.findall(r"^\tchain (\S+) {\n(.*?)^\t}", text, re.MULTILINE | re.DOTALL)
        self.chains = {name: body.splitlines() for name, body in chains}
        self.ways = dict(re.findall(r'^\t\t\t("\S+" \. "\S+") : goto (\S+),$', text, re.MULTILINE))
        sets = re.findall(r"^\tset (\S+) {\n(.*?)^\t}", text, re.MULTILINE | re.DOTALL)
        self.sets = {
            name: [line.strip().rstrip(",") for line in body.splitlines() if "/" in line]
            for name, body in sets
        }

    def passes(self, came: str, goes: str, source: str, target: str) -> bool:
        """Whether a packet is handed on."""
        chain = self.ways.get(f'"{came}" . "{goes}"')
        return chain is not None and self._accepts(chain, source, target)

    def _accepts(self, chain: str, source: str, target: str) -> bool:
        for line in self.chains[chain]:
            words = line.split()
            if words[0] == "jump":
                if self._accepts(words[1], source, target):
                    return True
                continue
            assert words[1] == "saddr", line
            assert words[4] == "daddr", line
            assert words[6] == "accept", line
            if self._in(source, words[2]) and self._in(target, words[5]):
                return True
        return False

    def _in(self, address: str, network: str) -> bool:
        networks = self.sets[network[1:]] if network.startswith("@") else [network]
        at = ipaddress.ip_address(address)
        return any(at in ipaddress.ip_network(one) for one in networks)


def _addresses(family: str) -> Iterator[tuple[int, int, str]]:
    """Plane, site and address of some node there, of every plane and site."""
    for plane, site in itertools.product(PLAN.planes, SITES):
        near = PLAN.near(plane.slot, site)
        network = ipaddress.ip_network(near.v4 if family == "v4" else near.v6)
        yield plane.index, site, str(network[7])


@pytest.mark.parametrize("name", GATEWAYS)
@pytest.mark.parametrize("family", ["v4", "v6"])
def test_nothing_leaves_its_plane_or_goes_astray(name: str, family: str) -> None:
    """Every way in and out, every plane and site as source and as target: only what must pass."""
    node, rules = PLAN.node(name), Forwarding(_text(name))
    home = node.site_id
    kinds: dict[str, tuple[str, int]] = {
        **{plane.interface: ("plane", plane.index) for plane in PLAN.planes},
        **{
            link.interface: ("between", 0) if link.between else ("link", link.site_id)
            for link in node.links
        },
    }
    passed = 0
    everyone = list(_addresses(family))
    for (came, (kind, number)), (goes, (to, at)) in itertools.product(kinds.items(), repeat=2):
        for (plane, site, source), (other, remote, target) in itertools.product(everyone, repeat=2):
            leaves = (site, remote != home) == (home, True)
            comes = (site != home, remote) == (True, home)
            ways = {
                ("plane", "link"): leaves and (number, at) == (plane, remote),
                ("plane", "between"): leaves and number == plane,
                ("between", "link"): leaves and at == remote,
                ("link", "plane"): comes and (number, at) == (site, plane),
                ("link", "between"): comes and number == site,
                ("between", "plane"): comes and at == plane,
            }
            wanted = plane == other and ways.get((kind, to), False)
            assert rules.passes(came, goes, source, target) == wanted, (came, goes, source, target)
            passed += wanted
    assert passed


def test_only_gateways_hand_on() -> None:
    """A leaf's forward hook has no way at all, and its kernel none either."""
    for node in PLAN.nodes:
        rules, settings = Forwarding(_text(node.name)), sysctl.config(node, routes=bool(node.links))
        assert bool(rules.ways) == bool(node.links)
        assert ("ip_forward = 1" in settings) == bool(node.links)


def test_a_link_brings_routing_and_the_planes_beyond() -> None:
    """On a link BGP and BFD are heard from its other end alone; between siblings neither is."""
    text = _text("fsn-a")
    rules = Forwarding(text)
    for link in PLAN.node("fsn-a").links:
        chain = rules.chains[f"from_{link.interface.replace('-', '_')}"]
        routing = [line for line in chain if "dport" in line]
        assert len(routing) == (0 if link.between else 2)
        for line in routing:
            assert f"ip saddr {link.far.v4} ip daddr {link.own.v4} " in line
        for line in (line for line in chain if "_open" in line):
            name = line.split("goto ")[1].removesuffix("_open")
            plane = next(plane for plane in PLAN.planes if plane.interface == name)
            own = PLAN.node("fsn-a").addresses[plane.slot]
            assert re.search(rf" daddr ({own.v4}|{own.v6}) goto", line)
            assert f"@{name}_peers" in line
        assert chain[-1].strip() == "counter name unexpected_links drop"
    # No link's port is ever let in: answers to what this end dials are.
    doors = re.findall(r"udp dport { ([0-9, ]+) } accept", text.split("chain input")[1])
    assert doors[0] == ", ".join(str(plane.port) for plane in planes.PLANES)
    assert not re.search(r"\b5183\d\b", text)


def test_they_read_as_looked_at_and_nft_takes_them(tmp_path: Path) -> None:
    """A gateway's ruleset equals its golden file; nft accepts every node's."""
    golden.compare("routed/fsn-a.nft", _text("fsn-a"))
    tool = tools.need("nft")
    for node in PLAN.nodes:
        file = tmp_path / "rules.nft"
        file.write_text(_text(node.name))
        accepted, said = tools.accepts(tool, "-c", "-f", file)
        if "Operation not permitted" in said:
            pytest.skip("nft needs root to check")
        assert accepted, said


def test_the_node_tool_takes_every_bundle() -> None:
    """Each interface's file is as stated, those of links too; who is beyond is no peer."""
    for node in PLAN.nodes:
        made = bundle(PLAN, node.name, MADE.identities[node.name], MADE.cards, MADE.roots)
        taken = received.decode(made.encode())
        assert {link.interface for link in node.links} < set(taken.interfaces) or not node.links
        beyond = {row["name"] for row in taken.mesh["wg1"] if "beyond" in row}
        assert beyond == {peer.name for peer in PLAN.far(node.name, "management")}
        marks = {row["name"]: row["gateway"] for row in taken.mesh["wg1"] if "gateway" in row}
        assert set(marks) == {one.name for one in PLAN.gateways(node.site)} - {node.name}


@pytest.mark.parametrize("file", ["wg1", "wgl2-0", "wgl1-1"])
def test_a_gateways_tunnels_read_as_looked_at(file: str) -> None:
    """A plane, a link, and the link to the other gateway of the site equal their golden files."""
    made = bundle(PLAN, "fsn-a", MADE.identities["fsn-a"], MADE.cards, MADE.roots)
    texts = {entry["path"]: entry["text"] for entry in made.document["files"]}
    golden.compare(f"routed/{file}.conf", texts[f"wireguard/{file}.conf"])


def test_links_have_keys_of_their_own() -> None:
    """No two interfaces of the mesh share a key; both ends of a link share one PSK."""
    private = [
        key.reveal()
        for node in PLAN.nodes
        for own in [MADE.identities[node.name]]
        for key in (*own.wireguard.values(), *own.links.values())
    ]
    assert len(set(private)) == len(private)
