"""Symptoms and differences in, causes out: every row of the guide's table, and what is unknown."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from scripts import _diagnosis, _doctor_show, _kernel_log, doctor
from scripts._causes import Diagnosis
from scripts._drift import finding
from scripts._evidence import line
from scripts._verdict import Facts, judge
from tests.scripts.facts import ANY, DECLARED, NAMES, address, good

SITES = {name: name.split("-")[0] for name in NAMES}
A, B, C = "fsn-a", "fsn-b", "hel-a"
NUMBER = {name: number for number, name in enumerate(NAMES, 1)}
Told = dict[str, Facts]


def diagnosed(
    facts: Told, *findings: dict[str, Any], lost: dict[str, str] | None = None
) -> list[Diagnosis]:
    """What is found."""
    return _diagnosis.diagnose(DECLARED, judge(DECLARED, facts, lost or {}), findings, SITES)


def stale(facts: Told, interface: str, one: str, other: str, age: float | None) -> None:
    """Give a session an age, on both ends, and with it no echo."""
    index = int(interface[-1])
    for here, there in ((one, other), (other, one)):
        peers = [
            {**peer, "handshake_age": age} if peer["name"] == there else peer
            for peer in facts[here].interfaces[interface]["peers"]
        ]
        told = {**facts[here].interfaces, interface: {"peers": peers}}
        facts[here] = replace(facts[here], interfaces=told)
        silent(facts, here, there, index)


def silent(facts: Told, here: str, there: str, index: int) -> None:
    """Let an echo stay away, over both families, and every door with it."""
    gone = {address(family, index, NUMBER[there]) for family in ("ipv4", "ipv6")}
    was = facts[here]
    facts[here] = replace(
        was,
        pings={at: None if at in gone else ms for at, ms in was.pings.items()},
        tcp={
            (at, port): "silent" if at in gone else result for (at, port), result in was.tcp.items()
        },
    )


def hint(node: str, area: str, what: str, declared: str = "", live: str = "") -> dict[str, Any]:
    """A finding of drift."""
    return finding(node, area, what, (declared, live), "rollout")


def test_nothing_is_found_where_nothing_is_broken() -> None:
    """A healthy mesh."""
    assert diagnosed(good()) == []


ROWS = [
    ("wg1", None, hint(A, "wireguard", f"wg1: peer {B}", "a peer", "not there"), "public key"),
    ("wg1", None, hint(B, "wireguard", "wg1: own key", "own", "another"), "another private key"),
    ("wg2", 300.0, hint(B, "wireguard", f"wg2: peer {A}, PSK", "its", "no"), "preshared keys"),
    ("wg3", None, hint(A, "wireguard", f"wg3: peer {B}, endpoint", "x", "y"), "wrong endpoint"),
    ("wg3", None, hint(B, "firewall", "table inet backplane, chain input", "x", ""), "host's fire"),
    ("wg3", None, hint("site fsn", "cloud", "firewall", "in udp 51823", ""), "cloud's firewall"),
    ("wg0", 999.0, hint(B, "units", "wg-quick@wg0.service", "enabled", "disabled"), "not enabled"),
    ("wg0", None, hint(B, "units", "wg-quick@wg0.service", "active", "failed"), "does not run"),
    ("wg0", None, hint(B, "wireguard", "wg0: listen port", "51820", "1"), "another UDP port"),
    ("wg0", None, hint(B, "wireguard", "wg0: interface", "up", "down"), "is not up"),
]


@pytest.mark.parametrize(("interface", "age", "why", "cause"), ROWS)
def test_a_session_that_is_missing_is_explained_by_what_differs(
    interface: str, age: float | None, why: dict[str, Any], cause: str
) -> None:
    """One diagnosis of the pair, on the tunnel's rung: no echo and no door is told beside it."""
    facts = good()
    stale(facts, interface, A, B, age)
    (one,) = diagnosed(facts, why)
    assert (one.rung, one.where) == ("tunnel", f"{A} and {B}")
    assert cause in one.cause
    assert one.evidence == (line(why),)
    assert one.fix
    assert ("gaps" in one.symptom) == (interface == "wg2")


