"""The program of an audit that travels: what it needs, what it hears, and how gently it knocks."""

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

import pytest

from scripts import _knocker, _vantage
from scripts._knock import Knock
from tests.scripts.knocks import HERE, Json, look, order

# The program that travels


def test_the_program_needs_nothing_of_ours_and_no_new_python() -> None:
    """One text, Python 3.9, the standard library alone; an order cannot become code."""
    evil = '"""\'\nimport os\n\\'
    text = _vantage.program(order(resolver=evil))
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
        told = look(order(tcp=[at["open"], at["shut"]], udp=udp))
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
        told = look(order(controls=controls))
    seen = [(one["when"], one["detail"]) for one in told["controls"] if one["kind"] == "tcp"]
    assert seen == [
        ("before", "open"), ("before", "refused"), ("after", "open"), ("after", "refused"),
    ]  # fmt: skip
    nobody = look(order(controls=[["no-such-host.invalid", 1]]))
    assert not [one for one in nobody["controls"] if one["kind"] == "tcp"]


def test_many_ports_are_told_as_one_row() -> None:
    """A machine that refuses everything fills no memory, and the count is whole."""
    with _doors() as at:
        ports = [port for port in range(2000, 2300) if port not in at.values()]
        told = look(order(tcp=ports, gap=0.0001))
    rows = [one for one in told["answers"] if one["what"] == "refused"]
    assert len(rows) == 1
    assert len(rows[0]["ports"]) == 64
    assert rows[0]["count"] > 250


def test_it_is_no_faster_than_it_was_told() -> None:
    """60 knocks of 20 ms take more than a second; at once they would take a tenth of it."""
    with _doors() as at:
        knocks = [Knock("tcp", HERE, at["shut"]) for _ in range(60)]
        begin = time.monotonic()
        _knocker.run(knocks, order(gap=0.02), lambda *_: None)
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
    told = look(order(addresses=["255.255.255.255"], tcp=[1]))
    assert told["answers"] == []
    assert told["failures"][0]["count"] == 1
    assert told["failures"][0]["why"]


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
    given = order(
        addresses=["192.0.2.1", "2001:db8::1", "203.0.113.9"], tcp=[22, 80], udp=[[51820, ""]],
        echo=True, controls=[["192.0.2.99", 80], ["2001:db8::99", 80]], patience=1.5,
    )  # fmt: skip
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", _ALONE, verdict, json.dumps(given)],
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
