"""The audit from outside: what is tried, what an answer means, and when nothing can be said."""

from __future__ import annotations

import json
import string
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backplane.audit import doors, heard, judge, provider, tell
from backplane.audit import order as orders
from backplane.audit.heard import Heard, HeardError
from backplane.audit.judge import KINDS, Verdict
from backplane.audit.order import Order
from backplane.contract import Outputs, parse
from tests.core import exported

OUTPUTS = exported.outputs()
ORDER = orders.of(OUTPUTS)
A4, A6 = OUTPUTS.nodes["fsn-a"].public.ipv4, str(OUTPUTS.nodes["fsn-a"].public.ipv6)
POINTER = ORDER.questions[0][0]
STRANGER = "192.0.2.99"
Json = dict[str, Any]


def _dark(order: Order = ORDER) -> Json:
    """What a vantage tells of a mesh that is dark, as the program prints it."""
    ways = [(kind, family) for kind in ("tcp", "udp", "echo") for family in ("ipv4", "ipv6")]
    return {
        "version": 1,
        "python": "3.11.2",
        "sent": order.knocks,
        "seconds": 61.25,
        "answers": [],
        "failures": [],
        "replies": [
            {"name": name, "type": kind, "code": 3, "records": []} for name, kind in order.questions
        ],
        "controls": [
            {
                "when": when, "host": "1.1.1.1", "kind": kind, "family": family,
                "answered": True, "detail": "open",
            }
            for when in ("before", "after")
            for kind, family in ways
        ],
        "sources": {
            at: {"address": "192.0.2.50", "interface": "eth0", "tunnel": False}
            for at in order.targets
        },
    }  # fmt: skip


def _read(told: Json, order: Order = ORDER) -> Heard:
    return heard.read(json.dumps(told), order)


def _judged(told: Json, order: Order = ORDER) -> Verdict:
    return judge.judge(order, _read(told, order))


def _answer(**more: Any) -> Json:  # noqa: ANN401 - fields of the program's answer
    usual = {
        "address": A4, "kind": "tcp", "what": "open", "by": None, "ports": [22], "count": 1,
        "detail": "",
    }  # fmt: skip
    return {**usual, **more}


# What is tried


def test_every_public_address_of_every_node_is_tried() -> None:
    """Both families, also of nodes that are offline or retire; with what can be left out, less."""
    wanted = {
        at for node in OUTPUTS.nodes.values() for at in (node.public.ipv4, node.public.ipv6) if at
    }
    assert {*ORDER.targets} == wanted
    assert {*ORDER.targets.values()} == {*OUTPUTS.nodes}
    four = orders.of(OUTPUTS, without=["ipv6"])
    assert {*four.targets} == {node.public.ipv4 for node in OUTPUTS.nodes.values()}
    assert four.controls == (("1.1.1.1", 53),)
    bare = orders.of(OUTPUTS, without=["tcp", "udp", "echo", "names"])
    assert bare.knocks == 0


def test_ports_are_the_usual_ones_and_all_that_the_mesh_uses_inside() -> None:
    """A hundred of TCP, the four of UDP and what services speak; each opening of each node."""
    openings = [one for each in OUTPUTS.plan.openings.values() for one in each]
    assert {one.port for one in openings if one.proto == "tcp"} <= {*ORDER.tcp}
    assert {*doors.TOP_TCP} <= {*ORDER.tcp}
    udp = {port for port, _ in ORDER.udp}
    assert {one.port for one in openings if one.proto == "udp"} | {
        51820,
        51821,
        51822,
        51823,
    } <= udp
    assert (51821, b"") in ORDER.udp
    assert {53, 123, 161} <= udp
    assert len(doors.TOP_TCP) == 100


def test_ports_can_be_chosen() -> None:
    """All of TCP, or a list for both; what is no port is refused."""
    assert orders.of(OUTPUTS, ports="all").tcp == tuple(range(1, 65536))
    chosen = orders.of(OUTPUTS, ports="22,8000-8002,53")
    assert chosen.tcp == (22, 8000, 8001, 8002, 53)
    assert dict(chosen.udp)[53] == doors.SPOKEN[53][0]
    assert dict(chosen.udp)[8000] == b""


