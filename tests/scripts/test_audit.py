"""`backplane audit`: the program that travels, vantages, exit codes, and who is told."""

from __future__ import annotations

import ast
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dns.message
import dns.rrset
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from backplane.audit import heard, tell
from backplane.audit import order as orders
from scripts import _knocker, _lookup, _vantage, audit
from scripts._knock import Knock
from scripts._problem import Problem
from scripts._vantage import Vantage
from tests.core import exported, golden
from tests.core.test_audit import ORDER, _answer, _dark
from tests.runner.fleet import FakeNode
from tests.scripts import fakes

HERE = "127.0.0.1"
OUTPUTS = golden.DIRECTORY / exported.DOCUMENT
Json = dict[str, Any]


def _order(**more: Any) -> Json:  # noqa: ANN401 - fields of an order
    usual: Json = {
        "version": 1, "addresses": [HERE], "tcp": [], "udp": [], "echo": False, "names": False,
        "questions": [], "controls": [], "resolver": HERE, "gap": 0.001, "patience": 0.5,
        "tries": 2,
    }  # fmt: skip
    return {**usual, **more}


def _look(order: Json) -> Json:
    """What the program prints, as it runs at a vantage."""
    told: Json = json.loads(_vantage.look(_vantage.of("local"), order, 60, lambda *_: None))
    return told


# The program that travels


def test_the_program_needs_nothing_of_ours_and_no_new_python() -> None:
    """One text, Python 3.9, the standard library alone; an order cannot become code."""
    evil = '"""\'\nimport os\n\\'
    text = _vantage.program(_order(resolver=evil))
    tree = ast.parse(text, feature_version=(3, 9))
    imported = {
        name.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for name in node.names
    } | {
        (node.module or "").partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }
    assert imported <= sys.stdlib_module_names
    last = tree.body[-1]
    assert isinstance(last, ast.Raise)
    call = ast.unparse(last)
    assert call.startswith("raise SystemExit(main(")
    (literal,) = (node for node in ast.walk(last) if isinstance(node, ast.Constant))
    assert json.loads(str(literal.value))["resolver"] == evil


@contextmanager
def _doors() -> Iterator[dict[str, int]]:
    """Ports of this computer: TCP open and shut, UDP that answers, is mute, and shut."""
    with ExitStack() as stack:
        made = {}
        for name, kind in (
            ("open", socket.SOCK_STREAM), ("shut", socket.SOCK_STREAM),
            ("answers", socket.SOCK_DGRAM), ("mute", socket.SOCK_DGRAM),
            ("gone", socket.SOCK_DGRAM),
        ):  # fmt: skip
            one = stack.enter_context(socket.socket(socket.AF_INET, kind))
            one.bind((HERE, 0))
            made[name] = one
        made["open"].listen()
        ports = {name: int(one.getsockname()[1]) for name, one in made.items()}
        made["gone"].close()

        def answer() -> None:
            try:
                while True:
                    data, sender = made["answers"].recvfrom(999)
                    made["answers"].sendto(b"x" + data, sender)
            except OSError:
                return

        threading.Thread(target=answer, daemon=True).start()
        try:
            yield ports
        finally:
            made["answers"].close()


def test_each_answer_is_told_from_silence() -> None:
    """Open, refused, answered, unreachable, and nothing of what is mute."""
    with _doors() as at:
        udp = [[at[name], "00"] for name in ("answers", "mute", "gone")]
        told = _look(_order(tcp=[at["open"], at["shut"]], udp=udp))
    rows = {(one["kind"], one["what"]): one for one in told["answers"]}
    assert set(rows) == {
        ("tcp", "open"), ("tcp", "refused"), ("udp", "answer"), ("udp", "unreachable"),
    }  # fmt: skip
    assert rows["tcp", "open"]["ports"] == [at["open"]]
    assert rows["tcp", "refused"]["ports"] == [at["shut"]]
    assert rows["udp", "answer"]["detail"] == "2 octets"
    unreachable = rows["udp", "unreachable"]
    assert (unreachable["by"], unreachable["detail"]) == (HERE, "type 3 code 3")
    assert (told["sent"], told["failures"]) == (5, [])
    assert told["sources"][HERE] == {"address": HERE, "interface": "lo", "tunnel": False}


def test_a_control_that_refuses_is_heard_and_a_mute_one_is_not() -> None:
    """Before and after; UDP at port 53 of this computer may be anybody's."""
    with _doors() as at:
        controls = [[HERE, at["open"]], [HERE, at["shut"]]]
        told = _look(_order(controls=controls))
    seen = [(one["when"], one["detail"]) for one in told["controls"] if one["kind"] == "tcp"]
    assert seen == [
        ("before", "open"), ("before", "refused"), ("after", "open"), ("after", "refused"),
    ]  # fmt: skip
    nobody = _look(_order(controls=[["no-such-host.invalid", 1]]))
    assert not [one for one in nobody["controls"] if one["kind"] == "tcp"]