def test_a_difference_of_another_plane_peer_or_node_explains_nothing() -> None:
    """Then UDP is blocked between the two; the difference is told by itself."""
    facts = good()
    stale(facts, "wg1", A, B, None)
    others = [
        hint(A, "wireguard", f"wg2: peer {B}", "a peer", "not there"),
        hint(A, "wireguard", f"wg1: peer {C}", "a peer", "not there"),
        hint(C, "wireguard", "wg1: own key", "own", "another"),
    ]
    found = diagnosed(facts, *others)
    assert len(found) == 1 + len(others)
    (pair,) = [one for one in found if one.where == f"{A} and {B}"]
    assert "outside both" in pair.cause
    assert pair.evidence == ()
    assert {one.symptom for one in found if one is not pair} == {"not as it was declared"}


@pytest.mark.parametrize(
    ("why", "cause"),
    [
        (hint(A, "wireguard", f"wg1: peer {B}, allowed IPs", "x", "none"), "AllowedIPs"),
        (hint(A, "routes", "wg1: route 10.201.0.0/16", "x", ""), "route into the plane"),
        (hint(B, "wireguard", "wg1: address 10.201.1.2/16", "x", ""), "not its address"),
    ],
)
def test_an_echo_that_stays_away_is_the_path(why: dict[str, Any], cause: str) -> None:
    """There is a session, so it is not the tunnel."""
    facts = good()
    silent(facts, A, B, 1)
    (one,) = diagnosed(facts, why)
    assert (one.rung, one.plane) == ("path", "management")
    assert cause in one.cause


@pytest.mark.parametrize(
    ("result", "why", "rung", "cause"),
    [
        ("refused", hint(B, "listeners", "sshd on 10.201.1.2", "x", ""), "service", "sshd"),
        ("silent", hint(B, "firewall", "table inet backplane", "x", ""), "firewall", "host's fire"),
        ("silent", None, "firewall", "not let in"),
        ("refused", None, "service", "nothing listens"),
    ],
)
def test_a_door_that_is_refused_is_the_service_and_a_silent_one_a_wall(
    result: str, why: dict[str, Any] | None, rung: str, cause: str
) -> None:
    """Once for each door, whoever tried it."""
    facts = good()
    door = (address("ipv4", 1, NUMBER[B]), 22)
    for name in (A, C):
        facts[name] = replace(facts[name], tcp={**facts[name].tcp, door: result})
    (one,) = diagnosed(facts, *([why] if why else []))
    assert one.rung == rung
    assert one.where.endswith(f"to {B}")
    assert cause in one.cause


def test_what_listens_everywhere_and_what_failed_is_the_service() -> None:
    """With sshd named as what it is; a replication by its own name."""
    facts = good()
    wild = {"protocol": "tcp", "address": ANY, "port": 22, "process": "sshd"}
    facts[A] = replace(facts[A], listeners=(*facts[A].listeners, wild))
    facts[B] = replace(facts[B], failed=("backplane-replicate-data.service",))
    sshd = hint(A, "listeners", f"sshd on {ANY} port 22", "", "listens")
    found = diagnosed(facts, sshd)
    assert [(one.rung, one.where) for one in found] == [("service", A), ("service", B)]
    assert "not bound" in found[0].cause
    assert found[0].evidence
    assert "replication" in found[1].cause
    assert found[1].plane == "storage"
    bound = hint(B, "units", "backplane-replicate-data.service", "the generation's", "/etc/x")
    (one,) = diagnosed(good(), bound)
    assert "bound to the storage plane" in one.cause


def test_a_door_that_must_not_be_there_is_the_firewall() -> None:
    """Whatever let it in."""
    facts = good()
    door = (address("ipv4", 1, NUMBER[B]), 9100)
    facts[A] = replace(facts[A], tcp={**facts[A].tcp, door: "open"})
    (one,) = diagnosed(facts)
    assert one.rung == "firewall"
    assert "no role opens" in one.symptom


