"""Segments: who is in one, over what, how large its packets are, and who may send into it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backplane.compare import compare
from backplane.declaration import parse
from backplane.plan import Plan, plan
from backplane.render import bundle, notes
from backplane.roles import segments as role
from node import bundle as received
from tests.core import example, golden, tools
from tests.core.pictures import drawn
from tests.core.rulesets import chain, ruleset

Json = dict[str, Any]
LAN = {"id": 1, "nodes": ["fsn-c", "hel-c"]}
TWO = {"id": 7, "plane": "monitoring", "nodes": ["fsn-a", "fsn-c"]}
PLANES = ("management", "monitoring", "storage")


def raw(**segments: Json) -> Json:
    """Routed sites with segments."""
    return {**example.routed(), "segments": segments or {"lan": LAN, "two": TWO}}


def _plan(declared: Json) -> Plan:
    return plan(parse(declared), project="x", stack="y")


def _told(mesh: Plan, name: str) -> list[Json]:
    found: list[Json] = json.loads(role.document(mesh, mesh.node(name)))["segments"]
    return found


def test_a_member_reads_as_looked_at_and_nft_takes_them(tmp_path: Path) -> None:
    """A leaf's ruleset and file equal their golden files; nft takes every node's ruleset."""
    mesh = _plan(raw())
    golden.compare("segments/fsn-c.nft", ruleset(mesh, "fsn-c"))
    golden.compare("segments/fsn-c.json", role.document(mesh, mesh.node("fsn-c")))
    tool = tools.need("nft")
    for node in mesh.nodes:
        file = tmp_path / "rules.nft"
        file.write_text(ruleset(mesh, node.name))
        accepted, said = tools.accepts(tool, "-c", "-f", file)
        if "Operation not permitted" in said:
            pytest.skip("nft needs root to check")
        assert accepted, said


def test_a_node_without_segments_is_as_it_was() -> None:
    """No rule, no role, no file and no port; one without any segment in the mesh, too."""
    mesh, bare = _plan(raw()), _plan(example.routed())
    for name in ("fsn-b", "nbg-a"):
        assert ruleset(mesh, name) == ruleset(bare, name)
        assert "segments" not in mesh.node(name).roles
        assert mesh.openings(name) == bare.openings(name)
    assert "4789" not in ruleset(mesh, "fsn-b")


def test_what_no_member_sends_is_dropped_before_anything_else() -> None:
    """On the segment's plane alone, ahead of `established`; other planes admit none of it."""
    text = ruleset(_plan(raw(lan=LAN)), "fsn-c")
    assert chain(text, "wg3_open")[:3] == [
        "ip saddr { 10.203.2.3 } udp dport 4789 @th,96,24 1 accept",
        "udp dport 4789 counter name stray_vxlan drop",
        "ct state established,related accept",
    ]
    for plane in ("wg0", "wg1", "wg2"):
        assert not [line for line in chain(text, f"{plane}_open") if "4789" in line]


def test_a_guest_is_kept_from_the_host_and_from_everything_else() -> None:
    """Input drops it first of all; forward hands it to its own segment, behind metadata's drop."""
    text = ruleset(_plan(raw()), "fsn-c")
    names = '{ "vb1", "vx1", "vb7", "vx7" }'
    assert chain(text, "input")[1:3] == ['iifname "lo" accept', f"iifname {names} drop"]
    assert chain(text, "forward")[1:] == [
        "ip daddr 169.254.169.254 drop",
        "ip6 daddr { fd00:ec2::254, fe80::a9fe:a9fe } drop",
        'iifname "vb1" oifname "vb1" accept',
        'iifname "vb7" oifname "vb7" accept',
        f"iifname {names} drop",
        f"oifname {names} drop",
    ]


def test_frames_leave_by_the_mesh_or_not_at_all() -> None:
    """What is for a plane's networks goes by planes and links; a segment's bridge is none."""
    mesh = _plan(raw())
    for name in ("fsn-c", "fsn-a"):
        told = chain(ruleset(mesh, name), "output")
        (ways,) = [line for line in told if line.startswith("oifname")]
        assert not {"vb1", "vx1", "vb7", "vx7"} & set(re.findall(r'"(\S+)"', ways))
        (drop,) = [line for line in told if "10.203.0.0/16" in line]
        assert drop.endswith(" drop")
        assert told.index(ways) < told.index(drop)


