"""The ruleset: dark to strangers, exact to peers, and taken by nft."""

import re
from pathlib import Path

import pytest

from backplane import planes
from backplane.plan import Plan
from backplane.render import nftables
from tests.core import example, golden, tools
from tests.core.rulesets import chain, ruleset

MADE = example.material()


def _ruleset(name: str, plan: Plan = MADE.plan) -> str:
    return ruleset(plan, name)


@pytest.mark.parametrize("name", ["fsn-a", "fsn-b"])
def test_rulesets_read_as_looked_at(name: str) -> None:
    """A plain node's and a container host's ruleset equal their golden files."""
    golden.compare(f"{name}/nftables.nft", _ruleset(name))


def test_the_early_ruleset_reads_as_looked_at() -> None:
    """What a first boot starts with equals its golden file."""
    golden.compare("early.nft", nftables.early())


def test_nft_takes_them_and_refuses_a_broken_one(tmp_path: Path) -> None:
    """`nft -c` accepts each ruleset, twice in a row too; one wrong word is refused."""
    tool = tools.need("nft")
    texts = [_ruleset(node.name) for node in MADE.plan.nodes]
    boots = (nftables.early(), nftables.early(ipv6=False), nftables.early(advertised=True))
    for text in (*texts, *boots, texts[0] * 2):
        file = tmp_path / "rules.nft"
        file.write_text(text)
        accepted, said = tools.accepts(tool, "-c", "-f", file)
        if "Operation not permitted" in said:
            pytest.skip("nft needs root to check")
        assert accepted, said
    file.write_text(texts[0].replace("policy drop", "policy dorp"))
    assert not tools.accepts(tool, "-c", "-f", file)[0]


def test_every_hook_drops_by_default_and_nothing_answers() -> None:
    """Input and forward have policy drop; there is no reject, and no table but ours is touched."""
    for text in (*(_ruleset(node.name) for node in MADE.plan.nodes), nftables.early()):
        assert chain(text, "input")[0].endswith("policy drop;")
        assert chain(text, "forward")[0].endswith("policy drop;")
        assert "flush" not in text
        assert "reject" not in text
        assert set(re.findall(r"table inet (\w+)", text)) == {"backplane"}


def test_a_stranger_reaches_the_four_ports_and_nothing_else() -> None:
    """What any interface accepts equals this list; on a first boot the four ports are shut too."""
    common = [
        'iifname "lo" accept',
        "ct state established,related accept",
        "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept",
        "meta nfproto ipv4 udp sport 67 udp dport 68 accept",
    ]
    ports = ", ".join(str(port) for _, port in planes.INBOUND)
    accepts = [line for line in chain(_ruleset("fsn-a"), "input") if line.endswith("accept")]
    assert accepts == [*common, f"udp dport {{ {ports} }} accept"]
    early = [line for line in chain(nftables.early(), "input") if line.endswith("accept")]
    assert early == common


def test_a_router_on_the_wire_is_heard_only_where_the_cloud_has_one() -> None:
    """With IPv6 by advertisement: its RA and DHCPv6, from link-local, and nothing else beside."""
    more = [
        "ip6 saddr fe80::/10 icmpv6 type nd-router-advert ip6 hoplimit 255 accept",
        "ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept",
    ]
    plain = chain(nftables.early(), "input")
    heard = chain(nftables.early(advertised=True), "input")
    assert [line for line in heard if line not in plain] == more
    assert [line for line in heard if line in plain] == plain
    assert heard.index(more[0]) < heard.index("ct state invalid drop")
    deaf = nftables.early(ipv6=False, advertised=True)
    assert deaf == nftables.early(ipv6=False)


def test_neighbours_stand_before_invalid_and_only_where_ipv6_is() -> None:
    """ND is untracked, so it must come first; a machine without IPv6 accepts none of it."""
    lines = chain(_ruleset("fsn-a"), "input")
    ahead = next(n for n, line in enumerate(lines) if "nd-neighbor" in line)
    assert ahead < lines.index("ct state invalid drop")
    raw = example.raw()
    raw["sites"]["hel"]["nodes"]["hel-a"].pop("endpoint")
    raw["sites"]["fsn"]["nodes"]["fsn-a"]["ipv6"] = False
    assert "nd-neighbor" not in _ruleset("fsn-a", example.material(raw).plan)


def test_a_plane_left_out_keeps_its_port_shut() -> None:
    """Without storage, 51823 is not among the open ports and wg3 is nowhere."""
    raw = {**example.raw(), "planes": {"storage": {"use": False}}}
    text = _ruleset("fsn-a", example.material(raw).plan)
    assert "udp dport { 51820, 51821, 51822 } accept" in text
    assert "51823" not in text
    assert "wg3" not in text


def test_a_plane_admits_its_peers_to_its_own_address_and_its_openings() -> None:
    """The guard first, to the own address only; then echo and what roles open; then silence."""
    text = _ruleset("fsn-a")
    assert chain(text, "wg1") == [
        "ip saddr @held4 counter name held drop",
        "ip6 saddr @held6 counter name held drop",
        "ip saddr @wg1_peers4 ip daddr 10.201.1.1 goto wg1_open",
        "ip6 saddr @wg1_peers6 ip6 daddr fd12:3456:789a:101::1 goto wg1_open",
        'limit rate 1/second burst 5 packets log prefix "BACKPLANE-UNEXPECTED fsn-a wg1 "',
        "counter name unexpected_wg1 drop",
    ]
    quiet = [
        "ct state established,related accept",
        "ct state invalid drop",
        "icmp type echo-request accept",
        "icmpv6 type echo-request accept",
    ]
    assert chain(text, "wg1_open") == [*quiet, "tcp dport { 22 } accept", "drop"]
    assert chain(text, "wg2_open") == [*quiet, "tcp dport { 9100 } accept", "drop"]
    assert chain(text, "wg3_open") == [*quiet, "drop"]