def test_a_node_that_cannot_be_asked_is_off_or_only_out_of_our_reach() -> None:
    """Whether the others hear it tells which; a server that is not there is told as such."""
    facts = good()
    del facts[C]
    (one,) = diagnosed(facts, lost={C: "no SSH session"})
    assert "the mesh hears it" in one.cause
    for name in (A, B, "hel-b"):
        for interface in DECLARED.interfaces.values():
            peers = [p for p in facts[name].interfaces[interface]["peers"] if p["name"] != C]
            told = {**facts[name].interfaces, interface: {"peers": peers}}
            facts[name] = replace(facts[name], interfaces=told)
    (one,) = diagnosed(facts, lost={C: "no SSH session"})
    assert "it is off" in one.cause
    (one,) = diagnosed(facts, hint(C, "cloud", "server", "there", ""), lost={C: "gone"})
    assert "server is not there" in one.cause


def test_one_node_is_told_of_where_it_notices_or_is_the_reason() -> None:
    """`backplane doctor NODE`."""
    facts = good()
    stale(facts, "wg1", A, B, None)
    (one,) = (one.document() for one in diagnosed(facts))
    assert [name for name in NAMES if doctor._about(name, one)] == [A, B]


def test_it_reads_as_a_ladder() -> None:
    """Lowest rungs first, with cause, evidence and fix; one line when nothing is broken."""
    facts = good()
    silent(facts, B, C, 3)
    stale(facts, "wg1", A, B, 200.0)
    found = diagnosed(facts, hint(A, "wireguard", f"wg1: peer {B}, PSK", "its PSK", "no PSK"))
    assert [one.rung for one in found] == ["tunnel", "path"]
    for told, words in (
        (found, ("tunnel fsn-a and fsn-b on management", "2 found")),
        ([], ("not",)),
    ):
        text = io.StringIO()
        _doctor_show.show(Console(file=text, width=200), [one.document() for one in told])
        assert all(word in text.getvalue() for word in words)


LOG = """\
kernel: wireguard: wg1: Handshake for peer 3 (198.51.100.7:51821) did not complete after 5 seconds
kernel: wireguard: wg1: Handshake for peer 3 (198.51.100.7:51821) did not complete after 5 seconds
kernel: wireguard: wg1: Packet has unallowed src IP (10.9.9.9) from peer 2 (198.51.100.9:51821)
kernel: wireguard: wg1: Sending keepalive packet to peer 2 (198.51.100.9:51821)
kernel: usb 1-1: did not complete after 5 seconds
"""


def test_the_kernels_messages_are_explained_each_kind_once() -> None:
    """Another subsystem's are left alone, and so is what needs no explanation."""
    causes = [one["cause"] for one in _kernel_log.explain(LOG)]
    assert len(causes) == 2
    assert "does not answer" in causes[0]
    assert "not that peer's" in causes[1]
    for words in ("peer rejected", "invalid endpoint", "replay", "cookie"):
        (one,) = _kernel_log.explain(f"wireguard: {words}")
        assert one["cause"]
        assert one["fix"]


def test_logs_are_told_for_people_and_machines(capsys: pytest.CaptureFixture[str]) -> None:
    """A node that cannot be asked, one without WireGuard in its kernel, one with messages."""
    logs: dict[str, dict[str, Any]] = {
        A: {"error": "no SSH session"},
        B: {"there": False, "messages": []},
        C: {"there": True, "messages": _kernel_log.explain(LOG)},
        "hel-b": {"there": True, "messages": []},
    }
    text = io.StringIO()
    _doctor_show.logs(Console(file=text, width=200), logs, as_json=False)
    for words in ("no SSH session", "no part of the kernel", "unallowed", "nothing that has"):
        assert words in text.getvalue()
    _doctor_show.logs(Console(file=text), logs, as_json=True)
    assert '"there": false' in capsys.readouterr().out
