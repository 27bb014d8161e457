"""What an audit's answers mean, when nothing can be said, and who is told what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backplane.audit import order as orders
from backplane.audit.judge import KINDS
from backplane.contract import parse
from tests.core import exported
from tests.core.audits import (
    A4,
    A6,
    ORDER,
    OUTPUTS,
    STRANGER,
    Json,
    answered,
    dark,
    judged,
)

# What an answer means


def test_silence_isdark() -> None:
    """With every control heard before and after, and every question denied."""
    verdict = judged(dark())
    assert (verdict.ok, verdict.findings, verdict.unable, verdict.notes) == (True, (), (), ())
    assert verdict.document()["ok"] is True


@pytest.mark.parametrize(
    ("answer", "kind", "word"),
    [
        (answered(), "tcp", "accepts connections"),
        (answered(what="refused"), "tcp", "refuses connections (RST)"),
        (answered(what="unreachable", by=A4), "icmp", "sends ICMP errors"),
        (answered(what="unreachable"), "icmp", "sends ICMP errors"),
        (answered(kind="udp", what="answer", ports=[53]), "udp", "answers"),
        (answered(kind="udp", what="unreachable", by=A4, ports=[51820]), "icmp", "ICMP errors"),
        (answered(kind="echo", what="answer", ports=[]), "icmp", "echo requests"),
        (answered(address=A6, kind="echo", what="answer", ports=[]), "icmp", "echo requests"),
    ],
)
def test_each_answer_is_a_finding(answer: Json, kind: str, word: str) -> None:
    """Of one kind, at its node, with where, what, why and a fix."""
    verdict = judged({**dark(), "answers": [answer]})
    (one,) = verdict.findings
    assert (verdict.ok, verdict.able) == (False, True)
    assert (one.node, one.kind) == ("fsn-a", kind)
    assert one.where.startswith(answer["address"])
    assert word in one.what
    assert one.why
    assert "backplane drift" in one.fix
    counted = verdict.counted()
    assert counted["fsn-a"] == {name: int(name == kind) for name in KINDS}
    assert sum(sum(kinds.values()) for kinds in counted.values()) == 1


def test_a_router_on_the_way_is_no_finding_but_no_silence() -> None:
    """Somebody else's ICMP says that the machine was not reached: it may be anything."""
    told = answered(what="unreachable", by=STRANGER, detail="type 3 code 1")
    verdict = judged({**dark(), "answers": [told]})
    assert verdict.findings == ()
    assert not verdict.ok
    assert f"{A4} was not reached: {STRANGER}" in verdict.unable[0]


def test_many_ports_are_counted_and_a_few_named() -> None:
    """The line stays readable."""
    told = answered(what="refused", ports=[*range(1, 65)], count=65535)
    (one,) = judged({**dark(), "answers": [told]}).findings
    assert one.where == f"{A4} tcp {', '.join(map(str, range(1, 13)))} and 65523 more"


def test_a_name_of_ones_own_is_a_finding() -> None:
    """A PTR that is no default; the default beside it is none."""
    told = dark()
    usual = f"static.{'.'.join(reversed(A4.split('.')))}.clients.your-server.de"
    told["replies"][0] |= {"code": 0, "records": [usual]}
    assert judged(told).ok
    told["replies"][0]["records"].append("db.example.org")
    (one,) = judged(told).findings
    assert (one.node, one.kind, one.where) == ("fsn-a", "ptr", A4)
    assert one.what == "is called db.example.org"


def test_a_public_record_is_a_finding() -> None:
    """`NODE.ZONE` that the public DNS knows, for a zone that can be there."""
    document = exported.document()
    document["dns"]["zones"]["management"] = "mesh.example.org"
    order = orders.of(parse(document))
    told = dark(order)
    assert judged(told, order).ok
    row = next(one for one in told["replies"] if one["name"] == "fsn-b.mesh.example.org")
    row |= {"code": 0, "records": ["198.51.100.9"]}
    (one,) = judged(told, order).findings
    assert (one.node, one.kind, one.where) == ("fsn-b", "name", "fsn-b.mesh.example.org")


# When nothing can be said


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("kind", ["tcp", "udp", "echo"])
def test_a_silent_control_makes_silence_worthless(kind: str, family: str, when: str) -> None:
    """In each way, over each family, before or after: not well; and well where it is left out."""
    for order in (ORDER, orders.of(OUTPUTS, without=[kind]), orders.of(OUTPUTS, without=[family])):
        told = dark(order)
        for one in told["controls"]:
            if (one["kind"], one["family"], one["when"]) == (kind, family, when):
                one["answered"] = False
        verdict = judged(told, order)
        assert verdict.ok is (order is not ORDER)
        assert verdict.findings == ()
        if order is ORDER:
            assert f"{kind} over {family}: no control answered {when}" in verdict.unable[0]


def _lost(told: Json) -> None:
    told["failures"] = [{"address": A4, "kind": "udp", "why": "Network is down", "count": 3}]


def _less(told: Json) -> None:
    told["sent"] -= 1


def _mute(told: Json) -> None:
    told["replies"][0]["code"] = None


def _servfail(told: Json) -> None:
    told["replies"][0]["code"] = 2


def _unasked(told: Json) -> None:
    told["replies"] = told["replies"][1:]


def _inside(told: Json) -> None:
    told["sources"][A4] = {"address": "10.201.255.1", "interface": "bp-1", "tunnel": True}


def _itself(told: Json) -> None:
    told["sources"][A6] = {"address": A4, "interface": "eth0", "tunnel": False}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (_lost, "3 udp knocks"),
        (_less, f"{ORDER.knocks - 1} of {ORDER.knocks}"),
        (_mute, "the resolver gave no answer to 1 questions"),
        (_servfail, "the resolver gave no answer"),
        (_unasked, "the resolver gave no answer"),
        (_inside, "through the mesh's own bp-1"),
        (_itself, "the vantage is fsn-a itself"),
    ],
)
def test_what_was_not_seen_is_said(change: Any, word: str) -> None:  # noqa: ANN401
    """Each way to hear nothing for another reason: no finding, and not well."""
    told = dark()
    change(told)
    verdict = judged(told)
    assert verdict.findings == ()
    assert not verdict.able
    assert word in " ".join(verdict.unable)


def test_a_tunnel_is_noted_and_what_is_left_out_too() -> None:
    """Somebody's own VPN is a stranger as well; a reader is told all the same."""
    order = orders.of(OUTPUTS, without=["echo"])
    told = dark(order)
    told["sources"][A4] |= {"interface": "wg-home", "tunnel": True}
    verdict = judged(told, order)
    assert verdict.ok
    assert any("the tunnel wg-home" in note for note in verdict.notes)
    assert "not looked at: echo" in verdict.notes


def test_without_an_address_nothing_is_said() -> None:
    """A mesh of which nothing was tried is not dark."""
    bare = replace(ORDER, targets={}, questions=())
    told = {**dark(bare), "sources": {}}
    assert "no address" in " ".join(judged(told, bare).unable)


def test_without_a_knock_nothing_is_said() -> None:
    """Whoever leaves out everything learns nothing."""
    empty = orders.of(OUTPUTS, without=["tcp", "udp", "echo", "names"])
    assert "nothing was tried" in " ".join(judged(dark(empty), empty).unable)
    assert judged(dark(little := orders.of(OUTPUTS, without=["tcp", "udp", "echo"])), little).ok
