"""What a routed node tells people and Prometheus: links with peers, owners, and what it lacks."""

import json
from typing import Any

import pytest

from node import drain, frr, generations, links, metrics, routed, standing
from node.errors import Refused
from node.frr import Session
from node.generations import Generation
from tests.node.model import Box

PLANE = {"v4": "10.201.1.1", "v6": "fd00::1", "near": {"v4": "a", "v6": "b"}, "far": {}}
ROUTES: dict[str, Any] = {
    "site": 1,
    "slot": 0,
    "name": "fsn-a",
    "port": 5310,
    "gateways": [
        {"slot": 0, "name": "fsn-a", "v4": "10.201.1.1"},
        {"slot": 1, "name": "fsn-b", "v4": "10.201.1.2"},
    ],
    "nodes": ["10.201.1.1", "10.201.1.2"],
    "sibling": {"interface": "wgl1-1"},
    "sites": {"2": {"name": "hel", "owner": 1, "links": ["wgl2-0", "wgl2-1"], "via": "wgl2-1"}},
    "planes": {"wg1": PLANE},
}
SHOWN: dict[str, Any] = {
    "slot": 0,
    "drained": False,
    "sibling": {"name": "fsn-b", "alive": True, "drained": False},
    "overlap": False,
    "sites": {"2": {"name": "hel", "owner": "fsn-b", "slot": 1, "term": 3, "path": True}},
}
SESSIONS = {
    "wgl2-0": Session(state="Established", seconds=61, bfd="up", v4=4, v6=4),
    "wgl2-1": Session(state="Established", seconds=9, bfd="down", v4=4, v6=4),
}


def _routed(box: Box, **other: object) -> None:
    file = box.layout.active / routed.FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**ROUTES, **other}), encoding="utf-8")


def _show(box: Box, **other: object) -> None:
    told = {"at": box.machine.clock.wall(), **SHOWN, **other}
    standing.show(box.machine, told)


@pytest.fixture
def gateway(enrolled: Box, monkeypatch: pytest.MonkeyPatch) -> Box:
    """A gateway whose FRR and whose WireGuard answer."""
    _routed(enrolled)
    monkeypatch.setattr(frr, "sessions", lambda _: SESSIONS)
    monkeypatch.setattr(enrolled.machine.commands, "must", lambda *_, **__: "")
    load = generations.load

    def with_links(*given: Any) -> Generation:  # noqa: ANN401 - what the real one takes
        made = load(*given)
        ends = {name: [{"name": f"hel-{name[-1]}", "public": "x"}] for name in SESSIONS}
        made.mesh.update(ends)  # type: ignore[attr-defined] # a mapping read from JSON is a dict
        return made

    monkeypatch.setattr(generations, "load", with_links)
    return enrolled


def test_links_are_told_with_peer_and_site(gateway: Box) -> None:
    """A link works only while BGP and BFD both do; what FRR knows nothing of is down."""
    routes = routed.read(gateway.machine)
    assert routes is not None
    first, second = links.links(gateway.machine, routes)
    assert (first["interface"], first["peer"], first["site"], first["up"]) == (
        *("wgl2-0", "hel-0", "hel"),
        True,
    )
    assert (first["seconds"], first["v4"], first["v6"]) == (61, 4, 4)
    assert (second["bgp"], second["bfd"], second["up"]) == ("Established", "down", False)


def test_routing_tells_owners_and_links_at_once(gateway: Box) -> None:
    """All that the daemon shows, and each link."""
    _show(gateway)
    told = drain.routing(gateway.machine, {})
    assert (told["routed"], told["running"], told["troubles"]) == (True, True, [])
    assert told["sites"]["2"]["owner"] == "fsn-b"
    assert [one["interface"] for one in told["links"]] == ["wgl2-0", "wgl2-1"]


def test_routing_tells_what_it_could_not_learn(
    gateway: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon that stands still and an FRR that does not answer are told, not refused."""

    def silent(_: object) -> dict[str, Session]:
        raise Refused("FRR does not answer", "look")

    monkeypatch.setattr(frr, "sessions", silent)
    _show(gateway, at=gateway.machine.clock.wall() - 60)
    told = drain.routing(gateway.machine, {})
    assert (told["running"], told["links"]) == (False, [])
    assert [text.split()[0] for text in told["troubles"]] == ["backplane-routes.service", "FRR"]


def test_a_mesh_and_a_leaf_have_no_links(enrolled: Box) -> None:
    """In a mesh nothing is told; a leaf is not asked for FRR."""
    assert drain.routing(enrolled.machine, {}) == {"routed": False}
    leaf = {"2": {"name": "hel", "owner": 1, "links": [], "via": None}}
    _routed(enrolled, slot=None, sibling=None, sites=leaf)
    told = drain.routing(enrolled.machine, {})
    assert (told["links"], len(told["troubles"])) == ([], 1)


def _written(box: Box) -> str:
    metrics.metrics(box.machine, {})
    file = box.layout.at(metrics.FOLDER) / "routes.prom"
    return file.read_text(encoding="utf-8") if file.exists() else ""


def test_prometheus_learns_of_links_owners_and_the_sibling(gateway: Box) -> None:
    """A gauge for each link and for each remote site's owner; gone with the routed mesh."""
    _show(gateway)
    text = _written(gateway)
    for line in (
        'backplane_link_up{link="wgl2-0",peer="hel-0"} 1',
        'backplane_link_up{link="wgl2-1",peer="hel-1"} 0',
        'backplane_route_owner{site="hel",owner="fsn-b"} 1',
        "backplane_gateway_drained 0",
        'backplane_sibling_alive{sibling="fsn-b"} 1',
    ):
        assert f"{line}\n" in text
    (gateway.layout.active / routed.FILE).unlink()
    assert _written(gateway) == ""


def test_a_silent_frr_is_links_that_are_down(gateway: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing series would fire no alert; a daemon that stands still says nothing of owners."""

    def silent(_: object) -> dict[str, Session]:
        raise Refused("FRR does not answer", "look")

    monkeypatch.setattr(frr, "sessions", silent)
    text = _written(gateway)
    assert text.count("} 0\n") == 2
    assert "backplane_route_owner" not in text
