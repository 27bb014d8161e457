"""A map: what is seen of a mesh in one piece of data, as a page and as a picture."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from backplane.map import model, page, svg
from backplane.map.markup import clean, fragment, text
from backplane.map.model import NEVER, NONE, UNASKED
from backplane.map.page import verdict
from scripts import _ways
from tests.core import example, maps
from tests.scripts import ways

Json = dict[str, Any]


class Read(HTMLParser):
    """Elements and texts of a page, read as a browser would."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element."""
        self.elements.append((tag, dict(attrs)))
        if tag in {"script", "style"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Its end."""
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        """What it holds."""
        if self._open:
            self.inside.setdefault(self._open[-1], []).append(data)


def test_a_mesh_that_is_well_says_so() -> None:
    """Every node as declared, each session with its age, and nothing found."""
    told = maps.seen()
    assert told["ok"] is True
    assert [node["name"] for node in told["nodes"]] == ["fsn-a", "fsn-b", "hel-a", "hel-b"]
    assert {node["state"] for node in told["nodes"]} == {"well"}
    assert verdict(told) == "All 4 nodes answered, 0 findings."
    for plane in told["planes"]:
        assert (plane["expected"], plane["heard"]) == (12, 12)
        rows = told["ages"][plane["slot"]]
        assert [row[at] for at, row in enumerate(rows)] == [NONE] * 4
        assert sum(age >= 0 for row in rows for age in row) == 12


def test_a_node_that_does_not_answer_is_told_from_one_that_is_never_heard() -> None:
    """Its own row is not known; the others say that they have no handshake with it."""
    told = maps.seen(silent=["hel-a"])
    assert told["ok"] is False
    assert verdict(told) == (
        "1 of 4 nodes did not answer, 3 findings, 24 sessions without a fresh handshake."
    )
    at = [node["name"] for node in told["nodes"]].index("hel-a")
    assert told["nodes"][at]["state"] == "silent"
    assert [told["findings"][one]["source"] for one in told["nodes"][at]["findings"]] == [
        *("doctor", "status", "drift"),
    ]
    rows = told["ages"]["storage"]
    assert rows[at] == [UNASKED, UNASKED, NONE, UNASKED]
    assert [row[at] for number, row in enumerate(rows) if number != at] == [NEVER] * 3


@pytest.mark.parametrize(("age", "heard"), [(180.0, 12), (181.0, 11), (None, 11)])
def test_an_old_session_is_no_session(age: float | None, heard: int) -> None:
    """Up to 180 s it may carry something; then the plane is not well, whatever else is found."""
    told = maps.outputs()
    look = maps.look(told)
    sessions = copy.deepcopy(dict(look.sessions))
    sessions["fsn-a"]["wg2"]["fsn-b"] = age  # type: ignore[index]
    told = maps.seen(sessions=sessions)
    (plane,) = [one for one in told["planes"] if one["interface"] == "wg2"]
    assert plane["heard"] == heard
    assert told["ok"] is (heard == 12)


def test_an_interface_that_is_down_has_no_handshake() -> None:
    """A node that answers and tells of no such interface has a row without sessions."""
    told = maps.outputs()
    sessions = copy.deepcopy(dict(maps.look(told).sessions))
    del sessions["hel-b"]["wg3"]  # type: ignore[attr-defined]
    told = maps.seen(sessions=sessions)
    assert told["ages"]["storage"][3] == [NEVER, NEVER, NEVER, NONE]
    assert told["ages"]["monitoring"][3].count(NEVER) == 0


def test_a_finding_marks_the_node_where_it_is() -> None:
    """Those who notice name it in their details, and are well; without evidence both may be it."""
    pair = {**maps.diagnosis("fsn-a and hel-b"), "plane": "storage"}
    told = maps.seen(doctor=[{**pair, "evidence": ["hel-b: wg-quick@wg3.service: inactive"]}])
    assert {node["name"]: (node["state"], node["findings"]) for node in told["nodes"]} == {
        "fsn-a": ("well", [0]),
        "fsn-b": ("well", []),
        "hel-a": ("well", []),
        "hel-b": ("differs", [0]),
    }
    assert told["ok"] is False
    told = maps.seen(doctor=[{**pair, "evidence": []}])
    assert [node["state"] for node in told["nodes"]] == ["differs", "well", "well", "differs"]


@pytest.mark.parametrize("mark", ["offline", "retire"])
def test_marked_nodes_are_shown_and_owe_nothing(mark: str) -> None:
    """No session with them is to be, and their silence is no finding."""
    raw = example.raw()
    raw["sites"]["hel"]["nodes"]["hel-b"][mark] = True
    outputs = maps.outputs(raw)
    look = maps.look(outputs)
    told = model(outputs, "lab", look)
    (node,) = [one for one in told["nodes"] if one["name"] == "hel-b"]
    assert (node["state"], node["mark"]) == ("away", mark)
    assert told["ok"] is True
    assert told["planes"][0]["expected"] == 6
    assert verdict(told).endswith("1 marked to be away.")


def test_a_plan_alone_says_that_nobody_was_asked() -> None:
    """No ages, no findings, no verdict, and what only a deployment knows is not made up."""
    told = maps.declared()
    assert (told["ok"], told["at"], told["ages"]) == (None, None, {})
    assert {node["state"] for node in told["nodes"]} == {"planned"}
    assert {node["endpoint"] for node in told["nodes"]} == {None}
    assert told["nodes"][0]["addresses"]["management"]["ipv4"] == "10.201.1.1"
    shown = page(told)
    assert "of which no machine was asked" in shown
    assert "<canvas" not in shown


def test_a_routed_mesh_shows_who_carries_what() -> None:
    """Gateways, their links, and for each pair of sites the active gateway beside the rightful."""
    routing = _ways.judge(ways.outputs(), ways.told())
    told = maps.seen(example.routed(), routing=routing)
    assert told["ok"] is True
    (route,) = [one for one in told["routes"] if (one["site"], one["remote"]) == ("fsn", "hel")]
    assert (route["owner"], route["default"], route["active"]) == ("fsn-b", "fsn-b", True)
    assert {one["bgp"] for one in told["links"] if one["site"] != one["from"][:3]} == {
        "Established"
    }
    names = [node["name"] for node in told["nodes"]]
    row = told["ages"]["storage"][names.index("fsn-a")]
    assert row[names.index("hel-a")] == NONE
    assert row[names.index("fsn-c")] >= 0
    for shown in (page(told), svg(told)):
        assert "fsn and hel: 4 links between their gateways" in shown


def test_a_drained_gateway_is_a_note_and_no_finding() -> None:
    """What is meant to be so for a while is told, and the mesh is well."""
    said = ways.told()
    said["fsn-a"]["drained"] = True
    routing = _ways.judge(ways.outputs(), said)
    told = maps.seen(example.routed(), routing=routing)
    assert [one["source"] for one in told["findings"]] == ["note"]
    assert told["ok"] is True
    assert "0 findings" in verdict(told)


def test_nothing_on_the_page_comes_from_elsewhere() -> None:
    """No address but its own fragments, and a policy that would refuse any."""
    for told in (maps.seen(silent=["hel-a"]), maps.declared(), maps.hostile()):
        read = Read(page(told))
        for tag, given in read.elements:
            assert not {"src", "style", "srcset", "data", "action", "formaction"} & set(given), tag
            assert not [name for name in given if name.startswith("on")], tag
            assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form action"}
            assert (given.get("href") or "#").startswith("#"), tag


def test_the_policy_names_exactly_the_pages_own_script_and_style() -> None:
    """By their hashes; nothing else may run, load, or be sent."""
    shown = page(maps.hostile())
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', shown)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert set(rules) == {
        *("default-src", "style-src", "script-src", "base-uri", "form-action"),
        *("require-trusted-types-for", "trusted-types"),
    }
    read = Read(shown)
    (style,), (_, script) = read.inside["style"], read.inside["script"]
    for source, rule in ((style, "style-src"), (script, "script-src")):
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    assert "unsafe" not in policy


def test_hostile_texts_make_no_element() -> None:
    """A page of hostile names has the elements of one of harmless names, and says the names."""
    harmless = maps.seen(silent=["fsn-a"], doctor=[maps.diagnosis("fsn-a")])

    def kinds(told: Json) -> list[str]:
        return [tag for tag, _ in Read(page(told)).elements]

    told = maps.hostile()
    assert kinds(told) == kinds(harmless)
    data = json.loads(Read(page(told)).inside["script"][0])
    assert data["stack"] == told["stack"]
    assert svg(told).count("<script") == 0


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a<b>&\"'`", "a&lt;b&gt;&amp;&quot;&#39;&#96;"),
        ("a\x00b\x1b[31m", "a\ufffdb\ufffd[31m"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
        ("zero\u200bwidth", "zero\ufffdwidth"),
        ("\ud800", "\ufffd"),
        ("two\nlines", "two lines"),
        ("Zürich 東京", "Zürich 東京"),
    ],
)
def test_text_stays_text(value: str, shown: str) -> None:
    """Markup, control characters and what turns text around mean nothing; letters stay."""
    assert text(value) == shown
    assert clean(value) == clean(clean(value))


def test_places_on_the_page_are_told_apart() -> None:
    """Any two names have different fragments, and each is harmless in an address."""
    names = ["a-b", "a.b", "a b", "a.20.b", "a<b", "ä", "e4"]
    made = [fragment(name) for name in names]
    assert len(set(made)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9.-]+", one) for one in made)


@pytest.mark.parametrize("told", [maps.seen(), maps.declared(example.routed()), maps.hostile()])
def test_the_picture_is_whole_and_always_the_same(told: Json) -> None:
    """Well-formed XML with every node once, no script, no address; the same bytes each time."""
    drawn = svg(told)
    assert drawn == svg(copy.deepcopy(told))
    root = ET.fromstring(drawn)  # noqa: S314 - our own
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    names = [one.get("data-node") for one in root.iter() if one.get("data-node")]
    assert sorted(map(str, names)) == sorted(clean(node["name"]) for node in told["nodes"])
    for one in root.iter():
        assert one.tag.rpartition("}")[2] not in {"script", "image", "use", "a", "foreignObject"}
        assert not [name for name in one.attrib if name.startswith("on") or "href" in name]


def test_a_page_of_two_hundred_nodes_is_small() -> None:
    """Less than 1.5 MB with four matrices of 200 by 200."""
    assert len(page(maps.seen(example.grown(200))).encode()) < 1_500_000


def test_a_mesh_without_nodes_has_a_map() -> None:
    """It says plainly that there is none, as page and as picture."""
    plan = {**maps.outputs()["plan"], "nodes": {}, "sites": {}}
    told = model({"nodes": {}, "plan": plan}, "lab")
    assert "No node is declared yet." in page(told)
    ET.fromstring(svg(told))  # noqa: S314 - our own


def test_no_secret_and_no_key_is_on_a_page() -> None:
    """Neither private nor public keys, nor anything of the runner's output."""
    outputs = maps.outputs()
    outputs["runner"] = {"push_key": "CANARY"}
    for node in outputs["nodes"].values():
        node |= {"public_keys": {"management": "CANARY"}, "host_key": "ssh-ed25519 CANARY"}
    told = model(outputs, "lab", maps.look(outputs))
    for shown in (page(told), svg(told), json.dumps(told)):
        assert "CANARY" not in shown