def test_a_gateways_own_members_answer_to_links_as_well() -> None:
    """What comes by a link goes to the plane's own chain, where members alone are admitted."""
    mesh = _plan(raw(lan={"id": 1, "nodes": ["fsn-a", "hel-c"]}))
    text = ruleset(mesh, "fsn-a")
    assert "ip saddr { 10.203.2.3 } udp dport 4789 @th,96,24 1 accept" in chain(text, "wg3_open")
    assert [line for line in chain(text, "from_wgl2_0") if line.endswith("goto wg3_open")]


def test_the_first_generation_knows_of_no_segment() -> None:
    """It stays the same whoever is a member of what; the node tool takes the whole one."""
    made, bare = example.material(raw()), example.material(example.routed())
    births = [
        bundle.birth(one.plan, "fsn-c", one.identities["fsn-c"], one.cards, one.roots)
        for one in (made, bare)
    ]
    assert births[0].generation == births[1].generation
    whole = bundle.bundle(made.plan, "fsn-c", made.identities["fsn-c"], made.cards, made.roots)
    taken = received.decode(whole.encode())
    assert taken.roles["segments"]["units"] == ["backplane-segments.service"]


SIZES: dict[str, tuple[Json, Json, int]] = {
    "what a plane carries, less 50": ({}, {}, 1370),
    "of a plane that carries less": ({"storage": {"mtu": 1370}}, {}, 1320),
    "of a line that carries less": ({}, {"hel": 1380}, 1330),
    "not of a line that it does not go over": ({}, {"nbg": 1280}, 1370),
    "the lowest of them": ({"storage": {"mtu": 1300}}, {"hel": 1380}, 1250),
}


@pytest.mark.parametrize("case", SIZES)
def test_guests_packets_fit_whole(case: str) -> None:
    """Into the plane, and into every link between the segment's sites."""
    planes, lines, wanted = SIZES[case]
    declared = {**raw(lan=LAN), "planes": planes}
    for site, mtu in lines.items():
        declared["sites"][site]["link_mtu"] = mtu
    mesh = _plan(declared)
    assert [one.mtu for one in mesh.segments] == [wanted]
    assert {one["mtu"] for one in _told(mesh, "fsn-c")} == {wanted}


def test_in_a_mesh_no_links_mtu_counts() -> None:
    """There are none; nor for a segment inside one site."""
    declared = {**raw(lan=LAN), "topology": "mesh"}
    declared["sites"]["hel"]["link_mtu"] = 1280
    assert [one.mtu for one in _plan(declared).segments] == [1370]
    inside = raw(lan={"id": 1, "nodes": ["hel-a", "hel-c"]})
    inside["sites"]["hel"]["link_mtu"] = 1280
    assert [one.mtu for one in _plan(inside).segments] == [1370]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(PLANES),
            st.sets(st.sampled_from([node.name for node in _plan(raw()).nodes]), min_size=2),
        ),
        max_size=4,
    )
)
def test_each_member_floods_to_and_hears_exactly_the_others(
    made: list[tuple[str, set[str]]],
) -> None:
    """Whatever segments there are: both ends agree, and whoever is no member stands nowhere."""
    declared = {
        f"s{number}": {"id": number, "plane": slot, "nodes": sorted(names)}
        for number, (slot, names) in enumerate(made, 1)
    }
    mesh = _plan({**example.routed(), "segments": declared})
    for node in mesh.nodes:
        own = {number: one for number, one in enumerate(made, 1) if node.name in one[1]}
        heard: dict[str, dict[int, set[str]]] = {}
        for number, (slot, names) in own.items():
            others = {mesh.node(name).addresses[slot].v4 for name in names - {node.name}}
            (told,) = [one for one in _told(mesh, node.name) if one["id"] == number]
            assert set(told["peers"]) == others
            assert told["local"] == node.addresses[slot].v4
            heard.setdefault(slot, {})[number] = others
        text = ruleset(mesh, node.name)
        for plane in mesh.planes:
            lines = [one for one in chain(text, f"{plane.interface}_open") if "@th" in one]
            pattern = r"{ (.*) } udp dport 4789 @th,96,24 (\d+) accept"
            admitted = re.findall(pattern, "\n".join(lines))
            found = {int(number): {*senders.split(", ")} for senders, number in admitted}
            assert found == heard.get(plane.slot, {})
        opened = {one.slot for one in mesh.openings(node.name) if one.role == "segments"}
        assert opened == {*heard}


