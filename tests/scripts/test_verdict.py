"""What `backplane verify` concludes from facts, with the fault beside each rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scripts import _verdict as verdict
from tests.scripts.facts import ANY, DECLARED, LISTED, address, good, outputs


def test_four_nodes_and_four_planes_make_48_pairs_a_family() -> None:
    """All well: 48 of 48 over IPv4, 48 of 48 over IPv6, 48 declared doors, nothing else."""
    found = verdict.judge(DECLARED, good(), {})
    assert found["ok"] is True
    assert found["pairs"] == {
        "ipv4": {"expected": 48, "reached": 48},
        "ipv6": {"expected": 48, "reached": 48},
        "expected": 96,
        "reached": 96,
        "missing": [],
    }
    # 12 ordered pairs, 2 families, ssh on 2 planes; 11 different ports on 4 planes are tried.
    assert found["isolation"]["expected_open"] == found["isolation"]["open"] == 48
    assert found["isolation"]["probed"] == 12 * 2 * 4 * 11
    assert found["handshakes"] == {"expected": 48, "fresh": 48, "oldest": 30, "stale": []}
    assert found["listeners"] == {"checked": 4 * 14, "hidden": 0, "wrong": []}


HEL_A_MON6 = address("ipv6", 2, 3)
HEL_A_MGMT = address("ipv4", 1, 3)


def test_one_silent_address_is_one_missing_pair() -> None:
    """fsn-a cannot reach hel-a on monitoring over IPv6: exactly that cell is named."""
    facts = good()
    facts["fsn-a"] = replace(facts["fsn-a"], pings={**facts["fsn-a"].pings, HEL_A_MON6: None})
    found = verdict.judge(DECLARED, facts, {})
    assert found["ok"] is False
    assert found["pairs"]["ipv4"] == {"expected": 48, "reached": 48}
    assert found["pairs"]["ipv6"] == {"expected": 48, "reached": 47}
    assert found["pairs"]["missing"] == [
        {
            "from": "fsn-a",
            "to": "hel-a",
            "plane": "monitoring",
            "family": "ipv6",
            "address": HEL_A_MON6,
        }
    ]


@pytest.mark.parametrize("result", ["open", "refused"])
def test_an_undeclared_door_that_answers_is_found(result: str) -> None:
    """9100 answers on the management plane, were it only with a RST: a finding."""
    facts = good()
    tcp = {**facts["fsn-b"].tcp, (HEL_A_MGMT, 9100): result}
    facts["fsn-b"] = replace(facts["fsn-b"], tcp=tcp)
    found = verdict.judge(DECLARED, facts, {})
    assert found["ok"] is False
    (door,) = found["isolation"]["unexpected_open"]
    assert (door["from"], door["to"], door["plane"], door["port"], door["result"]) == (
        "fsn-b",
        "hel-a",
        "management",
        9100,
        result,
    )


@pytest.mark.parametrize("result", ["silent", "refused", "unreachable"])
def test_a_declared_door_that_is_shut_is_found(result: str) -> None:
    """SSH on management does not open from one node: a finding, and not counted as open."""
    facts = good()
    tcp = {**facts["fsn-b"].tcp, (HEL_A_MGMT, 22): result}
    facts["fsn-b"] = replace(facts["fsn-b"], tcp=tcp)
    found = verdict.judge(DECLARED, facts, {})
    assert found["ok"] is False
    assert found["isolation"]["open"] == 47
    assert [item["address"] for item in found["isolation"]["missing_open"]] == [HEL_A_MGMT]


@pytest.mark.parametrize(
    ("protocol", "where", "port", "why"),
    [
        ("tcp", ANY, 22, "listens on every address"),
        ("tcp", "::", 9100, "listens on every address"),
        ("tcp", "*", 80, "listens on every address"),
        ("udp", ANY, 51830, "listens on every address"),
        ("tcp", ANY, 51820, "listens on every address"),
        ("tcp", "198.51.100.17", 22, "listens outside the planes"),
        ("udp", "198.51.100.17", 123, "listens outside the planes"),
        ("tcp", "10.203.1.1", 22, "no role opens it on the plane storage"),
        ("udp", "10.201.1.1", 22, "no role opens it on the plane management"),
    ],
)
def test_a_listener_in_the_wrong_place_is_found(
    protocol: str, where: str, port: int, why: str
) -> None:
    """Wildcards but WireGuard's, public addresses, and ports no role opens are findings."""
    facts = good()
    own = facts["fsn-a"]
    wrong = {"protocol": protocol, "address": where, "port": port, "process": "x"}
    facts["fsn-a"] = replace(own, listeners=(*own.listeners, wrong))
    found = verdict.judge(DECLARED, facts, {})
    assert found["ok"] is False
    assert found["listeners"]["wrong"] == [{"node": "fsn-a", **wrong, "why": why}]


