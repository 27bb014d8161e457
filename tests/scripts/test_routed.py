"""`verify` and `doctor` in a routed mesh: sessions, and what gateways listen on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backplane.planes import PLANES
from scripts import _diagnosis, _show, _ways
from scripts import _verdict as verdict
from tests.scripts import facts as mesh
from tests.scripts import ways
from tests.scripts.facts import ANY, Facts

Json = dict[str, Any]
ENDS = {"fsn-a": "10.254.0.33", "hel-a": "10.254.0.34"}
GATEWAYS = ("fsn-a", "hel-a")
SITES = {name: name.partition("-")[0] for name in mesh.NAMES}


def outputs() -> Json:
    """Two sites of two nodes each, the first of which is its gateway."""
    told = mesh.outputs()
    link = {"fsn-a": ("hel-a", "wgl2-0", 51834), "hel-a": ("fsn-a", "wgl1-0", 51832)}
    for name, node in told["nodes"].items():
        node["site"] = SITES[name]
    told["plan"]["sites"] = {site: {"cloud": "hetzner"} for site in ("fsn", "hel")}
    told["plan"]["topology"] = "routed"
    told["plan"]["nodes"] = {
        name: {
            "links": [
                {
                    "interface": interface,
                    "peer": peer,
                    "port": port,
                    "site": SITES[peer],
                    "addresses": {"ipv4": ENDS[name]},
                }
                for peer, interface, port in [link[name]]
                if name in GATEWAYS
            ]
            if name in GATEWAYS
            else [],
            "slot": 0 if name in GATEWAYS else None,
        }
        for name in mesh.NAMES
    }
    told["plan"]["owners"] = {"fsn": {"hel": "fsn-a"}, "hel": {"fsn": "hel-a"}}
    return told


DECLARED = verdict.mesh(outputs(), mesh.LISTED)


def good() -> Facts:
    """What every node says when all is well: peers of its own site alone, and links."""
    told = mesh.good(DECLARED)
    for node in DECLARED.nodes:
        own = [
            {"name": other.name, "handshake_age": 30}
            for other in DECLARED.nodes
            if DECLARED.are_peers(node, other)
        ]
        live: Json = {name: {"peers": own} for name in DECLARED.interfaces.values()}
        for interface, peer in node.links.items():
            live[interface] = {"peers": [{"name": peer, "handshake_age": 12}]}
        told[node.name] = replace(told[node.name], interfaces=live)
    return told


def test_all_pairs_are_tried_and_sessions_are_those_of_sites_and_links() -> None:
    """48 pairs a family; a session for each pair of a site on four planes, and one link."""
    found = verdict.judge(DECLARED, good(), {})
    assert found["ok"] is True
    assert found["pairs"]["expected"] == 96
    assert found["handshakes"] == {
        "expected": 2 * 2 * 4 + 2,
        "fresh": 18,
        "oldest": 30,
        "stale": [],
    }
    table = _show.table(DECLARED, found)
    handshakes = [*table.columns[-1].cells]
    assert [text.partition("]")[2].partition("[")[0] for text in map(str, handshakes)] == [
        *(["4/4"] * 4),
        "2/2",
    ]


def test_a_mesh_expects_every_session() -> None:
    """The same nodes in a mesh miss those between sites."""
    told = outputs()
    told["plan"]["topology"] = "mesh"
    declared = verdict.mesh(told, mesh.LISTED)
    assert verdict.judge(declared, good(), {})["handshakes"]["expected"] == 48 + 2
    assert len(verdict.judge(declared, good(), {})["handshakes"]["stale"]) == 32


def test_a_link_without_a_handshake_is_found() -> None:
    """From the end that says so, as one of the links."""
    told = good()
    dead = {"wgl2-0": {"peers": [{"name": "hel-a", "handshake_age": 200}]}}
    told["fsn-a"] = replace(told["fsn-a"], interfaces={**told["fsn-a"].interfaces, **dead})
    found = verdict.judge(DECLARED, told, {})["handshakes"]["stale"]
    assert found == [{"from": "fsn-a", "to": "hel-a", "plane": "links", "age": 200}]


def _listener(protocol: str, port: int, process: str | None, at: str = ANY) -> Json:
    return {"protocol": protocol, "address": at, "port": port, "process": process}


@pytest.mark.parametrize(
    ("listener", "why"),
    [
        (_listener("udp", 51834, None), {"fsn-a": None, "fsn-b": "listens on every address"}),
        (_listener("udp", 51832, None), {"fsn-a": "listens on every address", "hel-a": None}),
        (_listener("udp", 3784, "bfdd"), {"fsn-a": None, "fsn-b": "listens on every address"}),
        (_listener("udp", 3784, "bfdd", "::"), {"fsn-a": None}),
        (_listener("udp", 49156, "bfdd", ENDS["fsn-a"]), {"fsn-a": None}),
        (_listener("udp", 49156, "bfdd", ENDS["hel-a"]), {"fsn-a": "listens outside the planes"}),
        (_listener("udp", 49156, "nc", ENDS["fsn-a"]), {"fsn-a": "listens outside the planes"}),
        (_listener("udp", 5000, "bfdd", ENDS["fsn-a"]), {"fsn-a": "listens outside the planes"}),
        (_listener("tcp", 179, "bgpd"), {"fsn-a": None, "fsn-b": "listens on every address"}),
        (_listener("tcp", 179, "nc"), {"fsn-a": "listens on every address"}),
        (_listener("tcp", 2601, "zebra"), {"fsn-a": "listens on every address"}),
        (
            _listener("udp", 5310, "python3", mesh.address("ipv4", 1, 1)),
            {"fsn-a": "no role opens it on the plane management"},
        ),
    ],
)
def test_gateways_listen_for_links_and_frr_alone(
    listener: Json, why: dict[str, str | None]
) -> None:
    """Its own links' ports, BGP and BFD by FRR's daemons; on other nodes none of it."""
    for name, reason in why.items():
        told = good()
        told[name] = replace(told[name], listeners=(*told[name].listeners, listener))
        wrong = verdict.judge(DECLARED, told, {})["listeners"]["wrong"]
        assert [one["why"] for one in wrong] == ([reason] if reason else [])


def test_the_daemon_of_routes_listens_where_its_role_opens() -> None:
    """UDP 5310 on management, on each node whose openings have it."""
    given = outputs()
    for openings in given["plan"]["openings"].values():
        openings.append({"slot": "management", "proto": "udp", "port": 5310, "role": "routes"})
    declared = verdict.mesh(given, mesh.LISTED)
    told = good()
    at = _listener("udp", 5310, "python3", mesh.address("ipv4", 1, 1))
    told["fsn-a"] = replace(told["fsn-a"], listeners=(*told["fsn-a"].listeners, at))
    assert verdict.judge(declared, told, {})["listeners"]["wrong"] == []


def _between(told: Facts, plane: int) -> None:
    """No echo between the sites on a plane, either way."""
    for node in DECLARED.nodes:
        gone = {
            cell.address
            for cell in verdict.cells(DECLARED)
            if cell.source == node.name
            and SITES[cell.target] != node.site
            and cell.slot == PLANES[plane].slot
        }
        pings = {at: None if at in gone else ms for at, ms in told[node.name].pings.items()}
        told[node.name] = replace(told[node.name], pings=pings)


def _found(told: Facts, findings: list[Json], lost: Json | None = None) -> list[Json]:
    judged = verdict.judge(DECLARED, told, lost or {})
    made = _diagnosis.diagnose(DECLARED, judged, findings, SITES)
    return [one.document() for one in made]


def test_a_lost_way_between_sites_is_told_once_with_the_link_that_is_down() -> None:
    """Not once for each pair of nodes, and nobody speaks of a handshake that cannot be."""
    told = good()
    _between(told, 1)
    link = _ways._finding("fsn-a", "link wgl2-0 to hel-a", "up", "BGP Active, BFD down", "look")
    [one] = _found(told, [link])
    assert (one["where"], one["plane"], one["rung"]) == (
        *("site fsn and site hel", "management"),
        "path",
    )
    assert one["symptom"].startswith("16 echoes stay away, fsn-a to ")
    assert "FRR" in one["cause"]
    assert one["evidence"] == [
        "fsn-a: link wgl2-0 to hel-a: up was declared, BGP Active, BFD down is there"
    ]


def test_what_nobody_feels_yet_is_told_at_its_node() -> None:
    """A drained gateway, a leaf that goes astray, a site that nobody carries."""
    told = ways.told()
    told["fsn-a"]["drained"] = True
    told["fsn-c"]["sites"]["0"]["owner"] = "fsn-a"
    judged = _ways.judge(ways.outputs(), told)
    found = _found(good(), [*judged["findings"], *judged["notes"]])
    assert [(one["where"], one["symptom"]) for one in found] == [
        ("fsn-a", "the gateway"),
        ("fsn-c", "the gateway to hel"),
    ]
    assert "undrain" in found[0]["fix"]
    assert "does not hear" in found[1]["cause"]


def test_a_node_whose_own_site_hears_it_is_not_off() -> None:
    """Nodes of other sites have no session with it, and so say nothing of it."""
    told = good()
    del told["hel-b"]
    [heard] = _found(told, [], {"hel-b": "no answer"})
    assert "the runner's own tunnel" in heard["cause"]
    del told["hel-a"]
    found = _found(told, [], {"hel-a": "no answer", "hel-b": "no answer"})
    assert {one["where"]: "cloud's firewall" in one["cause"] for one in found} == {
        "hel-a": True,
        "hel-b": True,
    }