def test_many_ports_are_told_as_one_row() -> None:
    """A machine that refuses everything fills no memory, and the count is whole."""
    with _doors() as at:
        ports = [port for port in range(2000, 2300) if port not in at.values()]
        told = _look(_order(tcp=ports, gap=0.0001))
    rows = [one for one in told["answers"] if one["what"] == "refused"]
    assert len(rows) == 1
    assert len(rows[0]["ports"]) == 64
    assert rows[0]["count"] > 250


def test_it_is_no_faster_than_it_was_told() -> None:
    """60 knocks of 20 ms take more than a second; at once they would take a tenth of it."""
    with _doors() as at:
        knocks = [Knock("tcp", HERE, at["shut"]) for _ in range(60)]
        begin = time.monotonic()
        _knocker.run(knocks, _order(gap=0.02), lambda *_: None)
        slow = time.monotonic() - begin
    assert slow >= 59 * 0.02 * 0.95
    assert {knock.what for knock in knocks} == {"refused"}


def test_an_echo_of_somebody_elses_is_none() -> None:
    """A privileged socket hears the replies to others' requests from here; its own counts."""
    for knock, head in ((Knock("echo", HERE), b"\x45" + bytes(19)), (Knock("echo", "::1"), b"")):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            knock.socket = type("Raw", (), {"type": socket.SOCK_RAW, "close": own.close})()
            knock.payload = b"\x08\0\0\0\x12\x34\0\1knock"
            kind = bytes([129 if ":" in knock.address else 0])
            assert not knock._received(head + kind + b"\0\0\0\x9c\x40\0\1knock", (HERE, 0))
            assert not knock._received(head + b"\x08\0\0\0\x12\x34\0\1knock", (HERE, 0))
            assert knock._received(head + kind + b"\0\0\0\x12\x34\0\1knock", (HERE, 0))
            assert knock.what == "answer"


def test_what_cannot_be_sent_is_told() -> None:
    """No way there is no silence."""
    told = _look(_order(addresses=["255.255.255.255"], tcp=[1]))
    assert told["answers"] == []
    assert told["failures"][0]["count"] == 1
    assert told["failures"][0]["why"]


# Names


def _replied(query: bytes, *records: str, kind: str = "PTR", code: int = 0) -> bytes:
    """An answer by another library."""
    asked = dns.message.from_wire(query)
    reply = dns.message.make_response(asked)
    reply.set_rcode(dns.rcode.Rcode(code))
    for text in records:
        reply.answer.append(dns.rrset.from_text(asked.question[0].name, 60, "IN", kind, text))
    return reply.to_wire()


@pytest.mark.parametrize(
    ("kind", "records"),
    [
        ("PTR", ["db.example.org."]),
        ("PTR", ["a.example.org.", "b.a.example.org."]),
        ("A", ["192.0.2.1"]),
        ("AAAA", ["2001:db8::1"]),
        ("A", []),
    ],
)
def test_records_are_read_as_another_library_wrote_them(kind: str, records: list[str]) -> None:
    """Names that point back into the message too; a denial, and a server's failure."""
    query = _lookup.question("17.100.51.198.in-addr.arpa", kind)
    wire = _replied(query, *records, kind=kind)
    code, found = _lookup.reply(wire, query, kind)
    assert (code, found) == (0, [one.rstrip(".") for one in records])
    for denied in (2, 3):
        assert _lookup.reply(_replied(query, code=denied), query, kind) == (denied, [])


def test_an_answer_to_somebody_elses_question_is_none() -> None:
    """Another id, a question, half of one."""
    query, other = (_lookup.question("x.example.org", "A") for _ in range(2))
    wire = _replied(query, "192.0.2.1", kind="A")
    assert _lookup.reply(b"\0\0" + wire[2:], b"\1\1" + other[2:], "A")[0] is None
    assert _lookup.reply(query, query, "A")[0] is None
    assert _lookup.reply(wire[:-3], query, "A")[0] is None


@given(st.binary(max_size=80))
def test_no_datagram_breaks_the_reader(noise: bytes) -> None:
    """Whatever comes, also names that lead to themselves."""
    query = b"\x01\x02"
    code, found = _lookup.reply(query + b"\x81\x80\0\1\0\1\0\0\0\0" + noise, query, "PTR")
    assert code in {0, None}
    assert all(one.isprintable() for one in found)


# Vantages