@pytest.mark.parametrize("text", ["", "0", "65536", "9-8", "22,", "x", "-1", "1-", "1-2-3", "²"])
def test_what_is_no_port_is_refused(text: str) -> None:
    """Each with what it should be."""
    with pytest.raises(ValueError, match=r"no port|backwards"):
        doors.expand(text)


@given(st.lists(st.tuples(st.integers(1, 65535), st.integers(0, 20)), min_size=1, max_size=8))
def test_ranges_name_their_ports(ranges: list[tuple[int, int]]) -> None:
    """Each range from its first to its last, in order."""
    ends = [(first, min(first + more, 65535)) for first, more in ranges]
    text = ",".join(f"{first}-{last}" if first != last else str(first) for first, last in ends)
    assert doors.expand(text) == tuple(p for first, last in ends for p in range(first, last + 1))


def test_only_a_zone_that_can_be_public_is_asked_for() -> None:
    """`mgmt` is no public name; `mesh.example.org` is, for each node, and PTR always."""
    assert {kind for _, kind in ORDER.questions} == {"PTR"}
    assert len(ORDER.questions) == len(ORDER.targets)
    document = exported.document()
    document["dns"]["zones"]["management"] = "mesh.example.org"
    asked = orders.of(parse(document)).questions
    assert {("fsn-a.mesh.example.org", "A"), ("hel-b.mesh.example.org", "AAAA")} <= {*asked}


def test_200_nodes_take_less_than_ten_minutes() -> None:
    """At 200 packets a second, both families, all knocks twice."""
    many = {f"198.51.{n // 200}.{n % 200}": f"n{n // 2}" for n in range(400)}
    whole = replace(ORDER, targets=many, questions=(("x", "PTR"),) * 400)
    assert whole.knocks > 400 * 100
    assert whole.seconds < 600
    assert replace(whole, rate=100).seconds > 1.9 * whole.seconds - 30


# What an answer means


def test_silence_is_dark() -> None:
    """With every control heard before and after, and every question denied."""
    verdict = _judged(_dark())
    assert (verdict.ok, verdict.findings, verdict.unable, verdict.notes) == (True, (), (), ())
    assert verdict.document()["ok"] is True


@pytest.mark.parametrize(
    ("answer", "kind", "word"),
    [
        (_answer(), "tcp", "accepts connections"),
        (_answer(what="refused"), "tcp", "refuses connections (RST)"),
        (_answer(what="unreachable", by=A4), "icmp", "sends ICMP errors"),
        (_answer(what="unreachable"), "icmp", "sends ICMP errors"),
        (_answer(kind="udp", what="answer", ports=[53]), "udp", "answers"),
        (_answer(kind="udp", what="unreachable", by=A4, ports=[51820]), "icmp", "ICMP errors"),
        (_answer(kind="echo", what="answer", ports=[]), "icmp", "echo requests"),
        (_answer(address=A6, kind="echo", what="answer", ports=[]), "icmp", "echo requests"),
    ],
)
def test_each_answer_is_a_finding(answer: Json, kind: str, word: str) -> None:
    """Of one kind, at its node, with where, what, why and a fix."""
    verdict = _judged({**_dark(), "answers": [answer]})
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
    told = _answer(what="unreachable", by=STRANGER, detail="type 3 code 1")
    verdict = _judged({**_dark(), "answers": [told]})
    assert verdict.findings == ()
    assert not verdict.ok
    assert f"{A4} was not reached: {STRANGER}" in verdict.unable[0]


def test_many_ports_are_counted_and_a_few_named() -> None:
    """The line stays readable."""
    told = _answer(what="refused", ports=[*range(1, 65)], count=65535)
    (one,) = _judged({**_dark(), "answers": [told]}).findings
    assert one.where == f"{A4} tcp {', '.join(map(str, range(1, 13)))} and 65523 more"


