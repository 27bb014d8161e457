"""The report of a change: a reviewer's five questions answered, never too long, never a secret."""

from __future__ import annotations

import base64
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
from backplane.declaration import parse
from backplane.picture import picture
from backplane.plan import plan
from backplane.preview import preview
from backplane.report import LIMIT, About, invalid, report
from tests.core import example, golden, named

Json = dict[str, Any]
ABOUT = About(stack="prod", base="the base branch", head="The declaration here")


def _picture(raw: Json) -> Json:
    told: Json = json.loads(json.dumps(picture(plan(parse(raw), project="x", stack="prod"))))
    return told


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
    text = _report(_picture(make()), _picture(changed))
    golden.compare(f"report/{name}.md", text)
    assert len(text) < LIMIT // 4


def test_a_first_deployment_reads_as_looked_at() -> None:
    """Everything comes, nothing stands still."""
    golden.compare("report/first.md", _report(None, _picture(named.raw())))


def test_another_topology_reads_as_looked_at() -> None:
    """Fewer pairs of peers, and what the mesh is called. No declaration can ask for it yet."""
    old = _picture(example.raw())
    new = copy.deepcopy(old)
    new["topology"] = "routed"
    for plane in new["planes"]:
        plane["pairs"] -= 3
    golden.compare("report/topology.md", _report(old, new))


def test_nothing_is_said_in_a_line() -> None:
    """Two pictures of one mesh, the order of its declaration turned around."""
    raw = named.raw()
    turned = {key: raw[key] for key in reversed(raw)}
    turned["sites"] = {name: raw["sites"][name] for name in reversed(raw["sites"])}
    assert _report(_picture(raw), _picture(turned)).endswith("\n\nNothing changes.\n")


def test_a_node_that_is_renamed_comes_and_goes_not() -> None:
    """It is the same node, called otherwise; its ports are as they were."""
    raw = example.raw()
    nodes = raw["sites"]["hel"]["nodes"]
    nodes["hel-z"] = {**nodes.pop("hel-b"), "was": "hel-b"}
    change = compare(_picture(example.raw()), _picture(raw))
    assert [(node.name, node.what, node.lines) for node in change.nodes] == [
        ("hel-z", "changed", ("was called hel-b",))
    ]
    assert change.ports == ()
    assert change.keys == ()


def test_a_node_that_moves_to_another_site_is_another() -> None:
    """Its addresses and its machine are; so are its keys."""
    raw = example.raw()
    moved = raw["sites"]["hel"]["nodes"].pop("hel-b")
    raw["sites"]["fsn"]["nodes"]["hel-b"] = {**moved, "id": 9}
    change = compare(_picture(example.raw()), _picture(raw))
    (node,) = change.nodes
    assert node.what == "replaced"
    assert [key.names for key in change.keys] == [("hel-b",)]


def test_what_interrupts_is_told_with_how_long() -> None:
    """Keys, a machine built anew, one resized, and daemons whose settings change; PSKs do not."""
    raw = named.raw()
    raw["planes"]["management"]["keys"] = 2
    raw["planes"]["storage"] = {"psk": 2}
    raw["sites"]["fsn"]["nodes"]["fsn-b"].update(incarnation=2)
    raw["sites"]["hel"]["nodes"]["hel-b"].update(type="cx33")
    raw["monitoring"] = {"retention": "90d"}
    told = compare(_picture(named.raw()), _picture(raw)).interruptions
    assert {(one.what, *one.names): one.lasts for one in told} == {
        ("everything on", "management"): "once, at most 250 ms",
        ("", "fsn-b"): "until its first boot has ended, some minutes; **what is on disk is lost**",
        ("", "hel-b"): "while it is off, some minutes",
        ("prometheus on", "hel-a"): "seconds, while it starts anew",
    }
    quiet = named.raw()
    quiet["operators"]["bob"] = {"id": 9, "planes": ["management"]}
    quiet["planes"]["storage"] = {"psk": 2}
    change = compare(_picture(named.raw()), _picture(quiet))
    assert change.interruptions == ()
    assert "no: sessions stay open and lose no packet" in report(ABOUT, change, _picture(quiet))


def test_people_are_told_of_and_their_keys() -> None:
    """Who comes, who goes, who moves, whose key is another one."""
    raw = example.raw()
    key = base64.b64encode(example.seed("alice")).decode()
    raw["operators"] = {
        "alice": {"id": 1, "planes": ["management"], "public_keys": {"management": key}},
        "bob": {"id": 2, "planes": ["storage"]},
    }
    change = compare(_picture(example.raw()), _picture(raw))
    assert change.people == {
        "alice": ("leaves monitoring", "brings another key"),
        "bob": ("comes: operator, on storage",),
    }
    assert compare(_picture(raw), _picture(example.raw())).people["bob"] == (
        "goes: operator, on storage",
    )


def test_whose_files_change_is_told() -> None:
    """Operators on a plane whose members or keys are others; runners have none to fetch."""
    raw = example.raw()
    raw["operators"]["bob"] = {"id": 2, "planes": ["storage"]}
    before = _picture(raw)
    raw["planes"] = {"storage": {"psk": 2}}
    assert compare(before, _picture(raw)).fetch == ("bob",)
    _node_added(raw)
    assert compare(before, _picture(raw)).fetch == ("alice", "bob")
    raw = example.raw()
    raw["timer"] = 60
    assert compare(_picture(example.raw()), _picture(raw)).fetch == ()


def test_pairs_are_gained_and_lost_though_their_number_stays() -> None:
    """One node comes and one goes: each plane has as many pairs, and others."""
    raw = example.raw()
    nodes = raw["sites"]["hel"]["nodes"]
    nodes["hel-c"] = {**nodes.pop("hel-b"), "id": 7}
    change = compare(_picture(example.raw()), _picture(raw))
    storage = next(plane for plane in change.planes if plane.slot == "storage")
    assert (storage.pairs, storage.gained, storage.lost) == (6, 3, 3)
    assert all(not port.stays for port in change.ports)


@given(st.integers(0, 1 << 30), st.integers(4, 240))
def test_no_change_is_too_long_for_a_comment(seed: int, count: int) -> None:
    """Any picture against any other, names as long as they may be."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    old = _picture(example.grown(8))
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
    text = json.dumps(_picture(raw))
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
    new = _picture(example.raw())
    text = report(ABOUT, compare(new, new), new, told)
    assert "Resources: 4 to create, 1 to replace, 1 to delete." in text
    assert "- `hcloud:index/server:Server fsn-b`" in text
    assert "````text\nit breaks ```\n````" in text
    with pytest.raises(ValueError, match="changeSummary"):
        preview({})