def test_ssh_asks_nothing_and_believes_no_strange_key() -> None:
    """The host is a word of its own behind `--`, and Python there gets the program on stdin."""
    place = _vantage.of("ssh:probe@host.example.org")
    assert place.command[0] == "ssh"
    options = [
        two for one, two in zip(place.command, place.command[1:], strict=False) if one == "-o"
    ]
    assert {"BatchMode=yes", "StrictHostKeyChecking=yes"} <= {*options}
    assert place.command[-3:] == ("--", "probe@host.example.org", "python3 -I -")


@pytest.mark.parametrize(
    "text",
    [
        "", "ssh:", "ssh:-oProxyCommand=id", "ssh:a b", "ssh:host;id", "ssh:u@-x", "somewhere",
        "lab:no-such-lab", "lab:../x", "labx",
    ],
)  # fmt: skip
def test_what_is_no_vantage_is_refused(text: str) -> None:
    """Options, commands, labs that are not up."""
    with pytest.raises(ValueError, match=r"vantage|lab"):
        _vantage.of(text)


_STRANGE = (
    "import sys; sys.stdin.read(); print('Host key verification failed.', file=sys.stderr); "
    "sys.exit(255)"
)


@pytest.mark.parametrize(
    ("program", "word"),
    [
        (_STRANGE, "Host key verification failed."),
        ("import sys; sys.exit(3)", "it ended with 3"),
        ("import time; time.sleep(60)", "not done after 1 s"),
    ],
)  # fmt: skip
def test_a_vantage_that_fails_is_told_in_words(program: str, word: str) -> None:
    """Its last words, its exit code, or that it took too long."""
    place = Vantage(name="ssh:x", command=(sys.executable, "-c", program))
    with pytest.raises(Problem) as caught:
        _vantage.look(place, _order(), 1 if "sleep" in program else 30, lambda *_: None)
    assert word in caught.value.why
    gone = Vantage(name="ssh:x", command=("no-such-program",))
    with pytest.raises(Problem, match="nothing could be looked at"):
        _vantage.look(gone, _order(), 5, lambda *_: None)


def test_an_endless_vantage_is_cut_off() -> None:
    """Neither memory nor time: what is too long is not read to its end."""
    endless = "import sys\nwhile True: sys.stdout.write('x' * 65536)"
    place = Vantage(name="ssh:x", command=(sys.executable, "-c", endless))
    with pytest.raises(Problem):
        _vantage.look(place, _order(), 2, lambda *_: None)


# The verb


def _run(monkeypatch: pytest.MonkeyPatch, told: Json, *words: str) -> Any:  # noqa: ANN401
    """Run the verb on the golden outputs, at a vantage that tells this."""
    monkeypatch.setattr(_vantage, "look", lambda *_: json.dumps(told))
    app = typer.Typer()
    app.command()(audit.main)
    return CliRunner().invoke(app, ["--outputs", str(OUTPUTS), *words], env={"NO_COLOR": "1"})


def test_dark_is_0_a_finding_and_blindness_are_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """People read which it is; what is said to them is said why, and how to mend it."""
    done = _run(monkeypatch, _dark())
    assert (done.exit_code, "dark: 0 findings" in done.output) == (0, True)
    done = _run(monkeypatch, {**_dark(), "answers": [_answer()]})
    assert done.exit_code == 1
    for word in ("not dark: 1 findings", "tcp 22 accepts connections", "why", "fix"):
        assert word in done.output
    done = _run(monkeypatch, {**_dark(), "controls": []})
    assert done.exit_code == 1
    assert "cannot say: tcp over ipv4: no control answered before" in done.output