@pytest.mark.parametrize(
    ("address", "name", "known"),
    [
        ("198.51.100.17", "static.17.100.51.198.clients.your-server.de", True),
        ("198.51.100.17", "Static.17.100.51.198.Clients.Your-Server.DE.", True),
        ("198.51.100.17", "static.18.100.51.198.clients.your-server.de", False),
        ("198.51.100.17", "db.static.17.100.51.198.clients.your-server.de", False),
        ("198.51.100.17", "ec2-198-51-100-17.compute-1.amazonaws.com", True),
        ("198.51.100.17", "ec2-198-51-100-17.eu-central-1.compute.amazonaws.com", True),
        ("198.51.100.17", "ec2-198-51-100-18.eu-central-1.compute.amazonaws.com", False),
        ("198.51.100.17", "ec2-198-51-100-17.a.b.compute.amazonaws.com", False),
        ("198.51.100.17", "ec2-198-51-100-17xcompute-1.amazonaws.com", False),
        ("2001:db8::1", "static.1.clients.your-server.de", False),
        ("198.51.100.17", "db.example.org", False),
        ("198.51.100.17", "", False),
    ],
)
def test_a_clouds_default_name_is_known(address: str, name: str, *, known: bool) -> None:
    """Of that very address alone; nothing that only looks like it."""
    assert provider.default(address, name) is known


@given(st.ip_addresses(v=4), st.text(alphabet=string.ascii_lowercase + "-.", max_size=30))
def test_no_name_of_a_users_is_taken_for_a_default(address: Any, name: str) -> None:  # noqa: ANN401
    """Whatever it is: a default has the address in it."""
    assert not provider.default(str(address), name)
    assert not provider.default(str(address), f"{name}.clients.your-server.de")


def test_a_name_of_ones_own_is_a_finding() -> None:
    """A PTR that is no default; the default beside it is none."""
    told = _dark()
    usual = f"static.{'.'.join(reversed(A4.split('.')))}.clients.your-server.de"
    told["replies"][0] |= {"code": 0, "records": [usual]}
    assert _judged(told).ok
    told["replies"][0]["records"].append("db.example.org")
    (one,) = _judged(told).findings
    assert (one.node, one.kind, one.where) == ("fsn-a", "ptr", A4)
    assert one.what == "is called db.example.org"


def test_a_public_record_is_a_finding() -> None:
    """`NODE.ZONE` that the public DNS knows, for a zone that can be there."""
    document = exported.document()
    document["dns"]["zones"]["management"] = "mesh.example.org"
    order = orders.of(parse(document))
    told = _dark(order)
    assert _judged(told, order).ok
    row = next(one for one in told["replies"] if one["name"] == "fsn-b.mesh.example.org")
    row |= {"code": 0, "records": ["198.51.100.9"]}
    (one,) = _judged(told, order).findings
    assert (one.node, one.kind, one.where) == ("fsn-b", "name", "fsn-b.mesh.example.org")


# When nothing can be said


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("kind", ["tcp", "udp", "echo"])
def test_a_silent_control_makes_silence_worthless(kind: str, family: str, when: str) -> None:
    """In each way, over each family, before or after: not well; and well where it is left out."""
    for order in (ORDER, orders.of(OUTPUTS, without=[kind]), orders.of(OUTPUTS, without=[family])):
        told = _dark(order)
        for one in told["controls"]:
            if (one["kind"], one["family"], one["when"]) == (kind, family, when):
                one["answered"] = False
        verdict = _judged(told, order)
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
    told = _dark()
    change(told)
    verdict = _judged(told)
    assert verdict.findings == ()
    assert not verdict.able
    assert word in " ".join(verdict.unable)


def test_a_tunnel_is_noted_and_what_is_left_out_too() -> None:
    """Somebody's own VPN is a stranger as well; a reader is told all the same."""
    order = orders.of(OUTPUTS, without=["echo"])
    told = _dark(order)
    told["sources"][A4] |= {"interface": "wg-home", "tunnel": True}
    verdict = _judged(told, order)
    assert verdict.ok
    assert any("the tunnel wg-home" in note for note in verdict.notes)
    assert "not looked at: echo" in verdict.notes


