"""What `backplane drift` concludes from what nodes and clouds said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rich.console import Console

from backplane.clouds import ANYWHERE
from components.clouds.reading import DARK, Firewall, Rule, Standing
from runner import tool
from scripts import _drift, _drift_repair, _drift_show, drift
from scripts._drift_ask import Answers
from scripts._verdict import Mesh
from tests.scripts.facts import ANY, DECLARED, NAMES, outputs

GENERATION = "0123456789abcdef"
GENERATIONS = dict.fromkeys(NAMES, GENERATION)
URN = "urn:mesh-receipt"
AGAIN = f"pulumi up --replace '{URN}'"
SSH = Rule(direction="in", protocol="tcp", port="22", others=("0.0.0.0/0",))


def told(**more: Any) -> Answers:  # noqa: ANN401 - JSON
    """Answers of four nodes that are as declared; `more` is what fsn-a says besides."""
    quiet = {"confirmed": GENERATION, "active": GENERATION, "findings": [], "listeners": []}
    return Answers(
        told={name: {"node": name, **quiet, **(more if name == "fsn-a" else {})} for name in NAMES},
        tools=dict.fromkeys(NAMES, tool.version(tool.build())),
    )


def judged(answers: Answers, declared: Mesh = DECLARED) -> list[dict[str, Any]]:
    """The findings."""
    return _drift.of_nodes(declared, GENERATIONS, answers, URN)


def node_finding(repair: str) -> dict[str, str]:
    """One that a node tells of."""
    sides = {"declared": "25", "live": "off"}
    return {"area": "wireguard", "what": "wg1: peer b, keepalive", **sides, "repair": repair}


def test_nodes_that_are_as_declared_have_no_drift() -> None:
    """Four answers without a finding, the declared generation, this checkout's tool: nothing."""
    assert judged(told()) == []


def test_each_kind_says_who_puts_it_right() -> None:
    """Unreachable, another generation, tool or machine, a listener of a stranger's."""
    answers = told()
    answers.unreachable["hel-a"] = "no SSH session"
    del answers.told["hel-a"]
    answers.told["fsn-a"]["confirmed"] = "f" * 16
    answers.told["fsn-b"]["node"] = "hel-b"
    answers.tools["hel-b"] = ""
    answers.told["hel-b"]["listeners"] = [
        {"protocol": "tcp", "address": ANY, "port": 8000, "process": "python3", "pid": 9}
    ]
    found = [(one["node"], one["area"], one["repair"], one["fix"]) for one in judged(answers)]
    assert found == [
        ("fsn-a", "generation", "pulumi up", AGAIN),
        ("fsn-b", "generation", "by hand", ""),
        ("hel-a", "reach", "by hand", ""),
        ("hel-b", "files", "rollout", "backplane drift --repair"),
        ("hel-b", "listeners", "by hand", ""),
    ]


def test_a_damaged_generation_is_pushed_before_anything_is_repaired() -> None:
    """Its node is no target of a repair, and each finding there says what comes first."""
    found = judged(told(findings=[node_finding("pulumi up"), node_finding("rollout")]))
    assert [one["fix"] for one in found] == [
        "pulumi up --replace 'urn:mesh-receipt'",
        "pulumi up --replace 'urn:mesh-receipt', then backplane drift --repair",
    ]
    assert _drift.targets(found) == ()
    assert _drift.targets(judged(told(findings=[node_finding("rollout")]))) == ("fsn-a",)
    assert _drift.targets(judged(told(findings=[node_finding("by hand")]))) == ()


def _standing(**rules: frozenset[Rule]) -> Standing:
    firewalls = {"7": DARK, **rules}
    return Standing(
        firewalls={
            number: Firewall(name=f"fw-{number}", rules=r) for number, r in firewalls.items()
        },
        machines=dict.fromkeys(NAMES, frozenset({"7"})),
    )


def _cloud(standing: Standing) -> list[tuple[str, str, str, str]]:
    nodes = {name: {"site": "x"} for name in NAMES}
    seen = {**outputs(), "nodes": nodes, "firewall_ids": {"x": "7"}}
    found = _drift.of_cloud(seen, "x", standing)
    assert {one["fix"] for one in found} <= {"pulumi up --refresh"}
    return [(one["node"], one["what"], one["declared"], one["live"]) for one in found]


