"""Two or more machines ping each other on all planes while something is done: what got lost.

    with Flow(mesh.lab, ("fsn-a", "hel-a")).running() as flow:
        mesh.must("up", "--yes", "--skip-preview")
    assert flow.lost() == {}

Each packet is an echo request of `lab/meter.py`, which runs on the machines themselves: 50 a
second, or `rate`, to each address, IPv4 and IPv6, of each other machine, on each plane. A flow
that is `traced` keeps each packet's fate, both directions apart; `tests/lab/outage.py` reads it.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from lab import meter
from lab.machines.machine import Machine
from tests.lab.mesh import Declaration, Done, Mesh
from tests.lab.outage import Packet, packets
from tests.lab.verbs import TestLab

RATE = 50
PLANES = ("wg0", "wg1", "wg2", "wg3")
FAMILIES = ("IPv4", "IPv6")
PAIR = ("fsn-a", "hel-a")
"""Two that ping each other; they are on two sites, and part of every change."""

_PLACE = "/run/lab-meter.py"
_READY = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One direction of the traffic: from one machine to another one's address on a plane."""

    source: str
    target: str
    plane: str
    family: str

    def __str__(self) -> str:
        return f"{self.source} to {self.target} on {self.plane}, {self.family}"


@dataclass(slots=True)
class Flow:
    """Meters on machines, and what they counted once they were stopped.

    Attributes:
        lab: the lab.
        names: the machines; each pings all others.
        planes: the planes on which they ping.
        families: `IPv4`, `IPv6` or both.
        traced: whether each packet's fate is kept.
        rate: packets a second to each address.
        counts: what came of each way's packets.
        packets: each way's packets, in the order in which they were sent; only if traced.
        began: when all of them had an answer, seconds since 1970.
    """

    lab: TestLab
    names: Sequence[str]
    planes: Sequence[str] = PLANES
    families: Sequence[str] = FAMILIES
    traced: bool = False
    rate: int = RATE
    counts: dict[Way, meter.Count] = field(default_factory=dict)
    packets: dict[Way, list[Packet]] = field(default_factory=dict)
    began: float = 0.0
    _ways: dict[str, dict[str, Way]] = field(default_factory=dict)

    @contextmanager
    def running(self) -> Iterator[Flow]:
        """Let the meters run during the block; they have their first answers before it begins."""
        addresses = {name: self._addresses(name) for name in self.names}
        tokens = {name: os.urandom(8).hex() for name in self.names if self.traced}
        processes: dict[str, subprocess.Popen[str]] = {}
        try:
            for name in self.names:
                processes[name] = self._start(name, addresses, tokens)
            for name, process in processes.items():
                _await_ready(name, process)
            self.began = time.time()
            yield self
            for process in processes.values():
                # All at once: whoever stops first still hears the others' last packets.
                assert process.stdin is not None
                process.stdin.close()
                process.stdin = None
            told = {name: _stop(name, process) for name, process in processes.items()}
        finally:
            for process in processes.values():
                if process.poll() is None:
                    process.kill()
                process.communicate()
        for name, one in told.items():
            for number, (label, way) in enumerate(self._ways[name].items()):
                self.counts[way] = meter.Count(**one["counts"][label])
                if self.traced:
                    heard = told[way.target]["heard"][name]
                    self.packets[way] = packets(one["sent"][label], number, heard)

    def _addresses(self, name: str) -> dict[tuple[str, str], str]:
        """A machine's addresses in question by plane and family."""
        found = _addresses(self.lab.machine(name))
        return {
            (plane, family): address
            for (plane, family), address in found.items()
            if plane in self.planes and family in self.families
        }

    def _start(
        self,
        name: str,
        addresses: dict[str, dict[tuple[str, str], str]],
        tokens: dict[str, str],
    ) -> subprocess.Popen[str]:
        machine = self.lab.machine(name)
        ways = {
            Way(source=name, target=other, plane=plane, family=family): address
            for other in self.names
            if other != name
            for (plane, family), address in addresses[other].items()
        }
        self._ways[name] = {str(way): way for way in ways}
        source = (meter.__file__, _PLACE)
        with open(source[0], encoding="utf-8") as file:  # noqa: PTH123 - a module's own file
            put = machine.run("sh", "-c", f"cat >{_PLACE}", stdin=file.read())
        assert put.returncode == 0, put.stderr
        order: dict[str, Any] = {
            "targets": {str(way): where for way, where in ways.items()},
            "rate": self.rate,
        }
        if self.traced:
            others = {tokens[other]: other for other in self.names if other != name}
            order |= {"token": tokens[name], "hears": others}
        process = subprocess.Popen(
            machine.words("python3", _PLACE),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        return process

    # What came of it

    def sent(self, plane: str) -> int:
        """Packets sent on a plane, both ways."""
        return sum(count.sent for way, count in self.counts.items() if way.plane == plane)

    def lost(self) -> dict[str, int]:
        """Packets lost, for each way that lost any."""
        return {str(way): count.lost for way, count in self.counts.items() if count.lost}

    def lost_on(self, plane: str) -> int:
        """Packets lost on a plane, both ways."""
        return sum(count.lost for way, count in self.counts.items() if way.plane == plane)

    def gap(self, plane: str) -> float:
        """The longest time between two answers on a plane, in milliseconds, on any way."""
        return max(count.gap_ms for way, count in self.counts.items() if way.plane == plane)

    def told(self) -> str:
        """What was counted, for a person who reads a failure."""
        return "\n".join(f"{way}: {count}" for way, count in sorted(self.counts.items(), key=str))


def _addresses(machine: Machine) -> dict[tuple[str, str], str]:
    """A machine's plane addresses by interface and family."""
    done = machine.run("ip", "-json", "address", "show")
    assert done.returncode == 0, done.stderr
    return {
        (link["ifname"], "IPv4" if info["family"] == "inet" else "IPv6"): info["local"]
        for link in json.loads(done.stdout)
        if link.get("ifname") in PLANES
        for info in link["addr_info"]
        if info["scope"] == "global"
    }


def _await_ready(name: str, process: subprocess.Popen[str]) -> None:
    """Wait until a meter has heard from everybody."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line == "ready\n", f"{name}: the meter ended: {process.communicate()}"


def _stop(name: str, process: subprocess.Popen[str]) -> dict[str, dict[str, Any]]:
    """Wait for the end of a meter that was told to stop; give what it says."""
    out, err = process.communicate(timeout=_READY)
    assert process.returncode == 0, f"{name}: {err}"
    told: dict[str, dict[str, Any]] = json.loads(out)
    return told


def through(mesh: Mesh, flow: Flow, change: Callable[[Declaration], None] = lambda _: None) -> Done:
    """Declare a change, if it is not declared yet, and bring it about while the meters run."""
    mesh.declare(change)
    with flow.running():
        up = mesh.must("up", "--yes", "--skip-preview")
    sent = min(flow.sent(plane) for plane in PLANES)
    # Two ways, two families; the meters run longer than `up`, and keep their pace under load.
    assert sent > up.seconds * RATE * 4 * 0.9, flow.told()
    return up


def lossless(flow: Flow, planes: tuple[str, ...] = PLANES) -> None:
    """Nothing that was sent on these planes is lost."""
    assert {plane: flow.lost_on(plane) for plane in planes} == dict.fromkeys(planes, 0), flow.told()
