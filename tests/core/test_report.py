"""The report of a change: a reviewer's five questions answered, never too long, never a secret."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backplane.compare import compare
from backplane.preview import preview
from backplane.report import LIMIT, About, invalid, report
from tests.core import example, golden, named
from tests.core.pictures import drawn

Json = dict[str, Any]
ABOUT = About(stack="prod", base="the base branch", head="The declaration here")


def _report(old: Json | None, new: Json) -> str:
    return report(ABOUT, compare(old, new), new)


def _node_added(raw: Json) -> None:
    raw["sites"]["hel"]["nodes"]["hel-c"] = {"id": 3, "roles": ["prometheus"]}


def _keys_rotated(raw: Json) -> None:
    raw["planes"]["storage"] = {"keys": 2, "rotated": {"keys": "2026-11-26"}}


def _port_opened(raw: Json) -> None:
    raw["services"]["wiki"]["tcp"] = [8000, 8443]
    raw["planes"]["management"]["tcp"] = [22, 53, 5300, 8000, 8443]


def _many(raw: Json) -> None:
    """Twenty changes of 200 nodes: 5 come, 5 go, 5 are built anew, 3 grow, 2 planes change."""
    nodes = [(site, name) for site in raw["sites"] for name in raw["sites"][site]["nodes"]]
    chosen = random.Random(20).sample(nodes, 13)  # noqa: S311 - no secret
    for site, name in chosen[:5]:
        del raw["sites"][site]["nodes"][name]
    for site, name in chosen[5:10]:
        raw["sites"][site]["nodes"][name]["incarnation"] = 2
    for site, name in chosen[10:]:
        raw["sites"][site]["nodes"][name]["type"] = "cx33"
    for number in range(5):
        raw["sites"]["site-1"]["nodes"][f"new-{number}"] = {"id": 100 + number}
    raw["planes"] = {"monitoring": {"keys": 2}, "storage": {"psk": 2}}


CASES: dict[str, tuple[Callable[[], Json], Callable[[Json], None]]] = {
    "node-added": (named.raw, _node_added),
    "keys-rotated": (named.raw, _keys_rotated),
    "port-opened": (named.raw, _port_opened),
    "200-nodes": (lambda: example.grown(200), _many),
}


@pytest.mark.parametrize("name", CASES)
def test_a_change_reads_as_looked_at(name: str) -> None:
    """Each equals its golden file, and fits into a comment by far."""
    make, edit = CASES[name]
    changed = make()
    edit(changed)
    text = _report(drawn(make()), drawn(changed))
    golden.compare(f"report/{name}.md", text)
    assert len(text) < LIMIT // 4


def test_a_first_deployment_reads_as_looked_at() -> None:
    """Everything comes, nothing stands still."""
    golden.compare("report/first.md", _report(None, drawn(named.raw())))


def test_another_topology_reads_as_looked_at() -> None:
    """Gateways get links, others lose peers, and what stands still is between sites alone."""
    old, new = drawn({**example.routed(), "topology": "mesh"}), drawn(example.routed())
    golden.compare("report/topology.md", _report(old, new))
    golden.compare("report/topology-back.md", _report(new, old))


def test_a_gateway_with_another_slot_reads_as_looked_at() -> None:
    """Its links and those of all that it is linked to are others."""
    raw = example.routed()
    raw["sites"]["nbg"]["nodes"]["nbg-a"]["slot"] = 1
    golden.compare("report/slot.md", _report(drawn(example.routed()), drawn(raw)))


def test_links_draw_new_keys_with_management() -> None:
    """Its epochs are theirs: keys stand still for once, PSKs do not; other planes' are not."""
    raw = example.routed()
    raw["planes"] = {"management": {"keys": 2, "psk": 2}, "storage": {"keys": 2}}
    change = compare(drawn(example.routed()), drawn(raw))
    links = ("links between gateways",)
    assert [one.what for one in change.keys if one.names == links] == [
        "private keys, with those of management",
        "PSKs, with those of management",
    ]
    assert [one.lasts for one in change.interruptions if one.names == links] == ["once"]
    raw["planes"] = {"storage": {"keys": 2, "psk": 2}}
    change = compare(drawn(example.routed()), drawn(raw))
    told = [one.names for one in change.keys] + [one.names for one in change.interruptions]
    assert links not in told