def test_the_cloud_must_be_equal_to_the_one_constant() -> None:
    """Exactly the four UDP ports from anywhere; a rule more, one less, another source: drift."""
    assert _cloud(_standing()) == []
    assert len(DARK) == 4
    assert {rule.others for rule in DARK} == {tuple(sorted(ANYWHERE))}
    lost = next(iter(DARK))
    narrow = replace(lost, others=("0.0.0.0/0",))
    text = str(SSH)
    assert text == "in tcp 22 from 0.0.0.0/0"
    assert _cloud(_standing(**{"7": DARK | {SSH}})) == [("site x", "firewall", "", text)]
    assert _cloud(_standing(**{"7": DARK - {lost}})) == [("site x", "firewall", str(lost), "")]
    both = [("site x", "firewall", str(lost), str(narrow))]
    assert _cloud(_standing(**{"7": DARK - {lost} | {narrow}})) == both


def test_what_stands_on_a_machine_counts_too() -> None:
    """No firewall, a second one that opens more, no machine; one that opens nothing is no drift."""
    standing = _standing(**{"8": frozenset({SSH}), "9": frozenset()})
    machines = {
        "fsn-a": frozenset[str](),
        "fsn-b": frozenset({"7", "8"}),
        "hel-a": frozenset({"7", "9"}),
    }
    assert _cloud(replace(standing, machines=machines)) == [
        ("fsn-a", "the site's firewall", "in force", ""),
        ("fsn-b", "firewall fw-8", "", str(SSH)),
        ("hel-b", "server", "there", ""),
    ]
    assert _cloud(replace(_standing(), firewalls={}))[0] == ("site x", "firewall", "there", "")


def test_findings_read_as_a_diff() -> None:
    """Node, then what and the next step, then a line for each side, as declared and live."""
    found = judged(told(findings=[node_finding("rollout")]))
    assert _drift_show.lines(found) == [
        "fsn-a",
        "  wireguard: wg1: peer b, keepalive  [rollout: backplane drift --repair]",
        "    - 25",
        "    + off",
    ]
    console = Console(record=True, width=200, no_color=True)
    verdict = {"ok": False, "findings": found, "left_out": {"hel-b": "offline"}, "asked": 3}
    _drift_show.show(console, {**verdict, "repaired": found, "trouble": "flip failed [x]"})
    text = console.export_text()
    assert "repaired fsn-a: wireguard: wg1: peer b, keepalive" in text
    assert "left out: hel-b is marked `offline`" in text
    assert "flip failed [x]" in text
    assert "drift: 1 findings, 3 nodes asked" in text


def test_marked_nodes_are_left_out_and_named() -> None:
    """One that is offline and one that goes are not asked; an output without the mark is read."""
    nodes = {"a": {"offline": False}, "b": {"offline": True, "retire": False}}
    nodes["c"] = {"offline": False, "retire": True}
    assert drift.left_out(nodes) == {"b": "offline", "c": "retire"}


def test_a_repair_leads_each_node_to_where_it_is() -> None:
    """The order holds only the nodes with drift, each with the generation that it has confirmed."""

    class Place:
        host, host_key = "10.201.1.1", "ssh-ed25519 AAAA"

    class Credentials:
        stack, push_key = "lab", "a key"

        def place(self, _name: str, _slot: str = "") -> Place:
            return Place()

    order = _drift_repair.order(Credentials(), ["fsn-a"], {"fsn-a": "f" * 16})  # type: ignore[arg-type]
    assert order.repair is True
    assert [(one.name, one.generation, one.bundle) for one in order.targets] == [
        ("fsn-a", "f" * 16, "")
    ]


def test_what_is_gone_afterwards_was_repaired() -> None:
    """Told by node, area and name: what is there in both looks was not."""
    before = [
        _drift.finding("a", "files", "x", ("", ""), "rollout"),
        _drift.finding("b", "files", "x", ("", ""), "rollout"),
    ]
    assert _drift.repaired(before, before[1:]) == before[:1]
