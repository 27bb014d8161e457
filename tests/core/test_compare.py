"""Two pictures of a mesh, compared: who comes, goes, moves, and what ends by it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from backplane.compare import compare
from tests.core import example, named
from tests.core.pictures import drawn

Json = dict[str, Any]
CAROL = {"id": 3, "planes": ["management"]}


def _node_added(raw: Json) -> None:
    raw["sites"]["hel"]["nodes"]["hel-c"] = {"id": 3}


def test_a_node_that_is_renamed_comes_and_goes_not() -> None:
    """It is the same node, called otherwise; its ports are as they were."""
    raw = example.raw()
    nodes = raw["sites"]["hel"]["nodes"]
    nodes["hel-z"] = {**nodes.pop("hel-b"), "was": "hel-b"}
    change = compare(drawn(example.raw()), drawn(raw))
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
    change = compare(drawn(example.raw()), drawn(raw))
    (node,) = change.nodes
    assert node.what == "replaced"
    assert [key.names for key in change.keys] == [("hel-b",)]


def test_people_are_told_of_and_their_keys() -> None:
    """Who comes, who goes, who moves, whose key is another one."""
    raw = example.raw()
    key = base64.b64encode(example.seed("alice")).decode()
    raw["operators"] = {
        "alice": {"id": 1, "planes": ["management"], "public_keys": {"management": key}},
        "bob": {"id": 2, "planes": ["storage"]},
    }
    change = compare(drawn(example.raw()), drawn(raw))
    assert change.people == {
        "alice": ("leaves monitoring", "brings another WireGuard key"),
        "bob": ("comes: operator, on storage",),
    }
    assert compare(drawn(raw), drawn(example.raw())).people["bob"] == (
        "goes: operator, on storage",
    )


def _fetch(edit: Callable[[Json], object]) -> tuple[str, ...]:
    raw = example.raw()
    raw["operators"]["bob"] = {"id": 2, "planes": ["storage"]}
    before = drawn(raw)
    edit(raw)
    return compare(before, drawn(raw)).fetch


def test_whose_files_change_is_told() -> None:
    """Operators on a plane whose nodes or keys are others, or who are others; no runner."""
    assert _fetch(lambda raw: raw.update(planes={"storage": {"psk": 2}})) == ("bob",)
    assert _fetch(_node_added) == ("alice", "bob")
    assert _fetch(lambda raw: raw["operators"].update(carol=CAROL)) == ("carol",)
    assert _fetch(lambda raw: raw["operators"]["alice"].update(id=7)) == ("alice",)
    assert _fetch(lambda raw: raw.update(timer=60, runners={"ci": {"id": 9}})) == ()
    hel = "hel"
    assert _fetch(lambda raw: raw["sites"][hel].update(endpoint="ipv6")) == ("alice", "bob")


def test_another_location_is_another_machine() -> None:
    """The cloud makes server and address anew, and what is on disk is lost."""
    raw = example.raw()
    raw["sites"]["hel"]["location"] = "nbg1"
    change = compare(drawn(example.raw()), drawn(raw))
    assert {node.name: node.what for node in change.nodes} == {
        "hel-a": "replaced",
        "hel-b": "replaced",
    }


def test_what_happens_to_a_machine_that_was_there_is_told() -> None:
    """It is taken over, is found elsewhere, and is to be given back before its node goes."""
    bare = example.raw()
    bare["sites"]["rack"] = {"id": 7, "cloud": "existing", "nodes": {}}
    raw = example.raw()
    machine = {
        "ipv4": "203.0.113.7",
        "ipv6": "2001:db8::7",
        "user": "admin",
        "host_key": "first-seen",
    }
    raw["sites"]["rack"] = {
        "id": 7,
        "cloud": "existing",
        "nodes": {"web": {"id": 1, "machine": machine}},
    }
    moved = deepcopy(raw)
    moved["sites"]["rack"]["nodes"]["web"]["machine"]["port"] = 2222
    [comes] = compare(drawn(bare), drawn(raw)).nodes
    assert "taken over: ipv4 203.0.113.7, port 22, user admin" in comes.lines
    [elsewhere] = compare(drawn(raw), drawn(moved)).nodes
    assert elsewhere.what == "changed"
    assert [line for line in elsewhere.lines if "port 2222" in line]
    [goes] = compare(drawn(raw), drawn(bare)).nodes
    assert goes.lines == (
        "its machine is given back first, else `up` stops: `backplane release web`",
    )
    [other] = compare(drawn(bare), drawn({**bare, "sites": _without(bare)})).nodes
    assert other.lines == ()


def _without(raw: Json) -> Json:
    sites: Json = deepcopy(raw["sites"])
    del sites["fsn"]["nodes"]["fsn-b"]
    return sites


def test_a_name_that_is_taken_over_hides_nobodys_end() -> None:
    """Two nodes become one that is called like the second and is the first: one is removed."""
    raw = example.raw()
    nodes = raw["sites"]["hel"]["nodes"]
    nodes["hel-b"] = {**nodes.pop("hel-a"), "was": "hel-a"}
    change = compare(drawn(example.raw()), drawn(raw))
    assert sorted((node.name, node.what) for node in change.nodes) == [
        ("hel-b", "changed"),
        ("hel-b", "removed"),
    ]


def _ends(edit: Callable[[Json], object]) -> dict[str, str]:
    raw = named.raw()
    before = drawn(raw)
    edit(raw)
    told = compare(before, drawn(raw)).interruptions
    return {f"{one.what} {', '.join(one.names)}".strip(): one.why for one in told}


def test_what_ends_for_good_is_told() -> None:
    """A plane left out, a node that retires, a role that goes, a port that shuts, people moved."""
    nodes = {"fsn": "fsn-a", "hel": "hel-a"}
    left = _ends(lambda raw: raw["planes"].update(storage={"use": False}))
    assert left["everything on storage"] == "it is left out"
    retired = _ends(lambda raw: raw["sites"]["fsn"]["nodes"]["fsn-b"].update(retire=True))
    assert retired["fsn-b"] == "nobody is its peer any more"
    gone = _ends(lambda raw: raw["sites"]["hel"]["nodes"][nodes["hel"]].update(roles=["dns"]))
    assert gone["prometheus on hel-a"] == "it goes"
    assert gone["TCP 9090 on monitoring at hel-a"] == "the port shuts"
    assert "sessions of alice" in _ends(lambda raw: raw["operators"].pop("alice"))
    assert "sessions of alice" in _ends(lambda raw: raw["operators"]["alice"].update(id=9))
    assert _ends(lambda raw: raw["operators"].update(carol=CAROL)) == {}


def test_pairs_are_gained_and_lost_though_their_number_stays() -> None:
    """One node comes and one goes: each plane has as many pairs, and others."""
    raw = example.raw()
    nodes = raw["sites"]["hel"]["nodes"]
    nodes["hel-c"] = {**nodes.pop("hel-b"), "id": 7}
    change = compare(drawn(example.raw()), drawn(raw))
    storage = next(plane for plane in change.planes if plane.slot == "storage")
    assert (storage.pairs, storage.gained, storage.lost) == (6, 3, 3)
    assert all(not port.stays for port in change.ports)