def test_pairs_of_a_routed_mesh_are_those_of_sites_and_people() -> None:
    """Of seven nodes of three sites six pairs are inside a site; a runner meets all seven."""
    new, old = drawn(example.routed()), drawn({**example.routed(), "topology": "mesh"})
    assert [plane["pairs"] for plane in new["planes"]] == [13, 20, 13, 6]
    changed = compare(old, new).planes
    assert [(one.pairs, one.gained, one.lost) for one in changed] == [
        (13, 0, 15), (20, 0, 15), (13, 0, 15), (6, 0, 15),
    ]  # fmt: skip
    assert [(one.gained, one.lost) for one in compare(new, old).planes] == [(15, 0)] * 4
    raw = example.routed()
    raw["sites"]["fsn"]["nodes"]["fsn-d"] = {"id": 4}
    assert [(one.gained, one.lost) for one in compare(new, drawn(raw)).planes] == [
        (4, 0), (5, 0), (4, 0), (3, 0),
    ]  # fmt: skip


def test_nothing_is_said_in_a_line() -> None:
    """Two pictures of one mesh, the order of its declaration turned around."""
    raw = named.raw()
    turned = {key: raw[key] for key in reversed(raw)}
    turned["sites"] = {name: raw["sites"][name] for name in reversed(raw["sites"])}
    assert _report(drawn(raw), drawn(turned)).endswith("\n\nNothing changes.\n")


def test_what_interrupts_is_told_with_how_long() -> None:
    """Keys, a machine built anew, one resized, and daemons whose settings change; PSKs do not."""
    raw = named.raw()
    raw["planes"]["management"]["keys"] = 2
    raw["planes"]["storage"] = {"psk": 2}
    raw["sites"]["fsn"]["nodes"]["fsn-b"].update(incarnation=2)
    raw["sites"]["hel"]["nodes"]["hel-b"].update(type="cx33")
    raw["monitoring"] = {"retention": "90d"}
    told = compare(drawn(named.raw()), drawn(raw)).interruptions
    assert {(one.what, *one.names): one.lasts for one in told} == {
        ("everything on", "management"): "once, at most 250 ms",
        ("", "fsn-b"): "until its first boot has ended, some minutes; **what is on disk is lost**",
        ("", "hel-b"): "while it is off, some minutes",
        ("prometheus on", "hel-a"): "seconds, while it starts anew",
    }
    quiet = named.raw()
    quiet["operators"]["bob"] = {"id": 9, "planes": ["management"]}
    quiet["planes"]["storage"] = {"psk": 2}
    change = compare(drawn(named.raw()), drawn(quiet))
    assert change.interruptions == ()
    assert "no: sessions stay open and lose no packet" in report(ABOUT, change, drawn(quiet))


def _roles(raw: Json, *roles: str) -> None:
    raw["sites"]["hel"]["nodes"]["hel-b"]["roles"] = list(roles)


EDITS: dict[str, Callable[[Json], object]] = {
    "retention": lambda raw: raw.update(monitoring={"retention": "90d"}),
    "a resolver": lambda raw: raw["dns"].update(forward=["9.9.9.9"]),
    "a guest": lambda raw: raw["dns"].update(guests=["printer", "scanner"]),
    "an uplink": lambda raw: raw["sites"]["fsn"]["nodes"]["fsn-b"].update(uplink=50),
    "no classes": lambda raw: raw.update(traffic={"classes": False}),
    "a root's key": lambda raw: raw["operators"]["alice"].update(ssh_key=SSH),
    "a bridge": lambda raw: raw["sites"]["fsn"]["nodes"]["fsn-a"].update(bridges=["br0"]),
    "an endpoint": lambda raw: raw["sites"]["fsn"]["nodes"]["fsn-a"].update(endpoint="ipv6"),
    "no public IPv6": lambda raw: [site.update(ipv6=False) for site in raw["sites"].values()],
    "a pool": lambda raw: raw["sites"]["fsn"]["nodes"]["fsn-b"].update(pools={"t": {"file": 1}}),
    "ports of a plane": lambda raw: raw["planes"].update(monitoring={"tcp": [9090, 9100, 9200]}),
    "an image": lambda raw: raw["sites"]["fsn"]["nodes"]["fsn-a"].update(image="debian-13"),
    "a location": lambda raw: raw["sites"]["hel"].update(location="nbg1"),
    "a name of a plane": lambda raw: raw["planes"].update(storage={"name": "bulk"}),
    "protection": lambda raw: raw.update(protect=False),
    "a service": lambda raw: raw["services"]["wiki"].update(udp=[8000]),
    "another role": lambda raw: _roles(raw, "alertmanager"),
}
SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTEx"


@pytest.mark.parametrize("edit", EDITS)
def test_no_edit_changes_nothing(edit: str) -> None:
    """Whatever part of the declaration is another, the report is not the one of no change."""
    raw = named.raw()
    raw["planes"]["management"]["udp"] = [53, 5300, 8000]
    del raw["sites"]["hel"]["nodes"]["hel-a"]["endpoint"]
    before = drawn(raw)
    EDITS[edit](raw)
    text = _report(before, drawn(raw))
    assert "Nothing changes" not in text
    assert "**Interrupts**" in text


