"""What a gateway's FRR is told: exactly its own site out, exactly the other site in."""

import re
from dataclasses import replace
from pathlib import Path

from backplane.render.frr import Speaker, frr
from backplane.roles import gateway
from tests.core import example, golden, tools
from tests.core.speakers import GATEWAY, TURNED

DEFAULTS = ("bfd profile", "bfd 3 300", "update-source", "peer-group", "ebgp-requires-policy")


def _maps(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, body in re.findall(r"^route-map (\S+) permit \d+\n((?: .*\n)*)", text, re.MULTILINE):
        found.setdefault(name, []).extend(body.splitlines())
    return found


def test_reads_as_looked_at_in_any_order() -> None:
    """Equal to the golden file, whatever order the plan has it in."""
    golden.compare("frr.conf", frr(GATEWAY))
    assert frr(TURNED) == frr(GATEWAY)


def test_each_neighbour_has_both_families_with_a_policy_each_way() -> None:
    """No neighbour is without one; every route-map and list that is named is there, none is idle.

    A route-map that is named and missing would let everything through in some releases.
    """
    text = frr(GATEWAY)
    maps = _maps(text)
    applied = re.findall(r"^  neighbor (\S+) route-map (\S+) (in|out)$", text, re.MULTILINE)
    assert len(applied) == 2 * 2 * len(GATEWAY.neighbours)
    assert {name for _, name, _ in applied} | {"source-v4", "source-v6"} == set(maps)
    lists = set(re.findall(r"prefix-list (\S+) seq", text))
    matched = r"match ipv?6? ?(?:address|next-hop) prefix-list (\S+)"
    assert lists == set(re.findall(matched, text))
    assert all(" match as-path site-" in "".join(maps[name]) for name in maps if "-in-" in name)


def test_a_site_that_comes_changes_no_line_of_another() -> None:
    """So nothing of an existing session is touched when it is loaded."""
    fewer = replace(GATEWAY, sites=GATEWAY.sites[:1], neighbours=GATEWAY.neighbours[:2])
    before, after = frr(fewer).splitlines(), frr(GATEWAY).splitlines()
    left = iter(after)
    assert all(line in left for line in before)
    peer = GATEWAY.neighbours[2].peer
    added = [line for line in after if line not in before and line.startswith("  neighbor")]
    assert added
    assert all(peer in line for line in added)


def test_another_sites_gateway_leads_to_itself_alone() -> None:
    """Whatever next hop it names: over IPv4 its own address is taken, over IPv6 its own or none.

    FRR 8.4.4 takes any address on a network that the gateway is connected to.
    """
    text = frr(GATEWAY)
    maps = _maps(text)
    for link in GATEWAY.neighbours:
        name = f"site-{link.site}-in-v6-{link.interface}"
        assert f" match ipv6 next-hop prefix-list hops-{link.interface}" in maps[name]
        permitted = re.findall(
            rf"^ipv6 prefix-list hops-{link.interface} seq \d+ (.*)$", text, re.MULTILINE
        )
        assert permitted == [f"permit {hop}/128" for hop in link.far.values()]
        assert f"  neighbor {link.peer} route-map {name} in\n" in text
    over4 = [lines for name, lines in maps.items() if name.endswith("-in-v4")]
    assert over4
    assert all(" set ip next-hop peer-address" in lines for lines in over4)


def test_both_ends_of_a_link_call_their_hops_the_same() -> None:
    """What one end says of itself is what the other one takes."""
    made = example.material(example.routed()).plan
    ends = {
        (node.name, link.peer): told
        for node in made.nodes
        for link in node.links
        for told in gateway.speaker(made, node).neighbours
        if told.interface == link.interface
    }
    assert ends
    assert all(told.far == ends[peer, name].hops for (name, peer), told in ends.items())


def test_no_default_and_no_trap_is_written() -> None:
    """A default would be loaded anew each time; the others break sessions of some releases."""
    text = frr(GATEWAY)
    assert not [word for word in DEFAULTS if word in text]
    hops = [hop for link in GATEWAY.neighbours for hop in link.hops.values()]
    assert len(set(hops)) == len(hops)
    assert all(text.count(f" set ipv6 next-hop global {hop}\n") == 1 for hop in hops)


def test_vtysh_takes_it_and_refuses_a_misspelt_word(tmp_path: Path) -> None:
    """By the very command that judges a bundle on a machine."""
    tool = tools.need("vtysh", package="frr")
    made = gateway.parts(GATEWAY)
    for name, text in made.files.items():
        (tmp_path / name).write_text(text, encoding="ascii")
    words = [word.replace("{}", str(tmp_path)) for word in made.checks[0][1:]]
    assert tools.accepts(tool, *words)[0]
    broken = made.files["frr.conf"].replace(" neighbor", " neighbour", 1)
    (tmp_path / "frr.conf").write_text(broken, encoding="ascii")
    assert not tools.accepts(tool, *words)[0]


def test_the_gateways_own_unit_loads_it() -> None:
    """Its file and its unit, as looked at."""
    made = gateway.parts(GATEWAY)
    assert set(made.files) == {"frr.conf", "vtysh.conf"}
    for name, text in made.units.items():
        golden.compare(f"roles/gateway/{name}", text)


def test_a_plane_that_is_left_out_is_in_no_line() -> None:
    """Without monitoring there is nothing of it."""
    fewer: Speaker = replace(
        GATEWAY, planes=tuple(one for one in GATEWAY.planes if one.interface != "wg2")
    )
    text = frr(fewer)
    assert "wg2" not in text
    assert "10.202." not in text
    assert text.count("maximum-prefix 3\n") == 2 * len(GATEWAY.neighbours)
