"""A storage plane that takes all it can get leaves management usable: classes on the way out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import pytest

from lab.faults import path
from tests.lab.mesh import Declaration, Mesh

SENDER, SINK = "fsn-a", "hel-b"
LINE = 50
"""Mbit/s that the sender's line carries each way."""

PINGS, SECONDS = 100, 7
_TIME = re.compile(r"time=([0-9.]+) ms")
_SINK_PORT = 5201


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Management over a line, idle and while storage fills it.

    Attributes:
        idle: median round trip, milliseconds.
        busy: the same, while the line is full.
        lost: of those packets.
        mbit: what storage got meanwhile, in Mbit/s.
    """

    idle: float
    busy: float
    lost: int
    mbit: float


def _address(mesh: Mesh, node: str, slot: str) -> str:
    address: str = mesh.outputs()["nodes"][node]["addresses"][slot]["ipv4"]
    return address


def _trips(mesh: Mesh, target: str) -> list[float]:
    ping = f"ping -n -i 0.05 -c {PINGS} -W 2 {target} || true"
    return [float(one) for one in _TIME.findall(mesh.lab.on(SENDER).succeed(ping))]


def _looked_at(mesh: Mesh) -> Seen:
    """Fill the sender's line with storage's traffic, and look how management fares."""
    management = _address(mesh, SINK, "management")
    own, sink = (_address(mesh, node, "storage") for node in (SENDER, SINK))
    sender = mesh.lab.on(SENDER)
    with path.slow(mesh.lab.machine(SENDER), rate=f"{LINE}mbit"):
        idle = _trips(mesh, management)
        sender.succeed(
            f"iperf3 --client {sink} --bind {own} --time {SECONDS + 3} --parallel 8 --json "
            ">/run/iperf.json 2>&1 </dev/null & sleep 2"
        )
        busy = _trips(mesh, management)
        sender.wait_until_succeeds("! pgrep -x iperf3", 60)
    told: dict[str, Any] = json.loads(sender.succeed("cat /run/iperf.json"))
    return Seen(
        idle=median(idle),
        busy=median(busy),
        lost=PINGS - len(busy),
        mbit=told["end"]["sum_received"]["bits_per_second"] / 1e6,
    )


def _declared(mesh: Mesh, change: Callable[[Declaration], None]) -> None:
    mesh.declare(change)
    mesh.must("up", "--yes", "--skip-preview")


def _without(declaration: Declaration) -> None:
    """No classes, and a port of storage for the program that measures."""
    declaration["traffic"] = {"classes": False}
    declaration["services"] = {"iperf": {"plane": "storage", "tcp": [_SINK_PORT]}}
    declaration["sites"]["hel"]["nodes"][SINK]["roles"].append("iperf")


def _with(declaration: Declaration) -> None:
    declaration["traffic"] = {"classes": True}
    declaration["sites"]["fsn"]["nodes"][SENDER]["uplink"] = LINE


def _as_before(declaration: Declaration) -> None:
    del declaration["services"], declaration["traffic"]
    del declaration["sites"]["fsn"]["nodes"][SENDER]["uplink"]
    declaration["sites"]["hel"]["nodes"][SINK]["roles"].remove("iperf")


def _ready(mesh: Mesh) -> None:
    """Both ends have iperf3, and one waits on its address of storage."""
    for node in (SENDER, SINK):
        install = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends"
        mesh.lab.on(node).succeed(f"{install} iperf3 >/dev/null", 120)
    bind = f"iperf3 --server --bind {_address(mesh, SINK, 'storage')}"
    mesh.lab.on(SINK).succeed(f"systemd-run --quiet --unit=iperf-sink {bind}")
    mesh.lab.on(SINK).wait_until_succeeds(f"ss -Hltn 'sport = :{_SINK_PORT}' | grep -q .")


@pytest.mark.long
@pytest.mark.timeout(400)
def test_management_goes_before_storage(mesh: Mesh, capsys: pytest.CaptureFixture[str]) -> None:
    """A line of 50 Mbit/s is full: with classes no packet of management is lost or late.

    Without them the same line shows that they are what does it.
    """
    _declared(mesh, _without)
    roots = mesh.lab.on(SENDER).succeed("tc -json qdisc show dev eth0")
    assert [one["handle"] for one in json.loads(roots) if one.get("root")] == ["0:"]
    _ready(mesh)
    try:
        off = _looked_at(mesh)
        _declared(mesh, _with)
        on = _looked_at(mesh)
    finally:
        mesh.lab.on(SINK).succeed(
            "systemctl stop iperf-sink.service; systemctl reset-failed iperf-sink.service || true"
        )
    with capsys.disabled():
        print(f"\nmanagement on a full line without classes: {off}\nwith them: {on}")  # noqa: T201
    assert on.lost == 0, on
    assert on.busy <= 2 * on.idle + 10, on
    assert off.busy > 2 * on.busy, off
    # Storage is not starved for it: it has what management leaves.
    assert on.mbit > 0.8 * LINE, on
    _declared(mesh, _as_before)
    assert mesh.verify()["ok"] is True