@pytest.mark.parametrize(
    ("where", "process", "hidden"),
    [
        (ANY, "postgres", True),
        ("198.51.100.17", "postgres", True),
        (ANY, "sshd", False),
        ("10.203.1.1", "postgres", False),
    ],
)
def test_what_was_there_before_is_hidden(where: str, process: str, *, hidden: bool) -> None:
    """On a machine that was there: its owner's services are counted; sshd and the planes judged.

    On a machine of the cloud's the very same is a finding.
    """
    found = verdict.mesh(outputs(cloud="existing"), LISTED)
    facts = good(found)
    one = {"protocol": "tcp", "address": where, "port": 5432, "process": process}
    facts["fsn-a"] = replace(facts["fsn-a"], listeners=(*facts["fsn-a"].listeners, one))
    told = verdict.judge(found, facts, {})
    assert told["ok"] is hidden
    assert told["listeners"]["hidden"] == hidden
    assert len(told["listeners"]["wrong"]) == (not hidden)
    assert verdict.judge(DECLARED, facts, {})["ok"] is False


@pytest.mark.parametrize("age", [None, 181])
def test_a_stale_or_absent_handshake_is_found(age: int | None) -> None:
    """Older than 180 s, or never: the session carries nothing."""
    facts = good()
    peers = [{"name": "fsn-b", "handshake_age": age}, {"name": "hel-a", "handshake_age": 180}]
    own = facts["hel-b"]
    facts["hel-b"] = replace(own, interfaces={**own.interfaces, "wg2": {"peers": peers}})
    found = verdict.judge(DECLARED, facts, {})
    assert found["ok"] is False
    assert found["handshakes"]["fresh"] == 46
    assert found["handshakes"]["stale"] == [
        {"from": "hel-b", "to": "fsn-a", "plane": "monitoring", "age": None},
        {"from": "hel-b", "to": "fsn-b", "plane": "monitoring", "age": age},
    ]


def test_a_failed_unit_is_found() -> None:
    """A unit that failed is a finding even while everything answers."""
    facts = good()
    facts["fsn-a"] = replace(facts["fsn-a"], failed=("ssh.service",))
    found = verdict.judge(DECLARED, facts, {})
    assert found["ok"] is False
    assert found["units"]["failed"] == [{"node": "fsn-a", "unit": "ssh.service"}]


def test_a_node_that_cannot_be_asked_is_never_passed_over() -> None:
    """Without a node's own word its 24 outgoing pairs are missing, and the verdict is no."""
    facts = good()
    del facts["hel-b"]
    found = verdict.judge(DECLARED, facts, {"hel-b": "no SSH session"})
    assert found["ok"] is False
    assert found["nodes"] == {
        "expected": 4,
        "asked": 3,
        "unreachable": {"hel-b": "no SSH session"},
    }
    assert found["pairs"]["reached"] == 96 - 24
    assert {item["result"] for item in found["isolation"]["missing_open"]} == {"not asked"}


def test_nothing_asked_is_not_ok() -> None:
    """A mesh without nodes, or facts of nobody, never passes."""
    empty = replace(DECLARED, nodes=())
    assert verdict.judge(empty, {}, {})["ok"] is False
    assert verdict.judge(DECLARED, {}, {})["ok"] is False


@pytest.mark.parametrize("mark", ["offline", "retire"])
def test_a_node_that_is_down_or_leaves_is_left_out(mark: str) -> None:
    """A node marked so is neither asked nor expected to answer."""
    declared = verdict.mesh(outputs(**{mark: "hel-b"}), LISTED)
    found = verdict.judge(declared, good(declared), {})
    assert found["ok"] is True
    assert found["pairs"]["expected"] == 3 * 2 * 4 * 2


@pytest.mark.parametrize(
    ("node", "process", "why"),
    [
        ("fsn-a", None, None),
        ("fsn-a", "nc", "listens on every address"),
        ("fsn-b", None, "listens on every address"),
    ],
)
def test_the_kernels_vxlan_is_known_on_members_alone(
    node: str, process: str | None, why: str | None
) -> None:
    """UDP 4789 on every address, of no process: where a segment opens it, and nowhere else."""
    given = outputs()
    opening = {"slot": "storage", "proto": "udp", "port": 4789, "role": "segments"}
    given["plan"]["openings"]["fsn-a"].append(opening)
    declared, facts = verdict.mesh(given, LISTED), good()
    one = {"protocol": "udp", "address": ANY, "port": 4789, "process": process}
    facts[node] = replace(facts[node], listeners=(*facts[node].listeners, one))
    wrong = verdict.judge(declared, facts, {})["listeners"]["wrong"]
    assert [found["why"] for found in wrong] == ([why] if why else [])