def test_guard_sets_hold_exactly_the_peers() -> None:
    """Each plane's sets equal the planned peers' addresses, the node itself left out."""
    text = _ruleset("hel-b")
    for plane in MADE.plan.planes:
        peers = MADE.plan.peers("hel-b", plane.slot)
        for family, wanted in (
            ("4", {peer.address.v4 for peer in peers}),
            ("6", {peer.address.v6 for peer in peers}),
        ):
            body = re.search(rf"set {plane.interface}_peers{family} {{(.*?)\n\t}}", text, re.DOTALL)
            assert body
            assert set(re.findall(r"^\t\t\t(\S+),$", body[1], re.MULTILINE)) == wanted


def test_no_error_leaves_by_a_strangers_interface() -> None:
    """RST and ICMP errors are dropped everywhere but on planes, loopback and declared bridges."""
    lines = chain(_ruleset("fsn-a"), "output")
    trusted = 'oifname { "lo", "wg0", "wg1", "wg2", "wg3" } accept'
    assert lines[lines.index(trusted) + 3 :] == [
        "icmp type { destination-unreachable, time-exceeded, parameter-problem } drop",
        "icmpv6 type { destination-unreachable, time-exceeded, parameter-problem } drop",
        "tcp flags & rst == rst drop",
    ]
    assert '"docker0"' in next(
        line for line in chain(_ruleset("fsn-b"), "output") if line.startswith("oifname")
    )


def test_nothing_for_the_mesh_leaves_in_the_clear() -> None:
    """What is for any plane goes by planes, links, loopback and bridges, or not at all.

    Also before the tunnels are up, and for planes that are not: at birth two are.
    """
    plan, name = MADE.plan, "fsn-b"
    four = ", ".join(plane.supernet4 for plane in plan.planes)
    six = ", ".join(plane.supernet6 for plane in plan.planes)
    dropped = [f"ip daddr {{ {four} }} drop", f"ip6 daddr {{ {six} }} drop"]
    peers = {slot: plan.peers(name, slot) for slot in planes.REQUIRED}
    born = nftables.ruleset(plan, plan.node(name), slots=peers, peers=peers)
    for text in (born, _ruleset(name)):
        lines = chain(text, "output")
        way = next(line for line in lines if line.startswith("oifname"))
        assert lines[lines.index(way) + 1 : lines.index(way) + 3] == dropped
        names = way.removesuffix(" accept").replace("oifname", "oifname !=")
        onward = chain(text, "forward")
        assert onward[3:5] == [f"{names} {rule}" for rule in dropped], "nor of a container's"
        assert onward.index("ct state established,related accept") > 4


def test_the_metadata_service_is_roots_alone() -> None:
    """All three addresses are closed to other users, and to whatever is forwarded."""
    for text in (_ruleset("fsn-a"), _ruleset("fsn-b")):
        assert chain(text, "output")[1:3] == [
            "meta skuid != 0 ip daddr 169.254.169.254 drop",
            "meta skuid != 0 ip6 daddr { fd00:ec2::254, fe80::a9fe:a9fe } drop",
        ]
        assert chain(text, "forward")[1:3] == [
            "ip daddr 169.254.169.254 drop",
            "ip6 daddr { fd00:ec2::254, fe80::a9fe:a9fe } drop",
        ]


def test_only_declared_bridges_are_forwarded_and_never_into_a_plane() -> None:
    """fsn-b's docker0 may go out, not into wg0-3; fsn-a forwards nothing at all."""
    assert chain(_ruleset("fsn-b"), "forward")[5:] == [
        "ct state established,related accept",
        'iifname "docker0" oifname != { "wg0", "wg1", "wg2", "wg3" } accept',
    ]
    assert not [line for line in chain(_ruleset("fsn-a"), "forward") if "accept" in line]


def test_operators_are_held_at_boot_and_nobody_else() -> None:
    """The ruleset as boot loads it keeps operators out: not nodes, never a runner."""
    text = _ruleset("fsn-a")
    held = text[text.index("set held4 {") : text.index("chain input {")]
    operators = {
        getattr(person.addresses[slot], family)
        for person in MADE.plan.people
        if person.kind == "operator"
        for slot in person.slots
        for family in ("v4", "v6")
    }
    assert operators
    assert {
        line.strip(" \t,") for line in held.splitlines() if line.startswith("\t\t\t")
    } == operators


def test_a_first_boot_holds_nobody() -> None:
    """With the runner as its only peer there is nobody to hold."""
    assert "held" not in nftables.early()
    mesh = MADE.plan
    runner = next(peer for peer in mesh.members["enrollment"] if peer.kind == "runner")
    slots = ("enrollment",)
    text = nftables.ruleset(mesh, mesh.node("fsn-a"), slots=slots, peers={"enrollment": (runner,)})
    assert "held" not in text