def test_a_renamed_node_stays_a_member() -> None:
    """Its addresses follow from ids, so that nothing changes but words."""
    declared = raw(lan={"id": 1, "nodes": ["fsn-c", "hel-z"]})
    nodes = declared["sites"]["hel"]["nodes"]
    nodes["hel-z"] = {**nodes.pop("hel-c"), "was": "hel-c"}
    assert _told(_plan(declared), "fsn-c") == _told(_plan(raw(lan=LAN)), "fsn-c")
    change = compare(drawn(raw(lan=LAN)), drawn(declared))
    told = [*change.settings, *(one.what for one in change.interruptions)]
    assert [line for line in told if "segment" in line or "guest" in line] == []


def test_a_node_that_is_offline_stays_a_member() -> None:
    """The others go on flooding to it, so that it catches up."""
    declared = raw(lan=LAN)
    declared["sites"]["hel"]["nodes"]["hel-c"]["offline"] = True
    assert _told(_plan(declared), "fsn-c") == _told(_plan(raw(lan=LAN)), "fsn-c")


def test_a_preview_has_a_line_for_each() -> None:
    """Name, id, plane, MTU, members; and the port at each of them."""
    lines = notes.rollout(_plan(raw(lan=LAN)), "tool", "program").splitlines()
    assert "# segment lan: vxlan 1 over storage, mtu 1370: fsn-c hel-c" in lines
    assert sum("udp 4789 segments" in line for line in lines) == 2


CHANGES: dict[str, tuple[Json, Json, list[str], list[str]]] = {
    "comes": (
        {"two": TWO},
        {"two": TWO, "lan": LAN},
        ["segment lan comes: VXLAN 1 over storage between fsn-c, hel-c"],
        [],
    ),
    "goes": ({"two": TWO, "lan": LAN}, {"two": TWO}, ["segment lan goes"], ["guests of lan"]),
    "a member more": (
        {"lan": LAN},
        {"lan": {**LAN, "nodes": ["fsn-c", "hel-c", "nbg-a"]}},
        ["segment lan: nbg-a joins"],
        [],
    ),
    "a member less": (
        {"lan": {**LAN, "nodes": ["fsn-c", "hel-c", "nbg-a"]}},
        {"lan": LAN},
        ["segment lan: nbg-a leaves"],
        ["guests of lan at nbg-a"],
    ),
    "another plane": (
        {"lan": LAN},
        {"lan": {**LAN, "plane": "monitoring"}},
        ["segment lan: plane storage → monitoring"],
        ["guests of lan"],
    ),
    "another id": (
        {"lan": LAN},
        {"lan": {**LAN, "id": 2}},
        ["segment lan: id 1 → 2"],
        ["guests of lan"],
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_report_says_what_becomes_of_guests(case: str) -> None:
    """What is another, and whose guests are cut off; nothing of daemons that start anew."""
    old, new, lines, still = CHANGES[case]
    change = compare(drawn(raw(**old)), drawn(raw(**new)))
    assert [line for line in change.settings if "segment" in line] == lines
    told = [f"{one.what} {', '.join(one.names)}" for one in change.interruptions]
    assert told == still


def test_a_narrower_line_is_told_to_guests() -> None:
    """Their MTU goes down with a link's: large packets of theirs are lost until they have it."""
    narrow = raw(lan=LAN)
    narrow["sites"]["hel"]["link_mtu"] = 1380
    change = compare(drawn(raw(lan=LAN)), drawn(narrow))
    assert "segment lan: MTU of its guests 1370 → 1330" in change.settings
    assert [one.what for one in change.interruptions] == ["large packets of guests of"]
    back = compare(drawn(narrow), drawn(raw(lan=LAN)))
    assert back.interruptions == ()
