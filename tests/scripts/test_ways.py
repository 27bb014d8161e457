"""Ways between the sites of a routed mesh: what is well, and each thing that is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from scripts import _ways, _ways_show
from tests.scripts import ways

Json = dict[str, Any]


def _found(change: Callable[[dict[str, Json]], object], outputs: Json | None = None) -> Json:
    told = ways.told()
    change(told)
    return _ways.judge(outputs or ways.outputs(), told)


def _lines(verdict: Json) -> list[str]:
    return [f"{one['node']}: {one['what']}: {one['live']}" for one in verdict["findings"]]


def test_a_healthy_mesh_has_no_finding() -> None:
    """Each ordered pair of sites has an active gateway, and each gateway its links."""
    verdict = _found(dict)
    assert (verdict["ok"], verdict["findings"], verdict["notes"]) == (True, [], [])
    assert {
        site: {r: way["owner"] for r, way in one.items()}
        for site, one in (verdict["sites"].items())
    } == ways.PICTURE["owners"]
    assert len(verdict["gateways"]["nbg-a"]["links"]) == 4
    assert len(verdict["gateways"]["fsn-a"]["links"]) == 3


def _link_down(told: dict[str, Json]) -> None:
    told["fsn-a"]["links"][0] |= {"bgp": "Active", "bfd": "down", "up": False}


def _no_path(told: dict[str, Json]) -> None:
    for one in told["nbg-a"]["sites"].values():
        one["path"] = False


def _dead(told: dict[str, Json]) -> None:
    told["fsn-c"] |= {"running": False}


def _others(told: dict[str, Json]) -> None:
    told["fsn-c"]["sites"]["0"]["owner"] = "fsn-a"


def _lonely(told: dict[str, Json]) -> None:
    told["hel-a"]["sibling"]["alive"] = False


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (_link_down, ["fsn-a: link wgl2-0 to hel-a: BGP Active, BFD down"]),
        (
            _no_path,
            [
                "site nbg: the way to fsn: nbg-a has it, and BGP leads it nowhere",
                "site nbg: the way to hel: nbg-a has it, and BGP leads it nowhere",
            ],
        ),
        (_dead, ["fsn-c: backplane-routes.service: does not"]),
        (_others, ["fsn-c: the gateway to hel: fsn-a"]),
        (_lonely, ["hel-a: the other gateway, hel-b: silent"]),
        (
            lambda told: told.pop("nbg-a"),
            [
                "site nbg: the way to fsn: no gateway of it answers",
                "site nbg: the way to hel: no gateway of it answers",
            ],
        ),
    ],
)
def test_what_is_not_well_is_a_finding(
    change: Callable[[dict[str, Json]], object], lines: list[str]
) -> None:
    """Each is told once, at the node or site that it is about."""
    verdict = _found(change)
    assert _lines(verdict) == lines
    assert verdict["ok"] is False


def test_the_greater_term_carries_a_site() -> None:
    """A gateway that took over counts, though the other one has not heard of it yet."""

    def taken(told: dict[str, Json]) -> None:
        for name in ("fsn-a", "fsn-c"):
            told[name]["sites"]["0"] |= {"owner": "fsn-a", "slot": 0, "term": 2, "why": "dead"}

    verdict = _found(taken)
    way = verdict["sites"]["fsn"]["hel"]
    assert (way["owner"], way["why"], way["default"]) == ("fsn-a", "dead", "fsn-b")
    assert way["disagree"] == {"fsn-b": "fsn-b"}

    def moving(told: dict[str, Json]) -> None:
        taken(told)
        told["fsn-a"]["overlap"] = True

    assert _found(moving)["ok"] is True


def test_an_owner_whose_own_links_are_down_carries_by_its_sibling() -> None:
    """Its links are findings, the way is none: packets go on from the other gateway."""

    def down(told: dict[str, Json]) -> None:
        for one in told["fsn-b"]["sites"].values():
            one |= {"path": False, "backed": True}

    verdict = _found(down)
    assert _lines(verdict) == []
    way = verdict["sites"]["fsn"]["hel"]
    assert (way["owner"], way["active"], way["via"]) == ("fsn-b", True, "fsn-a")
    assert verdict["sites"]["hel"]["fsn"]["via"] is None
    console = Console(record=True, width=120)
    _ways_show.show(console, verdict)
    assert "fsn-b via fsn-a" in console.export_text()


def test_a_drained_gateway_is_told_and_no_trouble() -> None:
    """Somebody wants it so; the fix says how it comes back."""
    verdict = _found(lambda told: told["fsn-a"].update(drained=True))
    assert verdict["ok"] is True
    [note] = verdict["notes"]
    assert (note["node"], note["live"]) == ("fsn-a", "drained")
    assert "backplane undrain fsn-a" in note["fix"]


def test_links_to_a_node_that_is_meant_to_be_away_may_be_down() -> None:
    """Neither they nor its sibling's silence are findings."""
    outputs = ways.outputs()
    outputs["nodes"]["hel-a"]["offline"] = True

    def gone(told: dict[str, Json]) -> None:
        del told["hel-a"]
        told["hel-b"]["sibling"]["alive"] = False
        for name in ("fsn-a", "fsn-b", "nbg-a"):
            for link in told[name]["links"]:
                if link["peer"] == "hel-a":
                    link |= {"up": False, "bgp": "Active", "bfd": "down"}

    assert _lines(_found(gone, outputs)) == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7300, "2 h"), (2e5, "2 d")]
)
def test_time_is_told_in_one_unit(seconds: float, text: str) -> None:
    """The largest of which there are two."""
    assert _ways_show.lasting(seconds) == text