def test_programs_get_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """On stdout alone; the estimate is on stderr."""
    done = _run(monkeypatch, {**_dark(), "answers": [_answer()]}, "--json")
    verdict = json.loads(done.stdout)
    assert (verdict["ok"], verdict["able"], len(verdict["findings"])) == (False, True, 1)
    assert "knocks on" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--from", "ssh:-x"),
        ("--without", "sight"),
        ("--ports", "0"),
        ("--control", "host"),
        ("--control", "host:0"),
        ("--control", "a b:1"),
        ("--rate", "0"),
        ("--rate", "1000"),
        ("--tell", "fsn-a"),
    ],
)
def test_wrong_usage_is_2(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    """And nothing is knocked on."""
    monkeypatch.setattr(audit, "_look", lambda *_: pytest.fail("it looked"))
    assert _run(monkeypatch, _dark(), *words).exit_code == 2


def test_a_liar_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a vantage tells about others ends in words, not in a report."""
    done = _run(monkeypatch, {**_dark(), "answers": [_answer(address="192.0.2.77")]})
    assert done.exit_code == 1
    assert isinstance(done.exception, Problem)
    assert "192.0.2.77" in done.exception.why


def test_files_are_written_whole_and_for_everybody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Metrics replace what was there, and leave nothing beside; Markdown is added."""
    metrics, report = tmp_path / "audit.prom", tmp_path / "summary.md"
    metrics.write_text("old")
    report.write_text("# before\n")
    words = ("--metrics", str(metrics), "--markdown", str(report))
    assert _run(monkeypatch, {**_dark(), "answers": [_answer()]}, *words).exit_code == 1
    assert 'backplane_audit_findings{node="fsn-a",kind="tcp"} 1\n' in metrics.read_text()
    assert metrics.stat().st_mode & 0o777 == 0o644
    assert {path.name for path in tmp_path.iterdir()} == {"audit.prom", "summary.md"}
    assert report.read_text().startswith("# before\n## Seen from outside (local)\n")


def test_a_node_is_told_over_ssh() -> None:
    """By one call, with counts and nothing else."""
    got: list[Json] = []

    def take(_self: FakeNode, request: Json) -> Json:
        got.append(request)
        return {}

    request = {"at": 1, "able": True, "findings": {"n000": {"tcp": 1}}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeNode, "do_audited", take, raising=False)
        fakes.among(1, lambda _: None, lambda keys: audit.hand(keys, "n000", request))
    assert got == [request]


def test_an_order_is_what_the_program_takes() -> None:
    """The core's order runs, and its answer is read by the core again."""
    outputs = exported.outputs()
    order = orders.of(outputs, without=["ipv6", "names"], ports="1", controls=[(HERE, 1)])
    told = _look({**order.document, "addresses": [], "resolver": HERE, "patience": 0.2})
    assert heard.read(json.dumps(told), order).sent == 0
    assert tell.METRICS
    assert ORDER.document["version"] == told["version"]


# A network of its own

_ALONE = """
import json, subprocess, sys
from scripts import _vantage
def sh(script, *front, **more):
    subprocess.run([*front, "sh", "-euc", script], check=True, **more)
house = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep 60"], stdout=-1)
house.stdout.readline()
inside = ("nsenter", "--net", "--target", str(house.pid))
try:
    sh(f"ip link add out type veth peer name in netns {house.pid}")
    sh("ip link set lo up; ip link set out up; ip addr add 192.0.2.50/24 dev out")
    sh("ip addr add 2001:db8::50/64 dev out nodad")
    sh("ip link set in up; ip addr add 192.0.2.1/24 dev in; ip addr add 192.0.2.99/24 dev in;"
       " ip addr add 2001:db8::1/64 dev in nodad; ip addr add 2001:db8::99/64 dev in nodad",
       *inside)
    rules = ("table inet g { chain i { type filter hook input priority 0;"
             " icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept;"
             f" ip daddr 192.0.2.1 {sys.argv[1]}; ip6 daddr 2001:db8::1 {sys.argv[1]}; "
             "}; }")
    sh("nft -f -", *inside, input=rules, text=True)
    order = json.loads(sys.argv[2])
    print(_vantage.look(_vantage.of("local"), order, 60, lambda *_: None))
finally:
    house.kill()
    house.wait()
"""


def _alone(verdict: str) -> Json:
    """A look at a house on a network that nothing else is on, whose guard says `verdict`."""
    order = _order(
        addresses=["192.0.2.1", "2001:db8::1", "203.0.113.9"], tcp=[22, 80], udp=[[51820, ""]],
        echo=True, controls=[["192.0.2.99", 80], ["2001:db8::99", 80]], patience=1.5,
    )  # fmt: skip
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", _ALONE, verdict, json.dumps(order)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: Json = json.loads(done.stdout)
    return told


@pytest.mark.lab
def test_a_house_is_heard_and_a_guard_makes_it_silent() -> None:
    """Without its guard it refuses, sends errors and echoes over both families; with it nothing.

    The control beside it is heard both times; an address without a way there is no silence.
    """
    dark = _alone("drop")
    assert dark["answers"] == []
    assert {one["address"] for one in dark["failures"]} == {"203.0.113.9"}
    heard_ = {(one["kind"], one["family"]) for one in dark["controls"] if one["answered"]}
    assert heard_ == {(kind, six) for kind in ("tcp", "echo") for six in ("ipv4", "ipv6")}
    lit = _alone("accept")
    seen = {(one["address"], one["kind"], one["what"]) for one in lit["answers"]}
    assert seen == {
        (at, kind, what)
        for at in ("192.0.2.1", "2001:db8::1")
        for kind, what in (("tcp", "refused"), ("udp", "unreachable"), ("echo", "answer"))
    }
