"""The audit from outside: what is an answer, what proves nothing, and that it hears one."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from lab.prober.capture import Packet
from lab.prober.ports import TOP_TCP
from tests.e2e.offer import ROOT
from tests.e2e.outside import ROUNDS, Heard, interfaces, is_answer

_NODE, _STRANGER = "192.0.2.1", "192.0.2.99"
_DARK = Heard(
    asked=(_NODE,), skipped=(), sent=318, refused=(), answers=(), others=4, lost=0
)  # fmt: skip


def _packet(source: str, protocol: str, detail: str) -> Packet:
    return Packet(
        time=0, family=4, source=source, destination="192.0.2.50", protocol=protocol,
        detail=detail, length=40,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("packet", "answer"),
    [
        (_packet(_NODE, "tcp", "22->40000 flags=0x12"), True),
        (_packet(_NODE, "tcp", "22->40000 flags=0x14"), True),
        (_packet(_NODE, "udp", "51820->40000"), True),
        (_packet(_NODE, "icmp", "type=0 code=0"), True),
        (_packet(_NODE, "icmp", "type=3 code=3"), True),
        (_packet(_NODE, "47", ""), True),
        (_packet(_NODE, "udp", "51820->51820"), False),
        (_packet(_NODE, "udp", "51821->4000"), False),
        (_packet(_STRANGER, "tcp", "443->40000 flags=0x12"), False),
        (_packet(_STRANGER, "icmp", "type=3 code=1"), False),
    ],
)
def test_an_answer_comes_from_who_was_asked_to_where_it_was_asked(
    packet: Packet, *, answer: bool
) -> None:
    """Open, closed, unreachable and echo are answers; a tunnel's packets and others' are none."""
    assert is_answer(packet, frozenset({_NODE})) is answer


def test_only_a_heard_silence_is_dark() -> None:
    """Each way to hear nothing for another reason is told; so is what was not asked."""
    assert _DARK.wrong == []
    for change, word in (
        ({"answers": ("192.0.2.1 tcp 22",)}, "answered: 192.0.2.1"),
        ({"refused": ("3 x icmp/4 No route",)}, "not sent: 3 x icmp/4"),
        ({"asked": ()}, "no address"),
        ({"others": 0}, "the wire was not heard"),
        ({"lost": 2}, "2 packets"),
    ):
        (told,) = dataclasses.replace(_DARK, **change).wrong
        assert word in told
    assert "not asked from here" not in _DARK.shown
    assert (
        "not asked from here: 2001:db8::1"
        in dataclasses.replace(_DARK, skipped=("2001:db8::1",)).shown
    )


@pytest.mark.lab
def test_the_wire_is_heard_where_each_family_leaves() -> None:
    """IPv6 by another interface than IPv4, or by the same; an address of nobody's is told."""
    assert interfaces({4: "127.0.0.1"}) == {"lo"}
    with pytest.raises(OSError, match="no interface has the address"):
        interfaces({4: "127.0.0.1", 6: "2001:db8::1"})


_ALONE = """
import contextlib, dataclasses, json, socket, subprocess, sys
from tests.e2e import outside
def sh(script, *front, **more):
    subprocess.run([*front, "sh", "-euc", script], check=True, **more)
house = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep 60"], stdout=-1)
house.stdout.readline()
inside = ("nsenter", "--net", "--target", str(house.pid))
try:
    sh(f"ip link add out type veth peer name in netns {house.pid}")
    sh("ip link set lo up; ip link set out up; ip addr add 192.0.2.50/24 dev out")
    sh("ip link set in up; ip addr add 192.0.2.1/24 dev in; ip addr add 192.0.2.99/24 dev in",
       *inside)
    chain = "type filter hook input priority 0; ip daddr 192.0.2.1 " + sys.argv[1]
    sh("nft -f -", *inside, input=f"table inet g {{ chain i {{ {chain}; }}; }}", text=True)
    def other():
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("192.0.2.99", 80), 5)
    heard = outside.audit(["192.0.2.1", "2001:db8::1"], other)
finally:
    house.kill()
    house.wait()
print(json.dumps(dataclasses.asdict(heard) | {"wrong": heard.wrong}))
"""


def _alone(verdict: str) -> dict[str, object]:
    """An audit of a house on a network that nothing else is on, whose guard says `verdict`."""
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", _ALONE, verdict],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout)
    return told


@pytest.mark.lab
def test_a_door_is_heard_and_a_guard_makes_it_silent() -> None:
    """Without its guard a house answers on every port, with it on none; each knock has left.

    A neighbour's packet is counted, and an address that there is no way to is skipped.
    """
    dark = _alone("drop")
    assert (dark["wrong"], dark["asked"], dark["skipped"]) == ([], [_NODE], ["2001:db8::1"])
    assert (dark["sent"], dark["others"]) == (ROUNDS * (6 + len(TOP_TCP)), 1)
    lit = _alone("accept")
    answers = lit["answers"]
    assert isinstance(answers, list)
    assert f"{_NODE} tcp 22->40000 flags=0x14" in answers
    assert f"{_NODE} icmp type=0 code=0" in answers
    assert f"{_NODE} icmp type=3 code=3" in answers
    assert {one.split()[0] for one in answers} == {_NODE}
    assert lit["wrong"]