def test_what_is_outside_of_the_declaration_comes_first() -> None:
    """A key beside it may lead the program anywhere; its name is told, and not its value."""
    new = drawn(example.raw())
    lines = ["config.backplane:mesh.timer", "config.hcloud:endpoint"]
    text = report(ABOUT, compare(new, new, lines), new)
    assert "| **Also** | **`config.hcloud:endpoint` of the stack's file** |" in text
    assert "`config.backplane:mesh.timer`" in text


def test_an_answer_is_cut_where_it_is_too_long() -> None:
    """Nine nodes with 130 services each: the comment is one, and says that there is more."""
    raw = example.grown(12)
    raw["services"] = {
        f"service-{number}": {"plane": "monitoring", "tcp": [10_000 + number]}
        for number in range(130)
    }
    raw["planes"] = {"monitoring": {"tcp": [9100, *range(10_000, 10_130)]}}
    before = drawn(raw)
    for site in raw["sites"].values():
        for node in site["nodes"].values():
            node["roles"] = list(raw["services"])
    text = _report(before, drawn(raw))
    assert len(text) <= LIMIT
    assert "… and more, below" in text


@given(st.integers(0, 1 << 30), st.integers(4, 240))
def test_no_change_is_too_long_for_a_comment(seed: int, count: int) -> None:
    """Any picture against any other, names as long as they may be."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    old = drawn(example.grown(8))
    new = copy.deepcopy(old)
    template = next(iter(old["nodes"].values()))
    for number in range(count):
        name = f"{'n' * 59}-{number}"
        new["nodes"][name] = {**template, "site": f"{'s' * 60}{chance.randrange(40)}"}
        new["openings"][name] = [
            {"slot": "management", "proto": "tcp", "port": port, "role": "r" * 63}
            for port in range(1, chance.randrange(2, 40))
        ]
        new["people"][f"{'p' * 59}-{number}"] = next(iter(old["people"].values()))
    text = _report(old, new)
    assert len(text) <= LIMIT
    assert "**Ports inside planes**" in text


def test_a_declaration_that_is_none_is_told_as_text() -> None:
    """Whatever stands in it: it ends no fence, and is cut where a comment ends."""
    text = invalid(ABOUT, "````\n# not a heading\n" + "x" * LIMIT)
    assert len(text) <= LIMIT
    assert "`````text\n````\n# not a heading" in text
    assert text.endswith("\n…\n`````\n")


def test_pictures_hold_no_secret() -> None:
    """Not a key, not a URL of a receiver, not the name of a secret's value."""
    raw = named.raw()
    raw["sites"]["fsn"]["nodes"]["fsn-b"]["roles"] = ["alertmanager"]
    raw["monitoring"] = {"receivers": {"ops": {"webhook": "https://x.example/T0K3N"}}}
    text = json.dumps(drawn(raw))
    assert "T0K3N" not in text
    assert not re.search(r"[A-Za-z0-9+/]{43}=", text)


ENGINE: Json = {
    "steps": [
        {"op": "create", "urn": "urn:pulumi:prod::x::a$hcloud:index/server:Server::hel-c"},
        {"op": "replace", "urn": "urn:pulumi:prod::x::a$hcloud:index/server:Server::fsn-b"},
        {"op": "create-replacement", "urn": "urn:pulumi:prod::x::a$hcloud:S:Server::fsn-b"},
        {"op": "same", "urn": "urn:pulumi:prod::x::a$hcloud:index/server:Server::fsn-a"},
        {"op": "delete", "urn": "urn:pulumi:prod::x::a$hcloud:index/server:Server::old"},
    ],
    "changeSummary": {"same": 9, "replace": 1, "create": 4, "delete": 1},
    "diagnostics": [{"severity": "error", "message": "it breaks ```\n"}, {"severity": "info"}],
}


def test_what_the_engine_says_is_told_by_name() -> None:
    """How many resources, which are made anew, which go, and why it fails; no value of any."""
    told = preview(ENGINE)
    assert told.counts == {"create": 4, "replace": 1, "delete": 1}
    assert told.deleted == ("hcloud:index/server:Server old",)
    new = drawn(example.raw())
    text = report(ABOUT, compare(new, new), new, told)
    assert "Resources: 4 to create, 1 to replace, 1 to delete." in text
    assert "- `hcloud:index/server:Server fsn-b`" in text
    assert "````text\nit breaks ```\n````" in text
    with pytest.raises(ValueError, match="changeSummary"):
        preview({})