def test_without_an_address_nothing_is_said() -> None:
    """A mesh of which nothing was tried is not dark."""
    bare = replace(ORDER, targets={}, questions=())
    told = {**_dark(bare), "sources": {}}
    assert "no address" in " ".join(_judged(told, bare).unable)


# A vantage's words are a stranger's


@pytest.mark.parametrize(
    "more",
    [
        {"version": 2},
        {"more": 1},
        {"answers": [_answer(address=STRANGER)]},
        {"answers": [_answer(detail="\x1b[31m")]},
        {"answers": [_answer(what="x")]},
        {"answers": [_answer(ports=[1] * 65)]},
        {"answers": [_answer(count=-1)]},
        {"sources": {STRANGER: {"address": A4, "interface": "x", "tunnel": False}}},
        {"failures": [{"address": STRANGER, "kind": "udp", "why": "", "count": 1}]},
        {"replies": [{"name": "x.example.org", "type": "PTR", "code": 0, "records": []}]},
        {"sent": "1"},
    ],
)
def test_another_answer_than_was_asked_for_is_refused(more: Json) -> None:
    """Other forms, other people's addresses, a terminal's codes."""
    assert _read(_dark())
    with pytest.raises(HeardError):
        _read({**_dark(), **more})


@given(st.text(max_size=50) | st.integers().map(str) | st.just("[" * 100_000))
def test_nothing_else_is_believed(text: str) -> None:
    """Whatever a vantage prints, it is refused in words."""
    with pytest.raises(HeardError):
        heard.read(text, ORDER)


def test_an_endless_answer_is_refused() -> None:
    """Before it is parsed."""
    with pytest.raises(HeardError, match="characters"):
        heard.read(" " * (heard.MOST + 1), ORDER)


# What others are told


def test_metrics_have_every_node_and_kind() -> None:
    """Zeros too, so that an alert ends; when it was, and whether it could see."""
    text = tell.metrics(_judged({**_dark(), "answers": [_answer()]}), 1_700_000_000)
    assert 'backplane_audit_findings{node="fsn-a",kind="tcp"} 1\n' in text
    assert text.count("} 0\n") == len(OUTPUTS.nodes) * len(KINDS) - 1
    assert "backplane_audit_able 1\n" in text
    assert "backplane_audit_timestamp_seconds 1700000000\n" in text
    blind = tell.metrics(_judged({**_dark(), "controls": []}), 1)
    assert "backplane_audit_able 0\n" in blind


def test_a_node_is_told_of_those_it_knows() -> None:
    """Counts alone: neither addresses nor what anybody said."""
    told = tell.request(_judged({**_dark(), "answers": [_answer()]}), 5, ["fsn-a", "fsn-b"])
    assert set(told["findings"]) == {"fsn-a", "fsn-b"}
    assert told["findings"]["fsn-a"]["tcp"] == 1
    assert (told["at"], told["able"]) == (5, True)


@given(st.text(alphabet=string.printable[:95], max_size=60))
def test_markdown_shows_a_strangers_words_as_text(words: str) -> None:
    """No cell ends, no tag, no mention, no link."""
    line = tell.markdown(_judged({**_dark(), "answers": [_answer(detail=words)]}), "T")
    row = next(one for one in line.splitlines() if one.startswith("| fsn-a"))
    bare = row.replace("\\\\", "").replace("\\|", "")
    assert bare.count("|") == 6
    assert "<" not in bare.replace("\\<", "")


def test_the_last_line_says_which_of_three_it_is() -> None:
    """Dark, not dark, cannot say."""
    assert tell.summary(_judged(_dark())).startswith("dark: 0 findings; ")
    assert tell.summary(_judged({**_dark(), "answers": [_answer()]})).startswith("not dark: 1 ")
    assert tell.summary(_judged({**_dark(), "controls": []})).startswith("cannot say: ")


def test_outputs_are_the_contracts() -> None:
    """What is tried comes from the stack's plain outputs, as `export json` writes them."""
    assert isinstance(OUTPUTS, Outputs)
    assert POINTER.endswith(("in-addr.arpa", "ip6.arpa"))
